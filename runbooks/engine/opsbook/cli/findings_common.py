"""What the commands of findings share: the estate with its store, fixed words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from opsbook.model.message import msg

if TYPE_CHECKING:
    from opsbook.domains.hardening.store.model import Finding
    from opsbook.domains.hardening.store.store import FindingStore
    from opsbook.domains.hardening.waivers.view import CountedView
    from opsbook.model.estate import Estate, Inventory
    from opsbook.model.places import Places

STATES = {
    "open": msg("open"),
    "fixed": msg("fixed"),
    "not_reproducible": msg("not reproducible"),
    "undecided": msg("undecided"),
    "noted": msg("noted"),
    "waived": msg("waived"),
}
CREDENTIALED = {
    "True": msg("yes"),
    "False": msg("no"),
    "None": msg("not told"),
}


class Asked(NamedTuple):
    """An estate and all its hosts."""

    places: Places
    estate: Estate
    inventory: Inventory


def asked_estate(name: str) -> Asked:
    """The estate given by name or path. Raises InputFault, UsageFault."""
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.execution.declared.inventory import load_inventory
    from opsbook.model.places import Places

    places = Places.from_env()
    estate = load_estate(name, places)
    return Asked(places, estate, load_inventory(estate, places, None))


def open_store(asked: Asked) -> FindingStore:
    """The store of findings, with inventory and catalogue as they are now."""
    from opsbook.domains.hardening.store.store import open_findings

    return open_findings(asked.places, asked.estate.name, asked.inventory)


def open_view(asked: Asked) -> CountedView:
    """The findings of the store as they are now, those waived that are accepted."""
    from opsbook.domains.hardening.waivers.register import open_register
    from opsbook.domains.hardening.waivers.view import CountedView
    from opsbook.model.clock import SystemClock

    register = open_register(asked.places, asked.estate, asked.inventory)
    return CountedView(open_store(asked), register, SystemClock().now())


def titled(findings: Iterable[Finding], asked: Asked) -> Iterator[Finding]:
    """``findings`` for people: those of a control bear its title in the language in use."""
    from dataclasses import replace

    from opsbook.domains.hardening.store.catalogue import OurControls
    from opsbook.text import translate

    controls = OurControls(asked.places)
    for one in findings:
        title = controls.title_of(one.control) if one.control else None
        yield replace(one, title=translate(title)) if title else one


def one_of(value: str | None, known: list[str], what: str) -> list[str]:
    """Words separated by commas. Raises UsageFault for one that is not known."""
    from opsbook.model.errors import UsageFault

    words = [word.strip() for word in (value or "").split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise UsageFault(
                msg("{option} does not know {word}; it takes: {known}.",
                    option=what, word=word, known=", ".join(known))
            )  # fmt: skip
    return words
