"""A change on twenty hosts killed ten times: nothing is done twice, everything is done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from opsbook.ledger.sqlite import readonly
from opsbook.model.places import Places
from support.patched import DEMO, OPSBOOK, Patched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SEED = int(os.environ.get("OPSBOOK_TEST_SEED", "20261121"))
KILLS = 10
AT_ANY_TIME = (0.2, 1.5)
"""When to kill, in parts of what the change takes on one host undisturbed: from its first checks
to the end of a wave."""
AT_WORK = (0.0, 0.25)
"""The same, from the moment on at which a host is prepared: its first write comes next."""
_PREPARED = "select count(*) from events where kind = 'host.prepared'"


class Moment(NamedTuple):
    """When to kill: so many seconds after the beginning, or after a host was prepared; and
    whether its children are killed with it.
    """

    at_work: bool
    seconds: float
    with_children: bool

    def __str__(self) -> str:
        told = f"{self.seconds:.1f} s" + (" after a host was prepared" if self.at_work else "")
        return told + (", with its children" if self.with_children else "")


def _family(pid: int) -> Iterator[int]:
    """A process and everything below it; those that end meanwhile are left out."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _wait_until_prepared(site: Patched, process: subprocess.Popen[bytes]) -> None:
    """Return when the process has prepared one more host, or has ended."""
    with closing(readonly(Places(site.state).ledger)) as ledger:
        before = ledger.execute(_PREPARED).fetchone()
        while process.poll() is None and ledger.execute(_PREPARED).fetchone() == before:
            time.sleep(0.05)


def _kill_at(site: Patched, moment: Moment, *words: str) -> bool:
    """Whether the command was still at work then and was killed."""
    process = subprocess.Popen(
        [OPSBOOK, *words], env=site.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if moment.at_work:
        _wait_until_prepared(site, process)
    try:
        process.wait(moment.seconds)
    except subprocess.TimeoutExpired:
        for pid in list(_family(process.pid)) if moment.with_children else [process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        return True
    return False


def _outcomes(site: Patched, change: str) -> dict[str, str]:
    records = site.dossier(change)["records"]
    return {host["name"]: host["outcome"] for host in records[0]["hosts"]} if records else {}


def _go_on(site: Patched, change: str) -> str:
    """What goes on with it: a change whose run was never opened is applied."""
    return "resume" if site.dossier(change)["runs"] else "apply"


class _Done:
    """Hosts that a run says are done, and how dpkg's log of each was then."""

    def __init__(self, site: Patched, change: str) -> None:
        self.site, self.change = site, change
        self.seen: dict[str, str] = {}

    def look(self) -> None:
        """Keep those newly done; one that was done before must not have been touched since."""
        outcomes = _outcomes(self.site, self.change)
        done = [name for name, outcome in outcomes.items() if outcome == "changed"]
        assert set(self.seen) <= set(done), "a host that was done is no longer"
        now = self.site.everywhere(self.site.touched, done) if done else {}
        again = [name for name, was in self.seen.items() if now[name] != was]
        assert not again, f"done, and touched again: {again}"
        self.seen = now


def _kill_until(site: Patched, change: str, moments: Iterator[Moment], most: int) -> int:
    """Kill and go on with a change, at most so often, to its end; gives how often."""
    done, kills = _Done(site, change), 0
    while kills < most and site.dossier(change)["state"] != "applied":
        moment = next(moments)
        verb = _go_on(site, change)
        killed = _kill_at(site, moment, verb, change)
        done.look()
        kills += killed
        told = "killed" if killed else "ended before"
        print(f"{verb} {change}: {told} {moment}; {len(done.seen)} hosts done")
    _finish(site, change)
    done.look()
    return kills


def _finish(site: Patched, change: str) -> None:
    """Resumed to the end; a host that was brought back instead of completed is taken again."""
    for _ in range(4):
        if site.dossier(change)["state"] == "applied":
            return
        ended = site.opsbook(_go_on(site, change), change)
        print(f"{change} ended with {ended.returncode}")
        assert ended.returncode in (0, 10), ended.stdout + ended.stderr
    pytest.fail(f"{change} does not come to its end: {ended.stderr}")


def _gained(before: str, after: str) -> tuple[set[str], set[str]]:
    """What a host has now and had not, and the other way round."""
    old, new = set(before.splitlines()), set(after.splitlines())
    return new - old, old - new


def _undisturbed(site: Patched, before: dict[str, str]) -> tuple[tuple[set[str], set[str]], float]:
    """What the change makes of a host when nobody kills it, and its seconds; it is undone."""
    change = site.approved(DEMO, "-l", "web1")
    begun = time.monotonic()
    assert site.opsbook("apply", change).returncode == 0
    seconds = time.monotonic() - begun
    made = _gained(before["web1"], site.look("web1"))
    assert site.opsbook("undo", change).returncode == 0
    assert site.look("web1") == before["web1"]
    assert made[0]
    return made, seconds


def _moments(seconds: float) -> Iterator[Moment]:
    """Without end, by turns when a host is at work and at any time."""
    rng = random.Random(SEED)
    while True:
        for at_work in (True, False):
            part = rng.uniform(*(AT_WORK if at_work else AT_ANY_TIME))
            yield Moment(at_work, part * seconds, rng.random() < 0.5)


def test_ten_times_killed_and_resumed_it_ends_as_if_undisturbed(patched: Patched) -> None:
    site, kills, caught = patched, 0, Counter[str]()
    before = site.everywhere(site.look)
    undisturbed, seconds = _undisturbed(site, before)
    print(f"OPSBOOK_TEST_SEED={SEED}, {seconds:.1f} s on one host undisturbed")
    moments = _moments(seconds)
    while kills < KILLS:
        change = site.approved(DEMO, "--first", "4")
        kills += _kill_until(site, change, moments, KILLS - kills)
        after = site.everywhere(site.look)
        for name in site.hosts:
            assert _gained(before[name], after[name]) == undisturbed, name
        hosts = site.dossier(change)["records"][0]["hosts"]
        for host in hosts:
            for attempt in (host, *host["earlier"]):
                caught.update(examined["standing"] for examined in attempt["examined"])
        assert site.opsbook("undo", change).returncode == 0
        assert site.everywhere(site.look) == before
    print(f"hosts examined after a kill: {dict(caught)}")
    assert caught["midway"] + caught["done"], "no kill caught a host at work: take other moments"
    assert site.opsbook("records", "verify").returncode == 0
