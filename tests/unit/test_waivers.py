"""Waivers: who has to sign them, what they cover, what becomes of it when they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.approving import CLIENT, GUARD, LEAD, Office
from doubles.findings import MemoryFindings
from opsbook.approval.waiver import CATEGORIES, Waiver
from opsbook.domains.hardening.store.model import Finding, State
from opsbook.domains.hardening.store.port import Wanted
from opsbook.domains.hardening.waivers.port import NoWaivers
from opsbook.domains.hardening.waivers.register import Register, read_register
from opsbook.domains.hardening.waivers.usage import usage
from opsbook.domains.hardening.waivers.view import CountedView, WaivedFindings
from opsbook.model.clock import stamp
from opsbook.model.errors import IntegrityFault, Refused
from opsbook.model.estate import Host, Inventory
from opsbook.model.event import NewEvent
from opsbook.model.finding import Severity

KEY = "control:sshd.permitrootlogin"
CVE = "cve:CVE-2024-6387"
HOSTS = (Host("web1", "10.0.0.1"), Host("web2", "10.0.0.2"), Host("db1", "10.0.0.3"))
WAIVERS_YML = "waiver: [{group: client}, {group: operator}]\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    with (office.directory / "approvers.yml").open("a", encoding="utf-8") as file:
        file.write(WAIVERS_YML)
    return office.with_policy()


def said(**parts: Any) -> dict[str, Any]:
    """What stands under ``waiver`` in a plan."""
    return {
        "key": KEY,
        "hosts": [{"name": "web1", "address": "10.0.0.1"}],
        "location": None,
        "category": "risk_accepted",
        "owner": "Li",
        "compensating": "",
        "note": "",
        "covers": {"total": 0, "hosts": 0, "severities": {}, "first": []},
    } | parts


def drafted(office: Office, days: int = 30, **parts: Any) -> str:
    until = stamp(office.clock.now() + timedelta(days=days))
    about = {"runbook": None, "reason": "because", "hosts": []}
    waiver = said(until=until) | parts
    return office.planned(kind="waiver", waiver=waiver, expires=waiver["until"], **about)


def stands(office: Office, days: int = 30, **parts: Any) -> str:
    change = drafted(office, days, **parts)
    for who in (CLIENT, LEAD):
        office.say(change, who)
    return change


def register(office: Office, hosts: tuple[Host, ...] = HOSTS) -> Register:
    inventory = Inventory(hosts, "sha256:0", Path("/dev/null"))
    return read_register(office.ledger, office.estate, inventory, office.signatures)


def by(office: Office, host: str = "web1", key: str = KEY, location: str = "") -> str:
    """The number of the waiver that accepts it now; else why none does."""
    found, at = register(office), office.clock.now()
    accepted = found.covering(host, key, location, at)
    if accepted is not None:
        return accepted.change
    lapsed = found.lapsed(host, key, location, at)
    return lapsed.why.english() if lapsed and lapsed.why else ""


def test_a_draft_accepts_nothing_until_its_quorum_has_signed(office: Office) -> None:
    change = drafted(office)
    assert by(office) == ""
    office.say(change, CLIENT)
    assert by(office) == ""
    office.say(change, LEAD)
    assert by(office) == change
    assert office.dossier(change)["state"] == "standing"


def test_who_asked_for_it_does_not_approve_it(office: Office) -> None:
    change = drafted(office)
    asked = office.planned(kind="waiver", waiver=said(until=stamp(office.clock.now())),
                           requested_by={"user": "lead"}, reason="x")  # fmt: skip
    with pytest.raises(Refused, match="nobody approves"):
        office.say(asked, LEAD)
    assert change


def test_a_waiver_of_everything_needs_somebody_of_security(office: Office) -> None:
    change = stands(office, key="*", hosts=None)
    assert office.dossier(change)["state"] == "planned"
    office.say(change, GUARD)
    assert by(office, "db1", CVE) == change


@pytest.mark.parametrize(
    ("parts", "host", "key", "location", "covered"),
    [
        ({}, "web1", KEY, "", True),
        ({}, "web1", KEY, "443/tcp", True),
        ({}, "web2", KEY, "", False),
        ({}, "web1", "control:sshd.permitrootlogin2", "", False),
        ({}, "web1", "sshd.permitrootlogin", "", False),
        ({"location": "443/tcp"}, "web1", KEY, "443/tcp", True),
        ({"location": "443/tcp"}, "web1", KEY, "", False),
        ({"location": ""}, "web1", KEY, "443/tcp", False),
        ({"hosts": None}, "db1", KEY, "", True),
        ({"hosts": None}, "unknown", KEY, "", False),
        ({"hosts": []}, "web1", KEY, "", False),
    ],
)
def test_it_covers_what_it_names_and_nothing_else(
    office: Office, parts: dict[str, Any], host: str, key: str, location: str, covered: bool
) -> None:
    change = stands(office, **parts)
    assert (by(office, host, key, location) == change) is covered


def test_it_ends_by_itself_and_says_so(office: Office) -> None:
    change = stands(office, days=2)
    office.clock.advance(2 * 86_400 - 1)
    assert by(office) == change
    office.clock.advance(1)
    assert by(office) == "its time is over"
    (entry,) = register(office).entries
    lapsed = register(office).lapsed("web1", KEY, "", office.clock.now())
    assert lapsed is not None
    assert lapsed.over == entry.waiver.until


def test_revoked_it_accepts_nothing_more_and_says_why(office: Office) -> None:
    change = stands(office)
    reason = {"reason": "the vendor mended it", "by": {}}
    office.clock.advance(3600)
    office.ledger.append([NewEvent("change.revoked", "small", change, payload=reason)])
    assert by(office) == "it was revoked: the vendor mended it"
    before = register(office).covering("web1", KEY, "", office.clock.now() - timedelta(hours=1))
    assert before is not None
    assert before.change == change


def test_an_event_that_merely_says_approved_accepts_nothing(office: Office) -> None:
    change = drafted(office)
    payload = {"principals": [CLIENT, LEAD], "kind": "waiver"}
    office.ledger.append([NewEvent("change.approved", "small", change, payload=payload)])
    assert office.dossier(change)["state"] == "standing"
    assert "still to approve" in by(office)


def _tampered(office: Office, change: str, **parts: Any) -> None:
    """The statements of ``change`` in the ledger, with ``parts`` of each replaced."""
    for number, entry in enumerate(office.ledger.tables.entries):
        event = entry.event
        if event.kind == "change.signed" and event.run == change:
            forged = replace(event, payload={**(event.payload or {}), **parts})
            office.ledger.tables.entries[number] = replace(entry, event=forged)


@pytest.mark.parametrize("parts", [{"signature": ""}, {"signature": "x"}, {"statement": "{}"}])
def test_a_stripped_or_forged_signature_accepts_nothing(
    office: Office, parts: dict[str, Any]
) -> None:
    change = stands(office)
    assert by(office) == change
    _tampered(office, change, **parts)
    assert change in by(office)
    assert "is not approved" in by(office)


def test_a_waiver_that_was_made_wider_is_no_longer_what_was_signed(office: Office) -> None:
    change = stands(office)
    for number, entry in enumerate(office.ledger.tables.entries):
        event = entry.event
        if event.kind == "change.planned" and event.run == change:
            payload = dict(event.payload or {})
            payload["plan"] = payload["plan"] | {"waiver": said(key="*", hosts=None)}
            forged = replace(event, payload=payload)
            office.ledger.tables.entries[number] = replace(entry, event=forged)
    with pytest.raises(IntegrityFault, match="does not match its digest"):
        register(office)


def test_edited_files_of_the_policy_suspend_every_waiver(office: Office) -> None:
    change = stands(office)
    text = (office.directory / "approvers.yml").read_text(encoding="utf-8")
    office.write("approvers.yml", text + "# x\n")
    assert "are not what is in force" in by(office)
    office.write("approvers.yml", text)
    assert by(office) == change


def test_another_policy_ends_waivers_of_the_former_one(office: Office) -> None:
    stands(office)
    text = (office.directory / "approvers.yml").read_text(encoding="utf-8")
    office.write("approvers.yml", text.replace("负责人", "主管"))
    change = office.propose()
    for who in (CLIENT, LEAD):
        office.say(change, who)
    office.adopt(change)
    assert "the approver policy changed" in by(office)


def test_a_waiver_of_another_estate_is_not_seen(office: Office) -> None:
    change = stands(office)
    other = office.estate.model_copy(update={"name": "other"})
    inventory = Inventory(HOSTS, "sha256:0", Path("/dev/null"))
    assert not read_register(office.ledger, other, inventory, office.signatures).entries
    assert by(office) == change


def test_a_host_that_took_over_the_name_is_another_host(office: Office) -> None:
    stands(office)
    moved = register(office, (Host("web1", "10.0.0.99"),))
    at = office.clock.now()
    assert moved.covering("web1", KEY, "", at) is None
    lapsed = moved.lapsed("web1", KEY, "", at)
    assert lapsed is not None
    assert lapsed.why is not None
    assert lapsed.why.english() == "web1 was 10.0.0.1 when it was signed and is 10.0.0.99"


def test_of_several_the_one_that_stands_longest_is_told(office: Office) -> None:
    stands(office, days=10)
    longer = stands(office, days=20)
    stands(office, days=15)
    assert by(office) == longer


@pytest.mark.parametrize("part", ["key", "hosts", "location", "category", "owner", "until"])
def test_a_plan_without_a_part_is_no_waiver(office: Office, part: str) -> None:
    change = stands(office)
    plan = office.dossier(change)["plan"]
    broken = {**plan["waiver"]}
    del broken[part]
    with pytest.raises((KeyError, TypeError, ValueError)):
        Waiver.from_plan({**plan, "waiver": broken})


def finding(host: str, key: str = KEY, state: State = State.OPEN, **parts: Any) -> Finding:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return Finding(host, key, parts.pop("location", ""), state, Severity.HIGH, "title", at, at,
                   **parts)  # fmt: skip


def test_a_waived_finding_is_seen_as_waived_and_one_that_was_as_open_again(office: Office) -> None:
    change = stands(office, days=2)
    findings = MemoryFindings()
    findings.put("small", finding("web1"), finding("web2"), finding("web1", CVE))
    view = WaivedFindings(findings, register(office), office.clock.now())
    states = {(one.host, one.key): one.state for one in view.of_host("small", "web1", ())}
    assert states == {("web1", KEY): State.WAIVED, ("web1", CVE): State.OPEN}
    assert [one.host for one in view.of_estate("small")] == ["web1", "web2"]
    (waived,) = view.of_estate("small", Wanted(states=(State.WAIVED,)))
    assert waived.accepted is not None
    assert waived.accepted.change == change
    office.clock.advance(2 * 86_400)
    later = WaivedFindings(findings, register(office), office.clock.now())
    again = later.one("small", "web1", KEY)
    assert again is not None
    assert again.state is State.OPEN
    assert again.accepted is not None
    assert again.accepted.change == change
    assert not list(later.of_estate("small", Wanted(states=(State.WAIVED,))))


def test_what_is_fixed_is_fixed_and_the_waiver_is_no_longer_needed(office: Office) -> None:
    change = stands(office, hosts=None)
    findings = MemoryFindings()
    findings.put("small", finding("web1"), finding("web2", state=State.FIXED))
    found = register(office)
    waivers = [entry.waiver for entry in found.entries]
    view = WaivedFindings(findings, found, office.clock.now())
    told = view.one("small", "web2", KEY)
    assert told is not None
    assert told.state is State.FIXED
    used = usage(findings, found, waivers, "small")[change]
    assert (used.accepts, used.gone, used.needless) == (1, 1, False)
    findings.kept["small"][0] = finding("web1", state=State.FIXED)
    assert usage(findings, found, waivers, "small")[change].needless


def test_findings_of_hosts_that_are_nobodys_are_never_waived(office: Office) -> None:
    stands(office, hosts=None)
    findings = MemoryFindings()
    findings.put("small", replace(finding("web1"), known=False))
    view = WaivedFindings(findings, register(office), office.clock.now())
    (one,) = view.of_estate("small")
    assert one.state is State.OPEN


class Numbered(MemoryFindings):
    """The findings in memory, with the numbers that the store works out in SQL."""

    def numbers(self, estate: str, wanted: Wanted = Wanted()) -> dict[str, int]:  # noqa: B008
        found: dict[str, int] = {}
        for one in self.of_estate(estate, wanted):
            found[str(one.severity)] = found.get(str(one.severity), 0) + 1
        return found

    def hosts(self, estate: str) -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for one in self.of_estate(estate, Wanted(states=())):
            row = rows.setdefault(one.host, {"host": one.host, "known": True, "states": {},
                                             "open": {}})  # fmt: skip
            row["states"][str(one.state)] = row["states"].get(str(one.state), 0) + 1
            if one.state is State.OPEN:
                row["open"][str(one.severity)] = row["open"].get(str(one.severity), 0) + 1
        return list(rows.values())

    def places(self, estate: str, host: str, key: str) -> list[str]:
        return []


ONES = st.builds(
    lambda host, key, state, severity, place: replace(
        finding(host, key, state, location=place), severity=severity
    ),
    st.sampled_from(["web1", "web2"]),
    st.sampled_from([KEY, CVE]),
    st.sampled_from([State.OPEN, State.FIXED, State.UNDECIDED]),
    st.sampled_from(list(Severity)),
    st.sampled_from(["", "443/tcp", "22/tcp"]),
)


class Some:
    """Waivers of one key on one host."""

    def __init__(self, host: str, key: str) -> None:
        self._asked = (host, key)

    def covering(self, host: str, key: str, location: str, at: datetime) -> Any:
        return ACCEPTED if (host, key) == self._asked else None

    def lapsed(self, host: str, key: str, location: str, at: datetime) -> Any:
        return None

    def keys(self) -> set[str]:
        return {self._asked[1]}


ACCEPTED: Any = object()
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@given(
    st.lists(ONES, max_size=12, unique_by=lambda one: (one.host, one.key, one.location)),
    st.sets(st.sampled_from(list(State))),
    st.sampled_from([NoWaivers(), Some("web1", KEY), Some("web2", CVE)]),
)
def test_numbers_are_those_of_the_list_and_nothing_is_lost(
    ones: list[Finding], states: set[State], waivers: Any
) -> None:
    findings = Numbered()
    findings.put("small", *ones)
    view = CountedView(findings, waivers, NOW)
    wanted = Wanted(states=states)
    listed = list(view.of_estate("small", wanted))
    assert sum(view.numbers("small", wanted).values()) == len(listed)
    everything = list(view.of_estate("small", Wanted(states=())))
    assert len(everything) == len(ones)
    fixed = {one.state for one in ones} - {State.OPEN}
    assert {one.state for one in everything} - {State.OPEN, State.WAIVED} == fixed
    for row in view.hosts("small"):
        assert sum(row["states"].values()) == sum(one.host == row["host"] for one in ones)
        assert sum(row["open"].values()) == row["states"].get("open", 0)


def _categories() -> Iterator[str]:
    from opsbook.documents.changes.labels import CATEGORIES as TOLD

    yield from TOLD


def test_every_category_has_its_words() -> None:
    assert tuple(_categories()) == CATEGORIES
