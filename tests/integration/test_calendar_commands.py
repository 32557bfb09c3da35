"""``calendar show`` and ``calendar import``, and calendar files that are wrong or hostile."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.calendars.ics import MOST_BYTES, read_ics
from opsbook.calendars.load import load_calendars
from opsbook.cli.main import run
from opsbook.execution.declared.declarations import load_estate
from opsbook.model.errors import InputFault
from opsbook.model.exits import Exit
from opsbook.model.places import Places

ESTATE = """---
schema: 1
name: small
title: {zh: 小, en: small}
timezone: Asia/Shanghai
calendar: {holidays: china, imports: [group.ics]}
windows: [{name: night, days: [workday], from: "22:00", to: "06:00"}]
"""
SHANGHAI = ZoneInfo("Asia/Shanghai")


def ics(*events: str) -> str:
    inner = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\n{e}END:VEVENT\r\n" for n, e in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{inner}END:VCALENDAR\r\n"


ALL_DAY = "SUMMARY:封网\\, 春节\r\nDTSTART;VALUE=DATE:20260210\r\nDTEND;VALUE=DATE:20260225\r\n"
OUTLOOK = (
    "SUMMARY:quarter end\r\nDTSTART;TZID=China Standard Time:20260331T180000\r\n"
    "DTEND;TZID=China Standard Time:20260401T080000\r\n"
)
FLOATING = "SUMMARY:floating\r\nDTSTART:20260501T100000\r\nDURATION:PT2H\r\n"
UTC_ONE = "SUMMARY:utc\r\nDTSTART:20260601T000000Z\r\nDTEND:20260601T010000Z\r\n"


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    directory = tmp_path / "small"
    directory.mkdir()
    (directory / "estate.yml").write_text(ESTATE)
    (directory / "hosts.yml").write_text("all: {hosts: {a: {ansible_connection: local}}}\n")
    (directory / "group.ics").write_text(ics(ALL_DAY))
    return directory


def calendars(estate: Path):
    return load_calendars(load_estate(str(estate), Places.from_env()))


def write(tmp_path: Path, content: str | bytes, name: str = "new.ics") -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_days_all_day_and_timed_events_zones_and_durations_are_understood(tmp_path: Path) -> None:
    gone = "STATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20260701\r\n"
    one_day = "SUMMARY:day\r\nDTSTART;VALUE=DATE:20260801\r\n"
    found = read_ics(write(tmp_path, ics(ALL_DAY, OUTLOOK, FLOATING, UTC_ONE, gone, one_day)),
                     SHANGHAI)  # fmt: skip
    told = [(f.name, f.start.isoformat()[:16], f.end.isoformat()[:16]) for f in found]
    assert told == [
        ("封网, 春节", "2026-02-09T16:00", "2026-02-24T16:00"),
        ("quarter end", "2026-03-31T10:00", "2026-04-01T00:00"),
        ("floating", "2026-05-01T02:00", "2026-05-01T04:00"),
        ("utc", "2026-06-01T00:00", "2026-06-01T01:00"),
        ("day", "2026-07-31T16:00", "2026-08-01T16:00"),
    ]


def test_imported_events_are_freezes(estate: Path) -> None:
    (estate / "group.ics").write_text(ics(ALL_DAY, OUTLOOK))
    names = {freeze.name for freeze in calendars(estate).freezes}
    assert {"封网, 春节", "quarter end"} <= names


HOSTILE = {
    "nothing": b"",
    "nonsense": b"\x00\xff\xfe nonsense",
    "text": "not a calendar\r\n",
    "half": ics(ALL_DAY)[:60],
    "another component": "BEGIN:VTODO\r\nEND:VTODO\r\n",
    "no events": ics(),
    "huge": ics(*[ALL_DAY] * 4000),
    "many": "BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 8000 + "END:VCALENDAR\r\n",
    "deep": "BEGIN:VEVENT\r\n" * 7000 + "END:VEVENT\r\n" * 7000,
    "endless": ics("DTSTART:20260101T000000\r\nRRULE:FREQ=SECONDLY\r\n"),
    "never": ics("DTSTART:20260101T000000\r\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\r\n"),
    "dates": ics("DTSTART;VALUE=DATE:20260101\r\nRDATE;VALUE=DATE:20260102\r\n"),
    "no start": ics("SUMMARY:x\r\n"),
    "no such day": ics("DTSTART;VALUE=DATE:20260230\r\nDTEND;VALUE=DATE:20260301\r\n"),
    "broken end": ics("DTSTART:20260101T000000\r\nDTEND:soon\r\n"),
    "backwards": ics("DTSTART:20260102T000000\r\nDTEND:20260101T000000\r\n"),
    "a moment": ics("DTSTART:20260102T000000\r\n"),
    "back in time": ics("DTSTART:20260102T000000\r\nDURATION:-PT5H\r\n"),
    "no such zone": ics("DTSTART;TZID=Mars/North:20260102T000000\r\nDURATION:PT5H\r\n"),
    "age": ics("DTSTART;VALUE=DATE:00010101\r\nDTEND;VALUE=DATE:00020101\r\n"),
    "eternity": ics("DTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:99991231\r\n"),
    "long": ics("DTSTART;VALUE=DATE:20260101\r\nDURATION:P99999999999D\r\n"),
    "two starts": ics("DTSTART;VALUE=DATE:20260101\r\nDTSTART;VALUE=DATE:20260102\r\n"),
    "a period": ics("DTSTART;VALUE=PERIOD:20260101T000000Z/PT1H\r\n"),
    "a duration as end": ics("DTSTART:20260102T000000\r\nDTEND;VALUE=DURATION:PT1H\r\n"),
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_what_is_not_plainly_a_calendar_is_refused_soon_and_in_words(
    kind: str, tmp_path: Path, estate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in estate.iterdir())
    begun = time.monotonic()
    file = write(tmp_path, HOSTILE[kind])
    assert run(["--lang", "en", "calendar", "import", str(file), "-e", str(estate)]) == (
        Exit.BAD_INPUT
    )
    assert time.monotonic() - begun < 10
    said = capsys.readouterr().err
    assert "cannot be used as a calendar" in said
    assert "Nothing was imported." in said
    assert "Traceback" not in said
    assert sorted(path.name for path in estate.iterdir()) == before


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    directory = Path(os.environ["OPSBOOK_STATE"]).parent
    file = write(directory, b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART" + data, "random.ics")
    with suppress(InputFault):
        assert all(freeze.start < freeze.end for freeze in read_ics(file, SHANGHAI))


def test_names_of_events_cannot_draw_on_the_terminal(
    estate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (estate / "group.ics").write_text(
        ics("SUMMARY:a\x1b[31m{end}\u202e\r\nDTSTART;VALUE=DATE:20261121\r\n")
    )
    assert run(["calendar", "show", "-e", str(estate), "--from", "2026-11-21", "--to",
                "2026-11-21"]) == Exit.DONE  # fmt: skip
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "{end}" in said


def test_an_import_is_checked_kept_and_used(
    estate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, ics(OUTLOOK), "group.ics")
    assert run(["--lang", "en", "calendar", "import", str(file), "-e", str(estate)]) == Exit.DONE
    assert capsys.readouterr().out.startswith("Freezes in ")
    assert (estate / "group.ics").read_bytes() == file.read_bytes()
    assert "quarter end" in {freeze.name for freeze in calendars(estate).freezes}
    other = write(tmp_path, ics(OUTLOOK), "other.ics")
    assert run(["--lang", "en", "calendar", "import", str(other), "-e", str(estate)]) == Exit.DONE
    assert "Next: add other.ics to imports" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gone.ics", ".ics", "a b.ics", "calendar.txt", "."])
def test_a_file_that_cannot_be_kept_is_refused(name: str, estate: Path, tmp_path: Path) -> None:
    if name not in ("gone.ics", "."):
        write(tmp_path, ics(OUTLOOK), name)
    where = str(tmp_path / name)
    assert run(["calendar", "import", where, "-e", str(estate)]) == Exit.USAGE


def test_a_directory_that_cannot_be_written_is_said(
    estate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (estate / "new.ics").mkdir()
    file = write(tmp_path, ics(OUTLOOK))
    assert run(["--lang", "en", "calendar", "import", str(file), "-e", str(estate)]) == (
        Exit.BAD_INPUT
    )
    assert "cannot be written" in capsys.readouterr().err
    assert not [path for path in estate.iterdir() if path.name.endswith(".part")]


def test_all_faults_of_calendar_files_are_told_by_the_check(
    estate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (estate / "group.ics").write_text(ics("SUMMARY:one\r\n", "SUMMARY:two\r\n"))
    (estate / "holidays.yml").write_text(
        "schema: 1\nyears:\n"
        "- {year: 2027, source: x, holidays: [{name: {zh: 元, en: N}, from: '2027-01-03',"
        " to: '2027-01-01'}], workdays: ['2027-02-30']}\n"
    )
    assert run(["estate", "check", "-e", str(estate), "--json"]) == Exit.BAD_INPUT
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert [Path(fault["file"]).name for fault in faults] == ["holidays.yml"] * 2 + [
        "group.ics"] * 2  # fmt: skip
    assert {fault["line"] for fault in faults[:2]} == {3}


@pytest.mark.parametrize(
    "years",
    ["[{year: 2027, source: x, holidays: [], workdays: ['2030-01-01']}]",
     "[{year: 2027, source: x, holidays: []}, {year: 2027, source: y, holidays: []}]"],
)  # fmt: skip
def test_a_year_that_contradicts_itself_is_a_fault(estate: Path, years: str) -> None:
    (estate / "holidays.yml").write_text(f"schema: 1\nyears: {years}\n")
    with pytest.raises(InputFault):
        calendars(estate)


def test_a_year_of_the_estate_wins_over_ours_and_makes_another_known(
    estate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show = ["--lang", "en", "calendar", "show", "-e", str(estate), "--from", "2026-10-01"]
    assert run([*show, "--to", "2027-01-02", "--json"]) == Exit.DONE
    said = capsys.readouterr()
    assert "2027" in said.err
    assert json.loads(said.out)[0]["kind"] == "holiday"
    (estate / "holidays.yml").write_text(
        "schema: 1\nyears:\n- {year: 2026, source: x, holidays: []}\n"
        "- {year: 2027, source: x, holidays: [{name: {zh: 元旦, en: New Year}, from: '2027-01-01',"
        " to: '2027-01-01'}]}\n"
    )
    assert run([*show, "--to", "2027-01-02", "--json"]) == Exit.DONE
    said = capsys.readouterr()
    assert said.err == ""
    rows = {row["day"]: row for row in json.loads(said.out)}
    assert rows["2026-10-01"]["kind"] == "workday"
    assert rows["2027-01-01"]["holiday"] == "New Year"
    assert rows["2027-01-01"]["freezes"][0]["kind"] == "holiday"


def test_show_tells_days_freezes_and_windows(
    estate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["calendar", "show", "-e", str(estate), "--from", "2026-02-13", "--to", "2026-02-16"]
    assert run(["--lang", "zh", *asked]) == Exit.DONE
    said = capsys.readouterr().out
    for word in ("调休上班日", "春节", "night 22:00-06:00", "星期六"):
        assert word in said


@pytest.mark.parametrize(
    "span",
    [("2026-02-30", "2026-03-01"), ("2026-03-02", "2026-03-01"), ("2026-01-01", "2099-01-01")],
)
def test_a_span_that_is_none_is_a_usage_fault(estate: Path, span: tuple[str, str]) -> None:
    asked = ["calendar", "show", "-e", str(estate), "--from", span[0], "--to", span[1]]
    assert run(asked) == Exit.USAGE


def test_the_largest_file_is_read_within_seconds(tmp_path: Path) -> None:
    one = "DTSTART;VALUE=DATE:20260101\r\nSUMMARY:a\r\n"
    count = min(2000, MOST_BYTES // (len(one) + 40))
    begun = time.monotonic()
    assert len(read_ics(write(tmp_path, ics(*[one] * count)), SHANGHAI)) == count
    assert time.monotonic() - begun < 10
