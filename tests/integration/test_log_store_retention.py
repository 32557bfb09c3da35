"""Retention over 400 days, with holds, departed hosts, damage and dying processes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.frames import APP, send
from doubles.ledger import MemoryLedger
from doubles.run import ESTATE, inventory, job_for, runbook
from opsbook.domains.logs.keep.audit import audit
from opsbook.domains.logs.keep.store import DiskLogStore, open_store
from opsbook.domains.logs.read.listing import kept_days
from opsbook.domains.logs.read.reader import Query, read
from opsbook.domains.logs.retain import holds
from opsbook.domains.logs.retain.retention import Hold
from opsbook.domains.logs.retain.work import RetainWork
from opsbook.execution.work import HostReport
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places

TESTS = Path(__file__).parents[1]
FIRST = datetime(2026, 1, 1, 18, 10, tzinfo=UTC)


class Heard:
    """A sink that keeps reports."""

    def __init__(self) -> None:
        self.reports: list[HostReport] = []

    def started(self, host: str, phase: str) -> None:
        """Nothing is kept."""

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Nothing is kept."""

    def task(self, host: str, name: str, status: str, detail: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def finished(self, report: HostReport) -> None:
        """Keep the report."""
        json.dumps(report.evidence)
        self.reports.append(report)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(FIRST)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> DiskLogStore:
    return open_store(ESTATE, Places(tmp_path), clock)


def collect(store: DiskLogStore, host: str, run: str) -> None:
    night = store.night(host, run, [APP])
    stream = night.streams()[0] if night.streams() else night.new_stream("app")
    moment = store.clock.now() - timedelta(hours=6)
    send(night, APP, stream, b"%s %s\n" % (moment.isoformat().encode(), run.encode()),
         stream.offset)  # fmt: skip
    night.commit([stream], [])


def retain(
    store: DiskLogStore, clock: FakeClock, hosts: Sequence[str] = ("web1",), **parameters: Any
) -> list[HostReport]:
    known = inventory(*hosts)
    job = replace(job_for("RUN-keep", runbook(), known, clock), parameters=parameters)
    heard = Heard()
    RetainWork(store, lambda: frozenset(hosts)).perform(known.hosts, job, heard)
    return heard.reports


def tiers(store: DiskLogStore) -> dict[date, str]:
    return {date.fromisoformat(row["day"]): row["tier"] for row in kept_days(store)}


def test_400_nights_keep_exactly_what_must_be_kept(clock: FakeClock) -> None:
    with TemporaryDirectory(dir="/dev/shm") as memory:
        live_400_nights(open_store(ESTATE, Places(Path(memory)), clock), clock)


def live_400_nights(store: DiskLogStore, clock: FakeClock) -> None:
    ledger = MemoryLedger(clock)
    held_day = date(2026, 1, 20)
    certificates = []
    for night in range(400):
        collect(store, "web1", f"RUN-{night}")
        clock.advance(3 * 3600)
        if night == 30:
            for case in ("CASE-A", "CASE-B"):
                wanted = Hold(0, case, "web1", None, held_day, held_day)
                holds.add(store, ledger, wanted, "court order", "lee")
        if night == 250:
            holds.release(store, ledger, "CASE-A", "closed", "lee")
        if night == 300:
            holds.release(store, ledger, "CASE-B", "closed", "lee")
        (report,) = retain(store, clock)
        certificates += report.evidence["certificates"]
        if night % 20 == 0 or night > 395:
            check(store, clock, held_day, held=30 <= night < 300)
        clock.advance(21 * 3600)
    assert len(ledger_kinds(ledger)) == 4
    gone = [(c["day"], c["tier"]) for c in certificates]
    assert len(gone) == len(set(gone))
    kept = tiers(store).items()
    assert set(gone) == {(str(day), "hot") for day, tier in kept if "hot" not in tier} | {
        (str(day), "archive") for day, tier in kept if tier == "deleted"
    }
    assert all(c["archive_sha256"] == c["sha256"] for c in certificates)
    found = audit(store, {})
    assert (found.fault, found.days) == (None, 400)
    assert found.deleted == sum(1 for kept in tiers(store).values() if kept == "deleted") > 200


def ledger_kinds(ledger: MemoryLedger) -> list[str]:
    return [e.kind for e in ledger.events(kinds=["logs.hold_added", "logs.hold_released"])]


def check(store: DiskLogStore, clock: FakeClock, held_day: date, *, held: bool) -> None:
    """Nothing expected is missing, nothing is kept beyond its time."""
    today = clock.now().astimezone(ESTATE.zone).date()
    for day, kept in tiers(store).items():
        age = (today - day).days - 1
        of_case = held and held_day in (day, day - timedelta(days=1))
        assert ("hot" in kept) == (age < 30), (day, age, kept)
        in_archive = 0 <= age <= 183 or of_case
        assert ("archive" in kept) == in_archive or age == 183, (day, age, kept)


def test_a_dry_run_changes_nothing_and_says_what_is_due(
    store: DiskLogStore, clock: FakeClock
) -> None:
    collect(store, "web1", "RUN-1")
    clock.advance(40 * 86400)
    (report,) = retain(store, clock, dry_run=True)
    assert report.outcome is Outcome.OK
    assert [len(report.evidence["steps"][a]) for a in ("archive", "delete_hot")] == [1, 1]
    assert set(tiers(store).values()) == {"hot"}
    assert not store.archive.root.exists()


def test_a_damaged_archived_copy_keeps_the_hot_one(store: DiskLogStore, clock: FakeClock) -> None:
    collect(store, "web1", "RUN-1")
    clock.advance(86400)
    retain(store, clock)
    path = next(store.archive.root.rglob("*.zst"))
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"?")
    for _ in range(35):
        clock.advance(86400)
        (report,) = retain(store, clock)
    assert report.outcome is Outcome.FAILED
    assert set(tiers(store).values()) == {"hot+archive"}
    assert next(store.hot.root.rglob("*.zst")).read_bytes() == data


