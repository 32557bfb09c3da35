"""What earlier changes took, for predicting what the next one takes."""

from __future__ import annotations

from opsbook.ledger.port import Ledger

_CHANGES = 5


def ratios(ledger: Ledger, estate: str) -> list[float]:
    """Measured over predicted seconds of each host of the last changes that patched."""
    begun = [
        str((event.payload or {}).get("run", ""))
        for event in ledger.events(kinds=("change.begun",))
        if event.estate == estate
    ]
    found: list[float] = []
    changes = 0
    for run in reversed(begun):
        of_run = _of_run(ledger, run)
        found += of_run
        changes += bool(of_run)
        if changes == _CHANGES:
            break
    return found


def _of_run(ledger: Ledger, run: str) -> list[float]:
    found = []
    for event in ledger.events(run=run, kinds=("host.finished",)) if run else ():
        payload = event.payload or {}
        patching = (payload.get("evidence") or {}).get("patching")
        predicted = patching.get("predicted_seconds") if isinstance(patching, dict) else None
        took = payload.get("seconds")
        if payload.get("outcome") == "changed" and predicted and took:
            found.append(float(took) / float(predicted))
    return found
