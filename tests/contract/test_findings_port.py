"""The same cases against findings in memory and those in the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.findings import MemoryFindings
from opsbook.domains.hardening.store.model import Finding, State
from opsbook.domains.hardening.store.port import Findings, Wanted
from opsbook.domains.hardening.store.store import FindingStore
from opsbook.model.finding import Result, Severity
from support.scans import SomeControls, Taking, row, scan

CONTROLS = SomeControls({"ssg root": ["sshd.permitrootlogin"]})


def filled(root: Path) -> FindingStore:
    """Two hosts and a stranger, with findings in several states."""
    taking = Taking(root, controls=CONTROLS)
    first = [row("root", severity=Severity.HIGH), row("tmout"), row("tmout", location="/etc/x"),
             row("a", host="db1"), row("b", host="stranger"), row("late")]  # fmt: skip
    taking.take(scan(*first), "1")
    taking.take(scan(row("late", Result.PASS), row("odd", Result.ERROR), day=21), "2")
    return taking.store()


@pytest.fixture(params=["memory", "database"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Findings:
    store = filled(tmp_path / "state")
    if request.param == "database":
        return store
    memory = MemoryFindings()
    for one in store.of_estate("city", Wanted(states=())):
        whole = store.one("city", one.host, one.key, one.location)
        assert whole is not None
        memory.put("city", whole)
    return memory


def told(found: Callable[[], object]) -> list[tuple[str, str, str]]:
    findings = found()
    assert findings is not None
    return [(one.host, one.key, one.location) for one in findings]  # type: ignore[attr-defined]


def test_open_findings_of_a_host_come_with_their_sightings_by_key_and_location(
    kept: Findings,
) -> None:
    found = kept.of_host("city", "web1")
    assert [(one.key, one.location) for one in found] == [
        ("control:sshd.permitrootlogin", ""), ("ssg:tmout", ""), ("ssg:tmout", "/etc/x")
    ]  # fmt: skip
    assert all(one.sightings and one.state is State.OPEN and one.known for one in found)
    assert found[0].control == "sshd.permitrootlogin"


def test_other_states_are_given_when_they_are_asked_for(kept: Findings) -> None:
    (fixed,) = kept.of_host("city", "web1", (State.FIXED,))
    assert [one.result for one in fixed.sightings] == [Result.FAIL, Result.PASS]
    assert len(kept.of_host("city", "web1", ())) == 5


def test_findings_of_an_estate_are_ordered_and_strangers_come_last(kept: Findings) -> None:
    assert told(lambda: kept.of_estate("city")) == [
        ("db1", "ssg:a", ""),
        ("web1", "control:sshd.permitrootlogin", ""),
        ("web1", "ssg:tmout", ""),
        ("web1", "ssg:tmout", "/etc/x"),
        ("stranger", "ssg:b", ""),
    ]
    assert all(one.sightings == () for one in kept.of_estate("city"))


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (Wanted(hosts=("db1",)), 1),
        (Wanted(hosts=("stranger",)), 0),
        (Wanted(severities=(Severity.HIGH,)), 1),
        (Wanted(keys=("ssg:tmout",)), 2),
        (Wanted(by_control=True), 1),
        (Wanted(by_control=False), 4),
        (Wanted(known=False), 1),
        (Wanted(states=(State.UNDECIDED, State.FIXED)), 2),
        (Wanted(states=()), 7),
    ],
)
def test_findings_are_chosen(kept: Findings, wanted: Wanted, number: int) -> None:
    assert len(list(kept.of_estate("city", wanted))) == number


def test_one_finding_is_given_whole(kept: Findings) -> None:
    found = kept.one("city", "web1", "ssg:tmout", "/etc/x")
    assert isinstance(found, Finding)
    assert [one.location for one in found.sightings] == ["/etc/x"]
    assert kept.one("city", "web1", "ssg:tmout", "/etc/y") is None
    assert kept.one("city", "db1", "ssg:tmout") is None


def test_another_estate_has_none(kept: Findings) -> None:
    assert list(kept.of_estate("town", Wanted(states=()))) == []
    assert list(kept.of_host("town", "web1")) == []
    assert kept.one("town", "web1", "ssg:tmout") is None
