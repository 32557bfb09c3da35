"""Figures of the ledger: appending, verifying a million events, listing ten thousand records."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from figures import Figure

from doubles.clock import FakeClock
from opsbook.ledger.audit import audit
from opsbook.ledger.store import SqlLedger, open_ledger
from opsbook.model.event import NewEvent
from opsbook.model.places import Places

EVENTS = 1_000_000
_PER_RUN = 500


def bench(state: Path) -> list[Figure]:
    """A million events verified, and how quickly events become durable."""
    with tempfile.TemporaryDirectory(dir=state) as directory:
        figures = appending(Path(directory) / "append")
        figures |= verifying(Path(directory) / "verify", EVENTS)
    memory = figures["verify_kib"] / 1024
    return [
        Figure("verify 1,000,000 events", "60 s", "<= 1.0 x", figures["verify"] / 60,
               figures["verify"] <= 60, f"{figures['verify']:.1f} s, {memory:.0f} MiB"),
        Figure("durable single appends per second", "-", "-", figures["appends_per_second"], True,
               f"in batches of 500: {figures['batched_events_per_second']:.0f} events/s"),
    ]  # fmt: skip


def appending(root: Path, single: int = 300, batched: int = 20_000) -> dict[str, Any]:
    """Durable appends per second: one event each, and in batches of 500."""
    clock = FakeClock()
    ledger = open_ledger(Places(root), clock)
    one = _seconds(lambda: [ledger.append([_task(n)]) for n in range(single)])
    batch = [_task(n) for n in range(_PER_RUN)]
    many = _seconds(lambda: [ledger.append(batch) for _ in range(batched // _PER_RUN)])
    ledger.close()
    return {"appends_per_second": single / one, "batched_events_per_second": batched / many}


def verifying(root: Path, events: int) -> dict[str, Any]:
    """Verify in a process of its own, whose peak memory is told."""
    fill(Places(root), events // _PER_RUN, _PER_RUN - 1)
    code = "import sys; import bench_ledger as b; b.verify_here(sys.argv[1])"
    told = _run([sys.executable, "-c", code, str(root)])
    seconds, sound, kib = told.split()
    assert int(sound) == events, told
    return {"verified_events": events, "verify": float(seconds), "verify_kib": int(kib)}


def verify_here(root: str) -> None:
    """Print seconds, number of events and peak memory (KiB) of one verification."""
    start = time.perf_counter()
    verdict, _ = audit(Places(Path(root)))
    assert verdict.bad is None, verdict
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(time.perf_counter() - start, verdict.events, peak)


def fill(places: Places, runs: int, events_per_run: int) -> None:
    """Closed runs, each with ``events_per_run`` events and the sealed record behind them."""
    clock = FakeClock()
    ledger = open_ledger(places, clock)
    for number in range(runs):
        clock.advance(300)
        open_closed_run(ledger, clock, events_per_run, number)
    ledger.checkpoint()
    ledger.close()


def open_closed_run(ledger: SqlLedger, clock: FakeClock, events: int, number: int) -> str:
    """One run from its opening to its end in one transaction."""

    def make(run: str) -> Sequence[NewEvent]:
        plan = {"runbook": {"name": "log_collection"}, "hosts": ["web1"]}
        return [
            NewEvent("run.opened", "city", run, payload={"plan": plan}),
            *(_task(n, run) for n in range(events - 2)),
            NewEvent("run.closed", "city", run, payload={"state": "closed", "exit": 0}),
        ]

    return ledger.open_run(clock.now().date(), make)


def _task(number: int, run: str = "") -> NewEvent:
    payload = {"name": f"step {number}", "status": "ok", "detail": {"bytes": number * 37}}
    return NewEvent("host.task", "city", run, "web1", payload)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _run(command: Sequence[str], state: Path | None = None) -> str:
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent)])
    environment = {**os.environ, "PYTHONPATH": paths}
    if state is not None:
        environment["OPSBOOK_STATE"] = str(state)
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout
