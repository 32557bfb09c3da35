"""``logs.collect`` on hosts in memory: outcomes, evidence, limits, journald, commands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.hosts import Disk, MemoryAgent
from doubles.night import MemoryLogStore
from opsbook.domains.logs.collect.sources import sources_of
from opsbook.domains.logs.collect.work import LogCollectWork
from opsbook.execution.work import HostReport, Job
from opsbook.model.canonical import canonical
from opsbook.model.errors import HostUnreachable, InputFault
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places

APP = {"name": "app", "files": ["/log/*"]}
GIB = 1 << 30


@dataclass
class HeardSink:
    reports: dict[str, HostReport] = field(default_factory=dict)
    bytes: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    def started(self, host: str, phase: str) -> None: ...

    def task(self, host: str, name: str, status: str, detail: object) -> None: ...

    def progress(self, host: str, done: int, total: int | None) -> None:
        self.bytes[host] = (done, total)

    def finished(self, report: HostReport) -> None:
        assert report.host not in self.reports
        canonical(dict(report.evidence))
        self.reports[report.host] = report


@dataclass
class Site:
    """Hosts in memory and a store for them."""

    disks: dict[str, Disk] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=lambda: [APP])
    store: MemoryLogStore = field(default_factory=MemoryLogStore)
    clock: FakeClock = field(default_factory=FakeClock)
    free: int = 10 * GIB
    patience: dict[str, int] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    runs: int = 0

    def connect(self, host: Host, become: bool, job: Job, tick: Callable[[int], None]) -> Any:
        if host.name not in self.disks:
            raise HostUnreachable(msg("{host} cannot be reached", host=host.name))
        return MemoryAgent(self.disks[host.name], self.patience.get(host.name, GIB))

    def job(self) -> Job:
        self.runs += 1
        estate = Estate.model_validate(
            {"schema": 1, "name": "t", "title": {"zh": "t", "en": "t"}, "timezone": "Asia/Shanghai"}
        )
        parameters = {
            "parallel": 4, "host_rate_mib": 0, "total_rate_mib": 0, "host_timeout": "1h"
        }  # fmt: skip
        return Job(f"RUN-{self.runs}", estate, Inventory((), "", Path()), None, parameters,  # type: ignore[arg-type]
                   Places(Path()), self.clock, self.clock.now(), self.cancelled)  # fmt: skip

    def host(self, name: str) -> Host:
        return Host(name, name, vars={"opsbook_logs_app": self.sources})

    def work(self) -> LogCollectWork:
        return LogCollectWork(self.store, self.connect, lambda: self.free)

    def night(self, *names: str) -> dict[str, HostReport]:
        sink = HeardSink()
        hosts = [self.host(name) for name in names or sorted(self.disks)]
        self.work().perform(hosts, self.job(), sink)
        return sink.reports


@pytest.fixture
def site() -> Site:
    site = Site()
    site.disks["web1"] = Disk(now=int(site.clock.now().timestamp()))
    site.disks["web1"].append(b"/log/app.log", b"2026-11-21T08:00:00Z one\n")
    return site


def kept(site: Site, host: str = "web1") -> bytes:
    return b"".join(site.store.hosts[host].content.values())


def test_what_is_new_is_collected_and_told(site):
    report = site.night()["web1"]
    assert report.outcome == Outcome.OK
    assert report.summary.english() == "1 new lines, 25 bytes collected."
    assert kept(site) == b"2026-11-21T08:00:00Z one\n"


def test_a_night_without_anything_new_says_so(site):
    site.night()
    report = site.night()["web1"]
    assert report.summary.english() == "Nothing new."
    assert report.evidence["files_read"] == 0


def test_a_dead_host_does_not_hold_up_the_others(site):
    reports = site.night("gone", "web1")
    assert reports["gone"].outcome == Outcome.UNREACHABLE
    assert reports["web1"].outcome == Outcome.OK


@pytest.mark.parametrize("patience", range(12))
def test_a_connection_lost_at_any_moment_loses_and_doubles_nothing(site, patience):
    site.night()
    disk = site.disks["web1"]
    disk.rename(b"/log/app.log", b"/log/app.log.1")
    disk.append(b"/log/app.log.1", b"2026-11-21T09:00:00Z two\n")
    disk.append(b"/log/app.log", b"2026-11-21T10:00:00Z three\n")
    site.patience["web1"] = patience
    site.night()
    site.patience.clear()
    site.night()
    assert sorted(line[-5:] for line in kept(site).splitlines()) == [b"Z one", b"Z two", b"three"]


def test_a_store_that_fills_up_keeps_what_it_has(site):
    site.night()
    site.disks["web1"].append(b"/log/app.log", b"2026-11-21T09:00:00Z two\n")
    site.store.room = 3
    report = site.night()["web1"]
    assert report.outcome == Outcome.REFUSED
    site.store.room = GIB
    site.night()
    assert kept(site).count(b"\n") == 2


def test_a_host_is_refused_before_it_sends_when_the_store_has_no_room(site):
    site.disks["web1"].append(b"/log/app.log", b"x" * 999 + b"\n")
    site.free = 1024 * 1024 * 1024
    report = site.night()["web1"]
    assert report.outcome == Outcome.REFUSED
    assert "no room" in report.summary.english()
    assert not site.store.hosts["web1"].content


def test_a_clock_far_off_is_a_deviation(site):
    site.disks["web1"].now += 2 * 365 * 86400
    report = site.night()["web1"]
    assert report.outcome == Outcome.OK
    assert "clock of web1" in report.deviations[0].english()
    assert report.evidence["clock_offset_seconds"] == 2 * 365 * 86400


def test_a_finished_night_is_found_again_after_a_crash(site):
    job = site.job()
    work = site.work()
    assert work.examine(site.host("web1"), job) is None
    work.perform([site.host("web1")], job, HeardSink())
    found = work.examine(site.host("web1"), job)
    assert found is not None
    assert found.summary.english() == "1 new lines, 25 bytes collected."


def test_a_cancelled_run_starts_no_further_host(site):
    site.cancelled.set()
    assert site.night() == {}


def test_a_host_without_sources_is_skipped(site):
    site.sources = []
    assert site.night()["web1"].outcome == Outcome.SKIPPED


def test_journald_goes_on_after_its_cursor(site):
    site.sources = [{"name": "system", "journal": []}]
    disk = site.disks["web1"]
    disk.journal = [("c1", b"2026-11-21T08:00:00+0000 a\n")]
    site.night()
    disk.journal.append(("c2", b"2026-11-21T08:01:00+0000 b\n"))
    assert site.night()["web1"].evidence["losses"] == []
    assert kept(site).count(b"\n") == 2


def test_entries_that_journald_removed_unread_are_a_loss(site):
    site.sources = [{"name": "system", "journal": []}]
    disk = site.disks["web1"]
    disk.journal = [("c1", b"2026-11-21T08:00:00+0000 a\n")]
    site.night()
    disk.journal = [("c9", b"2026-11-21T08:30:00+0000 z\n")]
    losses = site.night()["web1"].evidence["losses"]
    assert [loss["source"] for loss in losses] == ["system"]
    assert losses[0]["after"] == "2026-11-21T08:00:00.000000Z"


def test_a_command_is_kept_whole_every_night(site):
    site.sources = [{"name": "last", "command": "last -F"}]
    site.disks["web1"].commands["last -F"] = (b"root\n", 0)
    site.night()
    site.night()
    assert list(site.store.hosts["web1"].content.values()) == [b"root\n", b"root\n"]


def test_a_command_that_fails_is_a_deviation_and_its_output_is_kept(site):
    site.sources = [{"name": "last", "command": "last -F"}]
    site.disks["web1"].commands["last -F"] = (b"half\n", 3)
    report = site.night()["web1"]
    assert "ended with 3" in report.deviations[0].english()
    assert kept(site) == b"half\n"


def test_two_sources_and_two_names_bring_a_file_once(site):
    site.sources = [APP, {"name": "all", "files": ["/log/app*"]}]
    site.disks["web1"].link(b"/log/app.log", b"/log/app.hard")
    report = site.night()["web1"]
    assert kept(site).count(b"\n") == 1
    reasons = [note["reason"]["text"] for note in report.evidence["skipped"]]
    assert any("several sources" in reason for reason in reasons)


def test_all_faults_of_sources_are_told_at_once():
    host = Host("web1", "web1", vars={
        "opsbook_logs_a": [
            {"name": "A", "files": ["relative"]},
            {"name": "b", "files": ["/x"], "journal": []},
            {"name": "c", "files": ["relative", "/a//b", "/new\nline"]},
        ],
        "opsbook_logs_b": {"name": "x"},
        "opsbook_logs_c": [{"name": "d", "journal": ["-x"]}, {"name": "e", "command": "a\nb"}],
        "opsbook_logs_d": [{"name": "f", "files": ["/1"]}, {"name": "f", "files": ["/2"]}],
    })  # fmt: skip
    with pytest.raises(InputFault) as raised:
        sources_of(host)
    places = [fault.path.removeprefix("web1.opsbook_logs_") for fault in raised.value.faults]
    assert places == ["a.0.files.0", "a.0.name", "a.1", "a.2.files.0", "a.2.files.1", "a.2.files.2",
                      "b", "c.0.journal.0", "c.1.command", "d.1"]  # fmt: skip


def test_a_host_whose_sources_are_wrong_is_refused_with_every_fault(site):
    site.sources = [{"name": "A"}, {"name": "b"}]
    report = site.night()["web1"]
    assert report.outcome == Outcome.REFUSED
    assert len([d for d in report.deviations if "opsbook_logs_app" in d.english()]) == 2
