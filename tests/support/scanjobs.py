"""Jobs of our own scan without an inventory on disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doubles.jobs import ESTATE
from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.work import Job
from opsbook.model.clock import Clock
from opsbook.model.estate import Inventory
from opsbook.model.places import Places


def job_of(
    inventory: Inventory,
    clock: Clock,
    run: str,
    parameters: Mapping[str, Any],
    place: Path,
    runbook: str = "control_scan",
) -> Job:
    """A run of ``runbook`` on all of ``inventory``; what is not said is as declared."""
    (place / "estate.yml").write_text(ESTATE, encoding="utf-8")
    book = load_runbook(runbook)
    declared = {parameter.name: parameter.default for parameter in book.parameters}
    places = Places(place / "state")
    return Job(
        run=run,
        estate=load_estate(str(place), places),
        inventory=inventory,
        runbook=book,
        parameters=declared | dict(parameters),
        places=places,
        clock=clock,
        started=clock.now(),
        cancelled=threading.Event(),
        deadline=clock.monotonic() + 600,
    )
