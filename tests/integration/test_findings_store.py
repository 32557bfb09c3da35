"""The store of findings: taken in whole or not at all, kept apart; hostile texts; deaths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from opsbook.domains.hardening.store.comparison import Outcome, Why
from opsbook.domains.hardening.store.forgetting import forget
from opsbook.domains.hardening.store.importing import FORGOTTEN, KIND, report
from opsbook.domains.hardening.store.model import State
from opsbook.domains.hardening.store.port import Wanted
from opsbook.ledger.store import open_ledger
from opsbook.model.errors import IntegrityFault, Refused
from opsbook.model.event import Event, NewEvent
from opsbook.model.finding import Result, Scan, Seen, Severity, Told, Unreadable
from opsbook.model.places import Places
from opsbook.state.backup import back_up, restore
from support.scans import NOW, SCAN, SomeControls, Taking, cve, inventory, row, scan

TESTS = Path(__file__).parents[1]


@pytest.fixture
def taking(tmp_path: Path) -> Taking:
    return Taking(tmp_path / "state")


def states(taking: Taking, host: str = "web1") -> dict[tuple[str, str], str]:
    """State of every finding of a host by key and location."""
    found = taking.store().of_estate("city", Wanted(hosts=(host,), states=()))
    return {(one.key, one.location): one.state.value for one in found}


def test_the_same_defect_of_four_scanners_is_one_finding_with_four_sightings(
    taking: Taking,
) -> None:
    for scanner, location in (("nessus", "22/tcp"), ("openvas", "22/tcp"), ("rsas", ""),
                              ("trivy", "openssh")):  # fmt: skip
        told = row("1", scanner=scanner, ids=cve("CVE-2024-6387"), location=location)
        taking.take(scan(told, format=scanner), f"{scanner}.xml")
    (finding,) = taking.store().of_host("city", "web1")
    assert (finding.key, finding.location, finding.cve) == (
        "cve:CVE-2024-6387", "", "CVE-2024-6387")  # fmt: skip
    assert {one.scanner for one in finding.sightings} == {"nessus", "openvas", "rsas", "trivy"}
    assert {one.look.file for one in finding.sightings} == {"scan.xml"}


def test_a_row_of_several_controls_is_a_finding_of_each_with_the_same_evidence(
    tmp_path: Path,
) -> None:
    taking = Taking(tmp_path, controls=SomeControls({"ssg both": ["a.x", "b.y"]}))
    taking.take(scan(row("both", evidence="seen")))
    found = taking.store().of_host("city", "web1")
    assert [one.control for one in found] == ["a.x", "b.y"]
    assert [one.sightings[0].evidence for one in found] == ["seen", "seen"]


def test_what_lies_in_an_artifact_is_a_finding_of_the_artifact(taking: Taking) -> None:
    for place in ("app/package-lock.json", "other/package-lock.json", ""):
        taking.take(
            scan(row("CVE-1", ids=cve("CVE-1"), location=place, more={"artifact": place})), place
        )
    assert sorted(place for _, place in states(taking)) == [
        "", "app/package-lock.json", "other/package-lock.json"]  # fmt: skip


def test_a_rescan_closes_opens_and_keeps(taking: Taking) -> None:
    first = taking.take(scan(row("a"), row("b"), row("c", Result.PASS)), "1")
    second = taking.take(
        scan(row("a", Result.PASS), row("b"), row("c"), row("d", Result.ERROR), day=21), "2"
    )
    assert first.told["findings"] == {"new": 2, "again": 0, "closed": 0}
    assert second.told["findings"] == {"new": 1, "again": 1, "closed": 1}
    assert states(taking) == {("ssg:a", ""): "fixed", ("ssg:b", ""): "open",
                              ("ssg:c", ""): "open", ("ssg:d", ""): "undecided"}  # fmt: skip
    fixed = taking.store().one("city", "web1", "ssg:a")
    assert fixed is not None
    assert [one.result for one in fixed.sightings] == [Result.FAIL, Result.PASS]
    assert fixed.first_seen == fixed.last_seen == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_an_older_scan_that_is_imported_later_changes_nothing_newer(taking: Taking) -> None:
    taking.take(scan(row("a", Result.PASS), day=20), "new")
    taking.take(scan(row("a"), day=10), "old")
    assert states(taking) == {("ssg:a", ""): "fixed"}


def test_a_scan_of_the_future_counts_as_of_now(taking: Taking) -> None:
    taking.take(scan(row("a", Result.PASS), ended="2099-01-01T00:00:00Z"), "liar")
    taking.take(scan(row("a"), ended="", started=""), "honest")
    assert states(taking) == {("ssg:a", ""): "open"}
    (finding,) = taking.store().of_host("city", "web1")
    assert finding.last_seen == NOW


def test_a_time_without_a_zone_is_the_estates(tmp_path: Path) -> None:
    """Taken as UTC, the first of two scans of one day in China would be capped to later than it."""
    taking = Taking(tmp_path / "state", zone=ZoneInfo("Asia/Shanghai"))
    taking.take(scan(row("a", Result.PASS), ended="2026-11-21T15:00:00"), "second, brought first")
    taking.take(scan(row("a"), ended="2026-11-21T09:00:00"), "first, brought later")
    assert states(taking) == {("ssg:a", ""): "fixed"}
    found = taking.store().one("city", "web1", "ssg:a")
    assert found is not None
    assert found.last_seen == datetime(2026, 11, 21, 1, tzinfo=UTC)


def test_times_that_are_none_do_not_hold_up_an_import(taking: Taking) -> None:
    for number, told in enumerate(
        (
            "never",
            "9999-99-99",
            "0001-01-01T00:00:00+14:00",
            "12",
            "0001-01-01T00:00:00",
            "9999-12-31T23:59:59",
        )
    ):
        taking.take(scan(row("a"), ended=told), str(number))
    assert states(taking) == {("ssg:a", ""): "open"}


def test_a_scanner_that_says_only_within_a_host_what_it_is_has_one_scan(taking: Taking) -> None:
    early = Scan("nessus", "Nessus", "f", profile="policy", started="2026-11-01T00:00:00Z")
    late = replace(early, content="feed", content_version="2026", profile="other words")
    seen = Seen("web1", names=("web1",))
    told = [early, seen, row("a"), late, replace(seen, credentialed=True), row("b"), row("c")]
    kept = taking.take(told)
    assert kept.told["scans"]["number"] == 1
    (each,) = kept.told["scans"]["each"]
    assert (each["content_version"], each["profile"]) == ("2026", "other words")
    assert each["hosts_credentialed"] == 1


def test_two_results_of_one_host_in_one_file_are_two_scans(taking: Taking) -> None:
    kept = taking.take([*scan(row("a"), profile="l1"), *scan(row("a"), profile="l2", day=21)])
    assert kept.told["scans"]["number"] == 2
    assert kept.told["hosts"]["matched"] == 1


def test_rows_that_no_scan_and_no_host_introduced_are_kept(taking: Taking) -> None:
    kept = taking.take([row("a"), row("b", host="nobody")])
    assert kept.told["rows"]["results"] == {"fail": 2}
    assert kept.told["hosts"]["names"] == ["web1"]
    assert [one["host"] for one in kept.told["hosts"]["unknown"]] == ["nobody"]


def test_findings_of_strangers_are_listed_and_never_given_out_as_those_of_a_host(
    taking: Taking,
) -> None:
    ambiguous = Seen("x", names=("web1",), addresses=("10.0.0.2",))
    kept = taking.take([SCAN, ambiguous, row("a", host="x")])
    assert kept.told["hosts"]["unknown"][0]["several"] == ["db1", "web1"]
    (finding,) = taking.store().of_estate("city")
    assert (finding.host, finding.known) == ("web1", False)
    assert taking.store().of_host("city", "web1") == []
    assert taking.store().one("city", "web1", "ssg:a") == replace(
        finding,
        sightings=taking.store().one("city", "web1", "ssg:a").sightings,  # type: ignore[union-attr]
    )


def test_a_name_given_in_the_inventory_later_moves_what_was_found(taking: Taking) -> None:
    taking.take(scan(row("a", host="oa-server")), "1")
    taking.take(scan(row("b")), "2")
    assert [one.known for one in taking.store().of_estate("city")] == [True, False]
    taking.hosts = inventory(web1="10.0.0.1", **{"oa-server": "10.0.0.3"})
    found = list(taking.store().of_estate("city"))
    assert [(one.host, one.known) for one in found] == [("oa-server", True), ("web1", True)]
    taking.hosts = inventory(web1="10.0.0.1")
    assert [one.known for one in taking.store().of_estate("city")] == [True, False]


def test_a_file_that_does_not_say_which_host_it_is_belongs_to_the_one_people_name(
    taking: Taking,
) -> None:
    told = [SCAN, Seen("localhost", ("localhost",), ("127.0.0.1",)), row("a", host="localhost")]
    taking.take(told, host="db1")
    assert [one.host for one in taking.store().of_estate("city", Wanted(known=True))] == ["db1"]
    taking.hosts = inventory(db1="10.9.9.9")
    assert [one.host for one in taking.store().of_estate("city", Wanted(known=True))] == ["db1"]


def test_another_catalogue_gives_findings_other_keys(taking: Taking) -> None:
    taking.take(scan(row("a"), row("b")))
    taking.controls = SomeControls({"ssg a": ["x.a"]}, "two")
    assert sorted(key for key, _ in states(taking)) == ["control:x.a", "ssg:b"]
    taking.controls = SomeControls({}, "three")
    assert sorted(key for key, _ in states(taking)) == ["ssg:a", "ssg:b"]


def test_nothing_of_one_estate_is_seen_in_another(taking: Taking) -> None:
    taking.take(scan(row("a")), "1", estate="city")
    taking.take(scan(row("b")), "1", estate="town")
    assert not taking.take(scan(row("b"), row("c")), "2", estate="town").before
    assert list(states(taking)) == [("ssg:a", "")]
    assert [one.key for one in taking.store("town").of_host("town", "web1")] == ["ssg:b", "ssg:c"]
    assert list(taking.store().of_estate("village")) == []
    assert len(taking.store().files("city")) == 1


def test_the_same_file_is_taken_once_under_whatever_name(taking: Taking) -> None:
    first = taking.take(scan(row("a")), "1")
    again = taking.take(scan(row("a")), "1")
    assert (first.before, again.before) == (False, True)
    assert again.told["findings"] == first.told["findings"]
    assert len(taking.store().files("city")) == 1
    (finding,) = taking.store().of_host("city", "web1")
    assert len(finding.sightings) == 1


def test_what_breaks_in_the_middle_leaves_nothing(taking: Taking) -> None:
    def broken() -> Iterator[Told]:
        yield from scan(*(row(f"r{number}") for number in range(3000)))
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input"):
        taking.take(broken())
    assert taking.store().files("city") == []
    assert list(taking.store().of_estate("city")) == []
    assert taking.take(scan(row("a"))).told["findings"]["new"] == 1


def test_what_could_not_be_read_is_counted_by_reason_and_proves_nothing(taking: Taking) -> None:
    taking.take(scan(row("a"), row("b")), "1")
    cut = [*scan(row("a"), day=21), Unreadable("byte 9", "cut off", ends=True),
           *(Unreadable(f"line {n}", "no severity") for n in range(40))]  # fmt: skip
    kept = taking.take(cut, "2")
    assert kept.told["unreadable"] == [
        {"why": "cut off", "number": 1, "where": "byte 9", "ends": True},
        {"why": "no severity", "number": 40, "where": "line 0", "ends": False},
    ]
    assert states(taking) == {("ssg:a", ""): "open", ("ssg:b", ""): "open"}


def test_reasons_beyond_number_are_counted_together(taking: Taking) -> None:
    kept = taking.take([*scan(row("a")), *(Unreadable("", f"why {n}") for n in range(500))])
    assert len(kept.told["unreadable"]) == 101
    assert sum(one["number"] for one in kept.told["unreadable"]) == 500


HOSTILE = ("\ud800", "a\0b", "'; DROP TABLE findings; --", "\x1b[31mred", "{{ 7*7 }}", "../../etc",
           "=cmd|'/c calc'!A1", "\u202etxt", "x" * 5000, "%s%n", "\n\r\t")  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_values_wherever_they_stand(taking: Taking, text: str) -> None:
    bad = row(
        text, scanner=text, told=text, title=text, location=text, evidence=text, remedy=text,
        ids=cve(), package=text, installed=text, fixed=text, more={"artifact": text, text: text},
    )  # fmt: skip
    named = replace(SCAN, tool=text, content=text, file=text, profile=text)
    seen = Seen("web1", names=("web1", text), addresses=(text,), os=text)
    told = [named, seen, row("before"), bad, row("after"), Unreadable(text, text),
            Seen(text, names=(text,)), row("a", host=text)]  # fmt: skip
    kept = taking.take(told, "bad")
    assert kept.told["rows"]["results"] == {"fail": 4}
    assert len(taking.store().of_host("city", "web1")) + len(
        list(taking.store().of_estate("city", Wanted(known=False)))
    ) == 4  # fmt: skip
    assert taking.store().hosts("city")
    assert taking.take(told, "bad").before


def test_two_imports_are_compared(taking: Taking) -> None:
    taking.take(scan(row("fixed"), row("stays"), row("gone"), row("na")), "1")
    taking.take(
        scan(row("fixed", Result.PASS), row("stays"), row("new"), row("na", Result.NOT_APPLICABLE),
             row("ok", Result.PASS), day=21), "2",
    )  # fmt: skip
    taking.take(scan(row("fixed", Result.PASS), row("stays"), day=21, credentialed=False), "3")
    taking.take(scan(row("fixed", Result.PASS), row("x", host="db1"), day=21, content_version="2"),
                "4")  # fmt: skip

    def told(before: int, after: int) -> dict[str, tuple[Outcome, Why]]:
        found = taking.store().compared(before, after)
        return {one.key.removeprefix("ssg:"): (one.outcome, one.why) for one in found}

    assert told(1, 2) == {
        "fixed": (Outcome.FIXED, Why.NONE),
        "stays": (Outcome.REMAINING, Why.NONE),
        "gone": (Outcome.NOT_COMPARABLE, Why.NOT_LOOKED_AT),
        "na": (Outcome.NOT_COMPARABLE, Why.NOT_APPLICABLE),
        "new": (Outcome.NEW, Why.NONE),
    }
    assert told(1, 3)["fixed"] == (Outcome.NOT_COMPARABLE, Why.CREDENTIALS)
    assert told(1, 3)["stays"] == (Outcome.REMAINING, Why.NONE)
    assert told(1, 4)["fixed"] == (Outcome.NOT_COMPARABLE, Why.VERSION)
    assert told(1, 4)["x"] == (Outcome.NEW, Why.NOT_SCANNED)
    assert told(2, 4)["stays"] == (Outcome.NOT_COMPARABLE, Why.VERSION)


def test_a_moment_is_compared_with_now(taking: Taking) -> None:
    taking.take(scan(row("fixed"), row("stays"), day=10), "1")
    taking.take(scan(row("fixed", Result.PASS), row("stays"), row("new"), day=20), "2")
    found = taking.store().since("city", datetime(2026, 11, 15, tzinfo=UTC))
    assert {one.key: one.outcome.value for one in found} == {
        "ssg:fixed": "fixed", "ssg:stays": "remaining", "ssg:new": "new"}  # fmt: skip


def test_findings_are_chosen_by_what_is_wanted(taking: Taking) -> None:
    taking.controls = SomeControls({"ssg a": ["x.a"]})
    taking.take(
        scan(row("a", severity=Severity.HIGH), row("b"), row("c", host="db1"), row("d", host="?"))
    )

    def keys(**wanted: object) -> list[str]:
        found = taking.store().of_estate("city", Wanted(**wanted))  # type: ignore[arg-type]
        return [one.key for one in found]

    assert keys() == ["ssg:c", "control:x.a", "ssg:b", "ssg:d"]
    assert keys(hosts=("web1",)) == ["control:x.a", "ssg:b"]
    assert keys(severities=(Severity.HIGH,)) == ["control:x.a"]
    assert keys(by_control=True) == ["control:x.a"]
    assert keys(by_control=False) == ["ssg:c", "ssg:b", "ssg:d"]
    assert keys(known=False) == ["ssg:d"]
    assert keys(keys=("ssg:b", "ssg:c")) == ["ssg:c", "ssg:b"]
    assert keys(states=(State.FIXED,)) == []
    assert taking.store().numbers("city") == {"high": 1, "medium": 3}


def test_the_ledger_is_told_once_also_after_a_death_in_between(taking: Taking) -> None:
    ledger = MemoryLedger(FakeClock())
    taking.take(scan(row("a")), "1")
    report(taking.database, ledger)
    report(taking.database, ledger)
    with taking.database.writing() as db:  # as if it had died before it noted what it told
        db.execute("UPDATE files SET reported = 0")
    report(taking.database, ledger)
    (event,) = ledger.events(kinds=(KIND,))
    assert event.estate == "city"
    assert event.payload is not None
    assert event.payload["findings"] == {"new": 1, "again": 0, "closed": 0}


def test_the_ledger_is_told_once_by_two_at_once(taking: Taking) -> None:
    class Slow(MemoryLedger):
        def append(self, events: Sequence[NewEvent]) -> list[Event]:
            time.sleep(0.2)
            return super().append(events)

    ledger = Slow(FakeClock())
    taking.take(scan(row("a")), "1")
    both = [threading.Thread(target=report, args=(taking.database, ledger)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(list(ledger.events(kinds=(KIND,)))) == 1


def test_the_ledger_is_told_while_the_next_import_is_at_work(taking: Taking) -> None:
    ledger = MemoryLedger(FakeClock())
    taking.take(scan(row("a")), "1")

    def told() -> Iterator[Told]:
        yield from scan(row("b"))
        began = time.monotonic()
        report(taking.database, ledger)  # as another process would, of what came before
        assert time.monotonic() - began < 5

    taking.take(told(), "2")
    report(taking.database, ledger)
    events = ledger.events(kinds=(KIND,))
    assert [(event.payload or {})["file"] for event in events] == ["1", "2"]


WHY, BY = "the report of somebody else", {"user": "zhang"}


def rows_of(taking: Taking) -> dict[str, int]:
    """How many rows each table has."""
    names = ("files", "scans", "seen", "tallies", "rules", "rule_keys", "sightings", "findings",
             "unreadable")  # fmt: skip
    with taking.database.reading() as db:
        return {one: db.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in names}


def test_what_is_forgotten_is_as_if_it_had_never_come(taking: Taking) -> None:
    ledger = MemoryLedger(FakeClock())
    taking.take(scan(row("a"), row("b"), day=18), "1")
    was, had = states(taking), rows_of(taking)
    gone = [*scan(row("a", Result.PASS), row("c", host="db1")), Unreadable("x", "cut off")]
    taking.take(gone, "2")
    digest = taking.store().files("city")[1]["sha256"]
    assert states(taking)["ssg:a", ""] == "fixed"
    told = forget(taking.database, "city", digest, WHY, BY, ledger)
    assert told is not None
    assert told["findings"] == {"new": 1, "again": 1, "closed": 1}
    assert (states(taking), rows_of(taking)) == (was, had)
    assert forget(taking.database, "city", digest, WHY, BY, ledger) is None
    kinds = [event.kind for event in ledger.events(kinds=(KIND, FORGOTTEN))]
    assert kinds == [KIND, KIND, FORGOTTEN]


def test_what_was_forgotten_and_comes_again_is_told_again(taking: Taking) -> None:
    ledger = MemoryLedger(FakeClock())
    for _ in range(2):
        taking.take(scan(row("a")), "1")
        report(taking.database, ledger)
        (file,) = taking.store().files("city")
        assert forget(taking.database, "town", file["sha256"], WHY, BY, ledger) is None
        assert forget(taking.database, "city", file["sha256"], WHY, BY, ledger)
    kinds = [event.kind for event in ledger.events(kinds=(KIND, FORGOTTEN))]
    assert kinds == [KIND, FORGOTTEN, KIND, FORGOTTEN]


def test_a_ledger_that_cannot_be_told_keeps_what_was_to_be_forgotten(taking: Taking) -> None:
    class Full(MemoryLedger):
        def append(self, events: Sequence[NewEvent]) -> list[Event]:
            raise OSError(28, "No space left on device")

    taking.take(scan(row("a")), "1")
    report(taking.database, MemoryLedger(FakeClock()))
    (file,), had = taking.store().files("city"), rows_of(taking)
    with pytest.raises(OSError, match="No space left"):
        forget(taking.database, "city", file["sha256"], WHY, BY, Full(FakeClock()))
    assert rows_of(taking) == had


def test_a_store_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "findings").write_text("a file is in the way")
    with pytest.raises(Refused, match="cannot be written"):
        Taking(tmp_path / "state").take(scan(row("a")))


def test_the_database_is_private(taking: Taking) -> None:
    taking.take(scan(row("a")))
    assert taking.database.path.stat().st_mode & 0o777 == 0o600
    assert taking.database.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_newer_database_and_a_damaged_one_are_said_to_be_so(taking: Taking) -> None:
    taking.take(scan(row("a")))
    with taking.database.writing() as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(IntegrityFault, match="newer opsbook"):
        taking.store()
    for file in taking.database.path.parent.glob("findings.db-*"):
        file.unlink()
    taking.database.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(IntegrityFault, match="damaged"):
        taking.store()


def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        taking = Taking(disk)
        taking.take(scan(row("a")), "1")
        big = scan(*(row(f"r{number}", evidence="x" * 3000) for number in range(2000)))
        with pytest.raises(Refused, match="cannot be written"):
            taking.take(big, "2")
        assert list(states(taking)) == [("ssg:a", "")]
        taking.take(scan(row("b")), "3")
        assert list(states(taking)) == [("ssg:a", ""), ("ssg:b", "")]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


IMPORTER = """
import sys
from pathlib import Path
from support.scans import Taking, row, scan
def slowly():
    yield from scan(row("first"))
    for number in range(10_000_000):
        if number == 5000:
            print("midway", flush=True)
        yield row(f"r{number}")
