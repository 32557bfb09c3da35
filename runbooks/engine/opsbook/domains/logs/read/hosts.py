"""Which hosts can be asked about: those of the inventory, and those of which logs are kept."""

from __future__ import annotations

from difflib import get_close_matches

from opsbook.domains.logs.keep import stored
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

_MOST_TOLD = 20


def must_exist(store: DiskLogStore, places: Places, host: str | None) -> None:
    """Raises UsageFault with the hosts there are when ``host`` is none of them.

    The inventory is asked only when nothing of such a host is kept.
    """
    with store.catalogue.reading() as db:
        kept = stored.hosts(db)
    if host is None or host in kept:
        return
    known = sorted({*kept, *_declared(store, places)})
    if host not in known:
        raise UsageFault(
            msg("Estate {estate} has no host {host}, and no logs of one are kept.",
                estate=store.estate.name, host=host),
            untouched=msg("Nothing was touched."),
            next_step=_instead(host, known),
        )  # fmt: skip


def _declared(store: DiskLogStore, places: Places) -> list[str]:
    """The hosts of the inventory; none when it cannot be read: what is kept can still be."""
    from opsbook.execution.declared.inventory import load_inventory

    try:
        return [host.name for host in load_inventory(store.estate, places, None).hosts]
    except InputFault:
        return []


def _instead(host: str, known: list[str]) -> Message | None:
    near = get_close_matches(host, known, 1, 0.6)
    if near:
        return msg("Did you mean {name}?", name=near[0])
    some = ", ".join(known[:_MOST_TOLD]) + (" ..." if len(known) > _MOST_TOLD else "")
    return msg("There are the hosts {hosts}.", hosts=some) if known else None
