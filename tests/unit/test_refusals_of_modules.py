"""Hosts that a module refused before it wrote anything have not failed."""

from __future__ import annotations

from typing import Any

import pytest

from doubles.jobs import MemorySink
from opsbook.execution.ansible.playevents import PlayEvents
from opsbook.execution.masking import Masker
from opsbook.model.outcome import Outcome

Json = dict[str, Any]

REFUSED: Json = {"msg": "Nothing was touched.", "opsbook_refused": True, "failed": True}
PREPARED: Json = {"changed": True, "opsbook_prepared": {"directory": "/kept"}}
WROTE: Json = {"changed": True}
READ: Json = {"changed": False}
BROKE: Json = {"msg": "broken", "failed": True}

CASES: dict[str, tuple[str, list[Json], Outcome]] = {
    "refused at once": ("apply", [REFUSED], Outcome.REFUSED),
    "refused after reading": ("apply", [READ, REFUSED], Outcome.REFUSED),
    "refused after preparing": ("apply", [PREPARED, REFUSED], Outcome.REFUSED),
    "refused after something was written": ("apply", [WROTE, REFUSED], Outcome.FAILED),
    "refused, having written itself": ("apply", [REFUSED | WROTE], Outcome.FAILED),
    "failed as well": ("apply", [REFUSED, BROKE], Outcome.FAILED),
    "a word that is not true": ("apply", [REFUSED | {"opsbook_refused": "yes"}], Outcome.FAILED),
    "half-way, says the module": (
        "apply", [PREPARED, REFUSED | {"opsbook_refused": False}], Outcome.FAILED,
    ),
    "an undo that was refused": ("undo", [REFUSED], Outcome.FAILED),
}  # fmt: skip


@pytest.mark.parametrize("ended", [True, False], ids=["to the end", "Ansible killed"])
@pytest.mark.parametrize(("phase", "results", "outcome"), CASES.values(), ids=CASES)
def test_a_refusal_counts_where_nothing_was_written(
    phase: str, results: list[Json], outcome: Outcome, ended: bool
) -> None:
    events = PlayEvents(["web1"], MemorySink(), Masker(()), phase)
    for result in results:
        kind = "runner_on_failed" if result.get("failed") else "runner_on_ok"
        data = {"host": "web1", "task": "install", "res": result}
        events({"event": kind, "event_data": data})
    if ended:
        events({"event": "playbook_on_stats", "event_data": {"failures": {"web1": 1}}})
    report = events.report("web1", None)
    assert report.outcome is outcome
    assert ("refused" in report.summary.english()) == (outcome is Outcome.REFUSED)