Taking(Path(sys.argv[1])).take(slowly(), "killed")
"""


def test_a_killed_import_leaves_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    taking = Taking(tmp_path / "state")
    taking.take(scan(row("a")), "1")
    killed = subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(taking.root)], stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"midway\n"
    assert list(states(taking)) == [("ssg:a", "")]  # listing goes on meanwhile
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    began = time.monotonic()
    taking.take(scan(row("b")), "2")
    assert time.monotonic() - began < 20
    assert list(states(taking)) == [("ssg:a", ""), ("ssg:b", "")]
    assert [one["file"] for one in taking.store().files("city")] == ["1", "2"]


def test_imports_at_once_take_turns(tmp_path: Path) -> None:
    taking = Taking(tmp_path / "state")
    errors: list[BaseException] = []

    def one(number: int) -> None:
        try:
            taking.take(scan(row(f"r{number}"), day=number + 1), str(number // 2))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(taking.store().files("city")) == 4


MUCH = """
import resource, sys
from pathlib import Path
from opsbook.model.finding import Seen
from support.scans import SCAN, Taking, row
number = int(sys.argv[2])
def told():
    yield SCAN
    yield Seen("web1", ("web1",))
    for each in range(number):
        yield row(f"r{each}", evidence="e" * 200, remedy="m" * 300)