def test_a_damaged_hot_copy_is_not_archived(store: DiskLogStore, clock: FakeClock) -> None:
    collect(store, "web1", "RUN-1")
    path = next(store.hot.root.rglob("*.zst"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    clock.advance(86400)
    (report,) = retain(store, clock)
    assert report.outcome is Outcome.FAILED
    assert set(tiers(store).values()) == {"hot"}


def test_a_host_that_left_the_inventory_is_retained_with_the_first_one(
    store: DiskLogStore, clock: FakeClock
) -> None:
    for host in ("web1", "web2", "old1"):
        collect(store, host, "RUN-1")
    clock.advance(86400)
    web1, web2 = retain(store, clock, ("web1", "web2"))
    assert list(web1.evidence["departed"]) == ["old1"]
    assert "departed" not in web2.evidence
    assert {row["tier"] for row in kept_days(store)} == {"hot+archive"}


def test_a_clock_two_years_ahead_deletes_nothing_at_first(
    store: DiskLogStore, clock: FakeClock
) -> None:
    collect(store, "web1", "RUN-1")
    clock.advance(86400)
    retain(store, clock)
    clock.advance(730 * 86400)
    for _ in range(2):
        (report,) = retain(store, clock)
        assert "in case the clock is wrong" in report.deviations[0].text
        assert report.evidence["certificates"] == []
        clock.advance(3600)
    clock.advance(86400)
    (report,) = retain(store, clock)
    assert len(report.evidence["certificates"]) == 1


def test_lines_are_read_from_the_archive_when_the_hot_copy_is_gone(
    store: DiskLogStore, clock: FakeClock
) -> None:
    collect(store, "web1", "RUN-1")
    for _ in range(40):
        clock.advance(86400)
        retain(store, clock)
    assert set(tiers(store).values()) == {"archive"}
    assert len(list(read(store, Query(text="RUN-1")))) == 1
    collect(store, "web1", "RUN-2")
    assert len(list(read(store, Query()))) == 2


def test_a_certificate_that_did_not_reach_the_ledger_is_reported_again(
    store: DiskLogStore, clock: FakeClock
) -> None:
    class Crash(Exception):
        pass

    class Dying(Heard):
        def finished(self, report: HostReport) -> None:
            raise Crash

    collect(store, "web1", "RUN-1")
    known = inventory("web1")
    for _ in range(5):
        clock.advance(6 * 86400)
        retain(store, clock)
    clock.advance(2 * 86400)
    with pytest.raises(Crash):
        RetainWork(store, lambda: frozenset(["web1"])).perform(
            known.hosts, job_for("RUN-x", runbook(), known, clock), Dying()
        )
    assert set(tiers(store).values()) == {"archive"}
    (report,) = retain(store, clock)
    assert [c["tier"] for c in report.evidence["certificates"]] == ["hot"]
    (report,) = retain(store, clock)
    assert report.evidence["certificates"] == []


RETENTION = """
import sys
from datetime import datetime
from pathlib import Path
from doubles.clock import FakeClock
from integration.test_log_store_retention import retain
from doubles.run import ESTATE
from opsbook.domains.logs.keep.store import open_store
from opsbook.model.places import Places
clock = FakeClock(datetime.fromisoformat(sys.argv[2]))
store = open_store(ESTATE, Places(Path(sys.argv[1])), clock)
print("ready", flush=True)
retain(store, clock)
print("done", flush=True)
"""


def test_retention_killed_at_any_moment_loses_nothing(tmp_path: Path, clock: FakeClock) -> None:
    store = open_store(ESTATE, Places(tmp_path), clock)
    for night in range(25):
        collect(store, "web1", f"RUN-{night}")
        clock.advance(86400)
    before = [hit.text for hit in read(store, Query())]
    chance = random.Random(1)
    env = os.environ | {"PYTHONPATH": str(TESTS)}
    moment = clock.now()
    for _ in range(8):
        moment += timedelta(days=5)
        argv = [sys.executable, "-c", RETENTION, str(tmp_path), moment.isoformat()]
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert [hit.text for hit in read(store, Query())] == before
    clock.wall = moment + timedelta(days=1)
    retain(store, clock)
    assert audit(store, {}).fault is None
    assert [hit.text for hit in read(store, Query())] == before
    assert set(tiers(store).values()) == {"archive"}
