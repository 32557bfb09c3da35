"""Whether a change has written on this host, also where its journal does not tell."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import journal

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import Step


def as_planned(manager: Manager, steps: t.Sequence[Step]) -> list[Step]:
    """Planned packages that stand where the plan puts them, whoever did that."""
    return [s for s in steps if manager.version(s.name) == s.after != s.before]


def wrote_nothing(change: str, manager: Manager | None, steps: t.Sequence[Step]) -> bool:
    """Whether nothing of ``change`` is on this host: its journal says so, and the packages do.

    ``applying`` is on the disk before the first write, so ``prepared`` is believed; a journal that
    is missing, cannot be read or says ``begun`` is held against the packages.
    """
    word = journal.state(change)
    if word == "prepared":
        return True
    return word in ("", "begun", "undone") and not (manager and as_planned(manager, steps))
