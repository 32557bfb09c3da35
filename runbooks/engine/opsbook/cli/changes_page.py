"""The approver's page and the whole plan, for ``opsbook plan`` and ``opsbook approve``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def page_of(name: str, form: str, *, full: bool = False) -> str:
    """The page of change ``name``, or of the plan exported to the file ``name``.

    ``form`` is text, html or md. What a change still lacks stands on it; a file cannot know.
    """
    told, missing = _told(name)
    return _page(told, missing, form, full=full)


def page_of_plan(plan: Mapping[str, Any]) -> str:
    """The page of a plan that was read from a file, as text."""
    return _page(plan, [], "text", full=False)


def _page(told: Mapping[str, Any], missing: list[Any], form: str, *, full: bool) -> str:
    from opsbook.documents import explain
    from opsbook.text import current

    return explain(told, form, current(), missing=missing, full=full)  # type: ignore[arg-type]


def _told(name: str) -> tuple[Mapping[str, Any], list[Any]]:
    from opsbook.ledger.changes import as_of
    from opsbook.ledger.dossier import read_dossier
    from opsbook.ledger.store import open_ledger
    from opsbook.lifecycle.change.comparing import is_file, read_plan
    from opsbook.lifecycle.deciding.approving import still_missing
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    if is_file(name):
        return read_plan(name, places, clock), []
    ledger = open_ledger(places, clock)
    at = clock.now()
    dossier = as_of(read_dossier(ledger, name), at)
    return dossier, list(still_missing(ledger, dossier, places, at))
