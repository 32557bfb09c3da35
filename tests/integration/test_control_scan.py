"""Our own scan as work of a run: hosts in memory or this machine, the real store of findings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.jobs import ESTATE, MemorySink
from doubles.ledger import MemoryLedger
from doubles.shell import Answer, MemoryShell
from opsbook.domains.hardening.controls.loader import load_catalogue
from opsbook.domains.hardening.scan.work import Loaded, ScanWork, intake_of
from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.importing import KIND, Intake
from opsbook.domains.hardening.store.store import FindingStore
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.reach.shell import Completed, run_here
from opsbook.model.estate import Host, Inventory
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places
from support.scanjobs import job_of

CATALOGUE = load_catalogue()
GOOD = "host\t1\tdebian\t12\tdebian\t0\t1\n"
DAYS = "login_defs.pass_max_days"


def days(value: str, end: str = "end\n") -> Completed:
    """A host that tells of one control only."""
    seen = f"see\t{DAYS}\tconfigured\tpass_max_days\t\t{value}\nran\t{DAYS}\n"
    return Completed(0, GOOD + seen + end, "")


class Site:
    """A work on hosts in memory, and what it left."""

    def __init__(self, place: Path, hosts: Mapping[str, Answer], **variables: Any) -> None:
        self.inventory = Inventory(
            tuple(Host(name, "192.0.2.1", vars=variables) for name in hosts), "", place / "known"
        )
        self.place = place
        self.clock = FakeClock()
        self.database = Database(place / "findings.db")
        self.store = FindingStore(self.database)
        self.ledger = MemoryLedger(self.clock)
        self.shell = MemoryShell(hosts)

    def scan(self, run: str = "RUN-20261121-001", **parameters: Any) -> MemorySink:
        intake = Intake(self.database, "small", self.inventory, Loaded(CATALOGUE))
        sink = MemorySink()
        job = job_of(self.inventory, self.clock, run, parameters, self.place)
        ScanWork(CATALOGUE, self.shell, intake, self.ledger).perform(
            self.inventory.hosts, job, sink
        )
        return sink

    def states(self, host: str) -> dict[str, str]:
        found = self.store.of_host("small", host)
        return {finding.key: str(finding.state) for finding in found}


def test_what_a_host_tells_becomes_findings_under_the_number_of_the_run(tmp_path: Path) -> None:
    site = Site(tmp_path, {"web1": days("99999"), "web2": days("99999")})
    sink = site.scan()
    for name in ("web1", "web2"):
        assert sink.reports[name].outcome is Outcome.OK
        assert site.states(name)[f"control:{DAYS}"] == "open"
    assert {file["file"] for file in site.store.files("small")} == {
        "RUN-20261121-001/web1", "RUN-20261121-001/web2",
    }  # fmt: skip
    assert len(list(site.ledger.events(kinds=(KIND,)))) == 2


def test_hosts_that_are_not_looked_at_are_no_strangers_in_the_store(tmp_path: Path) -> None:
    (tmp_path / "estate.yml").write_text(ESTATE, encoding="utf-8")
    (tmp_path / "hosts.yml").write_text("all: {hosts: {web1: {}, web2: {}}}\n", encoding="utf-8")
    places = Places(tmp_path / "state")
    intake = intake_of(load_estate(str(tmp_path), places), places, CATALOGUE)
    assert [host.name for host in intake.inventory.hosts] == ["web1", "web2"]
    assert str(intake.zone) == "Asia/Shanghai"


def test_a_later_scan_closes_what_is_mended(tmp_path: Path) -> None:
    site = Site(tmp_path, {"web1": days("99999")})
    site.scan()
    site.shell.answers["web1"] = days("90")
    site.clock.advance(3600)
    site.scan("RUN-20261121-002")
    found = site.store.one("small", "web1", f"control:{DAYS}")
    assert found is not None
    assert str(found.state) == "fixed"


def test_the_values_of_a_site_are_judged_by(tmp_path: Path) -> None:
    values = {"values": {DAYS: {"max_days": 60}}}
    site = Site(tmp_path, {"web1": days("90")}, opsbook_hardening=values)
    site.scan()
    assert site.states("web1")[f"control:{DAYS}"] == "open"


@pytest.mark.parametrize(
    "values", [{"no.such": {}}, {DAYS: {"max_days": "many"}}, {DAYS: 5}, ["x"]]
)
def test_a_mistyped_value_is_refused_and_nobody_is_judged_by_it(
    tmp_path: Path, values: Any
) -> None:
    site = Site(tmp_path, {"web1": days("90")}, opsbook_hardening={"values": values})
    assert site.scan().reports["web1"].outcome is Outcome.REFUSED
    assert site.shell.scripts == []


def test_trouble_with_one_host_leaves_the_others(tmp_path: Path) -> None:
    site = Site(tmp_path, {"web1": days("90"), "web2": Completed(1, "", "sudo: a password")})
    site.inventory = Inventory(
        (*site.inventory.hosts, Host("gone", "192.0.2.9")), "", tmp_path / "known"
    )
    reports = site.scan().reports
    assert {name: report.outcome for name, report in reports.items()} == {
        "web1": Outcome.OK, "web2": Outcome.FAILED, "gone": Outcome.UNREACHABLE,
    }  # fmt: skip


def test_a_scan_that_was_cut_off_passes_nothing_it_did_not_see(tmp_path: Path) -> None:
    site = Site(tmp_path, {"web1": days("90", end="")})
    report = site.scan().reports["web1"]
    assert report.evidence["numbers"]["pass"] == 1
    assert report.evidence["numbers"]["error"] == len(
        [control for control in CATALOGUE.controls.values() if not control.slow]
    ) - 1  # fmt: skip
    assert any("cut off" in message.english() for message in report.deviations)


def test_hostile_answers_stay_values(tmp_path: Path) -> None:
    evil = "=cmd|' /C calc'!A0 {{ 7*7 }} $(id) \x1b[2J\x00" + "x" * 5000
    site = Site(tmp_path, {"web1": Completed(0, days(evil).out + "\x00\xff\n" * 99, "")})
    assert site.scan().reports["web1"].outcome is Outcome.OK
    found = site.store.one("small", "web1", f"control:{DAYS}")
    assert found is not None
    assert "{{ 7*7 }} $(id)" in found.sightings[0].evidence


def test_only_controls_of_the_baseline_are_looked_at(tmp_path: Path) -> None:
    site = Site(tmp_path, {"web1": days("90")})
    site.scan(baseline="mlps_3")
    assert "sshd.mfa" in site.shell.scripts[0][1]
    assert "sshd.disableforwarding" not in site.shell.scripts[0][1]


def test_this_machine_is_looked_at_from_end_to_end(tmp_path: Path) -> None:
    here: Answer = lambda script: run_here("here", script, timeout=60, become=False)  # noqa: E731
    site = Site(tmp_path, {"here": here})
    report = site.scan().reports["here"]
    assert report.outcome is Outcome.OK
    assert report.evidence["complete"]
    assert report.evidence["strange_lines"] == 0
    assert sum(report.evidence["numbers"].values()) > 100
