"""A change in a process of its own, on the real ledger, killed by the kernel; then resumed."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import pytest

from doubles.change import TARGET, Fleet
from doubles.changing import Change
from opsbook.ledger.audit import audit
from opsbook.ledger.store import open_ledger
from opsbook.model.clock import SystemClock
from opsbook.model.places import Places

HOSTS = tuple(f"a{n}" for n in range(1, 7))


def begun(places: Places) -> Change:
    """A change whose every process is dead as soon as another one asks."""
    ledger = open_ledger(places, SystemClock(), alive=lambda holder: False)
    return Change(Fleet(*HOSTS), first=1, cap=2, failure_budget=0, ledger=ledger)


def die_at(change: Change, at: int, kept: Path) -> None:
    """In a child: carry the change out, keep the hosts' state, and be killed before a touch."""
    left = [at]

    def before_touch(host: str, point: str) -> None:
        hosts = {name: (h.state, h.kept, h.token, h.touches) for name, h in change.fleet.items()}
        kept.write_bytes(pickle.dumps(hosts))
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    change.fleet.before_touch = before_touch
    change.apply()


@pytest.mark.parametrize("at", [1, *range(4, 37, 4)])
def test_killed_by_the_kernel_and_resumed_it_ends_as_planned(tmp_path: Path, at: int) -> None:
    places, kept = Places(tmp_path / "state"), tmp_path / "hosts"
    change = begun(places)
    change.ledger.close()
    child = os.fork()
    if child == 0:
        change.ledger = open_ledger(places, SystemClock(), alive=lambda holder: False)
        try:
            die_at(change, at, kept)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    for name, former in pickle.loads(kept.read_bytes()).items():
        host = change.fleet[name]
        host.state, host.kept, host.token, host.touches = former
    change.ledger = open_ledger(places, SystemClock(), alive=lambda holder: False)
    change.resume()
    assert change.fleet.states() == dict.fromkeys(HOSTS, TARGET)
    assert change.dossier["state"] == "applied"
    assert all(len(host.touches) == 4 for host in change.fleet.values())
    change.ledger.close()
    verdict, _ = audit(places)
    assert verdict.bad is None