assert Taking(Path(sys.argv[1])).take(told()).told["findings"]["new"] == number
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_more_rules_of_one_host_do_not_take_more_memory(tmp_path: Path) -> None:
    """Ten times the rows, hardly more memory: measured in processes of their own."""
    peaks = []
    for number in (2_000, 20_000):
        ran = subprocess.run(
            [sys.executable, "-c", MUCH, str(tmp_path / str(number)), str(number)],
            capture_output=True, check=True, env=os.environ | {"PYTHONPATH": str(TESTS)},
        )  # fmt: skip
        peaks.append(int(ran.stdout))
    assert peaks[1] - peaks[0] < 16 * 1024


def test_a_backup_carries_findings_and_gives_them_back(tmp_path: Path) -> None:
    taking, clock = Taking(tmp_path / "state"), FakeClock()
    with closing(open_ledger(Places(taking.root), clock)) as ledger:
        taking.take(scan(row("a")), "1")
        report(taking.database, ledger)
    made = back_up(Places(taking.root), clock, tmp_path / "b.tar.zst")
    assert "findings/findings.db" in made.manifest["files"]
    restore(Places(tmp_path / "there"), clock, tmp_path / "b.tar.zst")
    restored = Taking(tmp_path / "there")
    assert list(states(restored)) == [("ssg:a", "")]
    assert restored.take(scan(row("b")), "2").told["findings"]["new"] == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(Result), st.sampled_from(Severity),
            st.sampled_from(["", "22/tcp"]),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_a_first_look_stands_as_it_does_when_looks_are_compared(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, Result, Severity, str]],
) -> None:
    """The database judges a single look by itself; the rules for several must say the same."""
    told = [row(rule, result, severity=severity, location=place)
            for rule, result, severity, place in rows]  # fmt: skip
    taking = Taking(tmp_path_factory.mktemp("state"))
    taking.take(scan(*told))
    alone = list(taking.store().of_estate("city", Wanted(states=())))
    taking.take(scan(row("other", Result.PASS, scanner="lynis"), format="lynis"), "2")
    assert list(taking.store().of_estate("city", Wanted(states=()))) == alone
