"""Scanners that hosts have, run there in place: OpenSCAP itself on this machine, and stand-ins."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.jobs import MemorySink
from doubles.ledger import MemoryLedger
from opsbook.domains.hardening.content.shelf import Shelf
from opsbook.domains.hardening.scan.installed import InstalledWork, Reach
from opsbook.domains.hardening.scan.remote import PROBE, Equipped, read_equipment
from opsbook.domains.hardening.scan.tools import Lynis, Oscap, Tool
from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.importing import KIND, Intake
from opsbook.domains.hardening.store.model import Finding
from opsbook.domains.hardening.store.store import FindingStore
from opsbook.execution.reach.shell import HostShell, run_here
from opsbook.execution.reach.transport import ShellTransport
from opsbook.execution.work import HostReport
from opsbook.model.errors import HostFault, OpsbookError
from opsbook.model.estate import Host, Inventory
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places
from support.scanjobs import job_of
from support.scans import SomeControls

DATA = Path(__file__).parents[1] / "data"
SMALL = DATA / "content" / "small-ds.xml"
RUN = "RUN-20261121-001"
BOTH = "xccdf:xccdf_org.example_rule_gone"


@dataclass
class Site:
    """This machine as host ``here``, with a directory for what scripts write."""

    place: Path
    hosts: tuple[Host, ...] = (Host("here", "127.0.0.1", connection="local"),)
    ledger: MemoryLedger = field(default_factory=lambda: MemoryLedger(FakeClock()))
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.place / "shelf")

    @property
    def scratch(self) -> Path:
        return self.place / "scratch"

    def content(self, name: str = "small-ds.xml", **changes: str) -> None:
        data = SMALL.read_text()
        for old, new in changes.items():
            data = data.replace(old, new)
        file = self.place / name
        file.write_text(data)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        self.shelf.take(file, digest, FakeClock().now())

    def scan(self, tool: Tool, **parameters: Any) -> HostReport:
        inventory = Inventory(self.hosts, "", self.place / "known")
        places = Places(self.place / "state")
        reach = Reach(HostShell(inventory, places), ShellTransport(self.place / "none"))
        intake = Intake(Database(places.findings), "small", inventory, SomeControls())
        sink = MemorySink()
        job = job_of(inventory, FakeClock(), RUN, parameters, self.place, f"{tool.name}_scan")
        InstalledWork(tool, reach, intake, self.ledger).perform(inventory.hosts, job, sink)
        report: HostReport = sink.reports["here"]
        return report

    @property
    def store(self) -> FindingStore:
        return FindingStore(Database(Places(self.place / "state").findings))

    def findings(self) -> Mapping[str, Finding]:
        return {one.key: one for one in self.store.of_host("small", "here", ())}

    @property
    def file(self) -> Path:
        return next(iter(Places(self.place / "state").scans(RUN).glob("*")))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    made.scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(made.scratch))
    return made


def stand_in(site: Site, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """A program of that name before all others."""
    programs = site.place / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")


OSCAP = 'case $1 in --version) echo "OpenSCAP command line tool (oscap) 1.3.7"; exit 0 ;; esac\n'
SMALLS = {"content": "small-ds.xml", "profile": "both"}


def test_openscap_runs_with_rules_brought_along_and_its_result_is_kept(site: Site) -> None:
    site.content()
    report = site.scan(Oscap(site.shelf), **SMALLS)
    assert report.outcome is Outcome.OK, report.summary.english()
    assert report.evidence["numbers"]["fail"] == 1
    assert report.evidence["exit"] == 2
    assert report.evidence["content_sha256"] == hashlib.sha256(SMALL.read_bytes()).hexdigest()
    assert report.evidence["sha256"] == hashlib.sha256(site.file.read_bytes()).hexdigest()
    assert report.evidence["file"] == f"{RUN}/here.xml.gz"
    assert b"TestResult" in gzip.decompress(site.file.read_bytes())
    assert site.findings()[BOTH].state.value == "open"
    (look,) = site.store.looks("small", "here")
    answer = run_here("here", PROBE, timeout=60, become=False)
    assert look.system == read_equipment(answer.out).system != ""
    assert list(site.scratch.iterdir()) == []
    assert len(list(site.ledger.events(kinds=(KIND,)))) == 1


def test_rules_for_another_system_are_refused_before_anything_runs(site: Site) -> None:
    site.content(benchmark_SMALL="benchmark_NETBSD-9")
    report = site.scan(Oscap(site.shelf), **SMALLS)
    assert report.outcome is Outcome.REFUSED
    assert "netbsd 9" in report.summary.english()
    assert not site.findings()


def test_a_host_for_which_there_are_no_rules_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(site, monkeypatch, "oscap", OSCAP + "touch ran")
    site.content(benchmark_SMALL="benchmark_NETBSD-9")
    report = site.scan(Oscap(site.shelf), profile="both")
    assert report.outcome is Outcome.REFUSED
    assert any("content import" in one.english() for one in report.deviations)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"profile": "none"}, "has no profile none"),
        ({"profile": "both; touch x"}, "is no name of a profile"),
        ({"skip": "a,$(touch x)"}, "is no name of a profile or rule"),
        ({"content": "nothing"}, "There is no content nothing"),
        ({"content": "host"}, "it has no rules itself"),
    ],
)
def test_what_is_asked_for_and_not_there_is_refused(
    site: Site, parameters: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(site, monkeypatch, "oscap", OSCAP)
    site.content()
    report = site.scan(Oscap(site.shelf), **(SMALLS | parameters))
    assert report.outcome is Outcome.REFUSED
    assert words in report.summary.english()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo broken >&2; exit 1", "ended with exit 1: broken"),
        ("printf '\\033[31mred\\n\\n\\0' >&2; exit 1", "red"),
        ("exec sleep 30", "was not done within 1 s"),
        ("kill -9 $$", "ended with exit 137"),
    ],
)
def test_a_scanner_that_does_not_work_leaves_nothing(
    site: Site, script: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(site, monkeypatch, "oscap", OSCAP + script)
    site.content()
    report = site.scan(Oscap(site.shelf), **SMALLS, seconds=1)
    assert report.outcome is Outcome.FAILED
    told = " ".join(one.english() for one in (report.summary, *report.deviations))
    assert words in told or "was not done" in told
    assert told.isprintable()
    assert not site.findings()
    assert list(site.scratch.iterdir()) == []
    assert list(Places(site.place / "state").scans(RUN).glob("*")) == []


def test_a_result_that_is_none_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(site, monkeypatch, "oscap", OSCAP + "exit 2")
    site.content()
    report = site.scan(Oscap(site.shelf), **SMALLS)
    assert report.outcome is not Outcome.OK
    assert not site.findings()


def test_a_result_of_a_host_that_calls_itself_otherwise_is_still_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(site, monkeypatch, "oscap", OSCAP + "cp ../../result.xml results.xml; exit 2")
    site.content()
    site.hosts = (*site.hosts, Host("other", "192.0.2.9"))
    result = SMALL.with_name("small-results.xml").read_text().replace("@HOST@", "other")
    result = result.replace(">root</identity>", ">zhang</identity>")  # as under sudo
    (site.place / "result.xml").write_text(result)
    report = site.scan(Oscap(site.shelf), **SMALLS)
    assert report.outcome is Outcome.OK
    assert BOTH in site.findings()
    (look,) = site.store.looks("small", "here")
    assert look.taken.credentialed is (os.geteuid() == 0)


def test_a_host_without_the_scanner_is_told_what_it_lacks(site: Site) -> None:
    has = Equipped(system="debian 12", root=True)
    for tool, package in ((Oscap(site.shelf), "openscap-scanner"), (Lynis(), "lynis")):
        with pytest.raises(HostFault) as fault:
            tool.prepare(site.hosts[0], has, {})
        assert fault.value.next_step is not None
        assert package in fault.value.next_step.english()


@pytest.mark.parametrize(
    ("has", "words"),
    [
        (Equipped("debian 12", oscap="1.3.7", room_kib=1024), "1 MiB free below /tmp"),
        (Equipped("debian 12", oscap="1.3.7", memory_kib=102400), "100 MiB of memory left"),
    ],
)
def test_a_host_without_room_or_memory_is_refused(site: Site, has: Equipped, words: str) -> None:
    parameters = {"memory_mib": 1024, "profile": "both", "skip": "", "content": "auto"}
    with pytest.raises(OpsbookError) as fault:
        Oscap(site.shelf).prepare(site.hosts[0], has, parameters)
    assert words in fault.value.problem.english()


@pytest.mark.parametrize(
    "answer",
    ["", "\0\n", "system\n", "memory_kib x\n", "memory_kib " + "9" * 400, "content \x1b[31m\n",
     "system debian 12\nsystem evil 1\n", "content /x\n" * 1000],
)  # fmt: skip
def test_whatever_a_host_says_of_itself_is_taken_as_words(answer: str) -> None:
    has = read_equipment(answer)
    assert has.system in ("", "debian 12")
    assert len(has.contents) <= 100
    assert has.memory_kib is None


def test_lynis_writes_its_report_which_is_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    report_dat = DATA / "scans" / "lynis-report.dat"
    script = f"""PROGRAM_VERSION="3.0.8"\ncp '{report_dat}' report.dat"""
    stand_in(site, monkeypatch, "lynis", script)
    report = site.scan(Lynis())
    assert report.outcome is Outcome.OK, report.summary.english()
    assert report.evidence["version"] == "3.0.8"
    assert gzip.decompress(site.file.read_bytes()) == report_dat.read_bytes()
    assert site.findings()


def test_a_scan_that_is_stopped_removes_what_it_wrote(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(site, monkeypatch, "oscap", OSCAP + "exec sleep 30")
    site.content()
    inventory = Inventory(site.hosts, "", site.place / "known")
    job = job_of(inventory, FakeClock(), RUN, SMALLS, site.place, "oscap_scan")
    places = Places(site.place / "state")
    reach = Reach(HostShell(inventory, places), ShellTransport(site.place / "none"))
    intake = Intake(Database(places.findings), "small", inventory, SomeControls())
    sink = MemorySink()
    threading.Timer(2, job.cancelled.set).start()
    InstalledWork(Oscap(site.shelf), reach, intake, None).perform(inventory.hosts, job, sink)
    assert sink.reports == {}
    assert list(site.scratch.iterdir()) == []
