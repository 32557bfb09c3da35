"""When schedules are due: days, calendars, changes of clocks, and what counts as missed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.calendars.days import Calendars
from opsbook.calendars.load import load_calendars
from opsbook.model.estate import Estate
from opsbook.model.runbook import Schedule
from opsbook.scheduler.due import due_times, missed, next_times

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = Calendars(SHANGHAI, frozenset(range(5)))
ZONES = (
    "Asia/Shanghai", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
    "Asia/Kathmandu", "America/Santiago", "Pacific/Apia", "Africa/Cairo", "Asia/Beirut",
)  # fmt: skip

Days = Literal["daily", "workdays", "weekly", "monthly"]


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def local(when: Schedule, zone: str, after: str, number: int) -> list[str]:
    place = ZoneInfo(zone)
    times = next_times(when, place, WEEK, after=at(after, zone), number=number)
    return [time.astimezone(place).strftime("%Y-%m-%d %H:%M %z") for time in times]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("daily", ["2026-11-21", "2026-11-22", "2026-11-23"]),
        ("workdays", ["2026-11-23", "2026-11-24", "2026-11-25"]),
        ("weekly", ["2026-11-23", "2026-11-30", "2026-12-07"]),
        ("monthly", ["2026-12-01", "2027-01-01", "2027-02-01"]),
    ],
)
def test_days_are_days_of_the_estate(days: Days, expected: list[str]) -> None:
    found = local(Schedule(at="02:10", days=days), "Asia/Shanghai", "2026-11-21T00:00", 3)
    assert found == [f"{day} 02:10 +0800" for day in expected]


def test_working_days_of_china_are_those_of_the_yearly_notice() -> None:
    title = {"zh": "文", "en": "text"}
    china = Estate.model_validate(
        {"schema": 1, "name": "small", "title": title, "timezone": "Asia/Shanghai",
         "calendar": {"holidays": "china"}}
    )  # fmt: skip
    times = next_times(
        Schedule(at="02:10", days="workdays"), SHANGHAI, load_calendars(china),
        after=at("2026-09-30T12:00"), number=4,
    )  # fmt: skip
    days = [time.astimezone(SHANGHAI).strftime("%m-%d") for time in times]
    assert days == ["10-08", "10-09", "10-10", "10-12"]


def test_a_due_time_itself_is_not_next_after_itself() -> None:
    found = local(Schedule(at="02:10"), "Asia/Shanghai", "2026-11-21T02:10", 1)
    assert found == ["2026-11-22 02:10 +0800"]


def test_work_days_may_be_any_days_of_the_week() -> None:
    sunday_to_thursday = Calendars(SHANGHAI, frozenset({6, 0, 1, 2, 3}))
    times = next_times(
        Schedule(at="09:00", days="workdays"), SHANGHAI, sunday_to_thursday,
        after=at("2026-11-20T00:00"), number=6,
    )  # fmt: skip
    days = [time.astimezone(SHANGHAI).strftime("%a") for time in times]
    assert days == ["Sun", "Mon", "Tue", "Wed", "Thu", "Sun"]


def test_a_calendar_without_working_days_is_never_due() -> None:
    nothing = Calendars(SHANGHAI, frozenset())
    when = Schedule(at="09:00", days="workdays")
    assert next_times(when, SHANGHAI, nothing, after=at("2026-11-20T00:00"), number=1) == []


@pytest.mark.parametrize(
    ("zone", "time", "after", "expected"),
    [
        ("Europe/Berlin", "02:30", "2026-03-28T12:00", "2026-03-29 03:00 +0200"),
        ("Europe/Berlin", "02:00", "2026-03-28T12:00", "2026-03-29 03:00 +0200"),
        ("Europe/Berlin", "03:00", "2026-03-28T12:00", "2026-03-29 03:00 +0200"),
        ("Europe/Berlin", "01:59", "2026-03-28T12:00", "2026-03-29 01:59 +0100"),
        ("Australia/Lord_Howe", "02:10", "2026-10-03T12:00", "2026-10-04 02:30 +1100"),
        ("Asia/Beirut", "00:30", "2026-03-28T12:00", "2026-03-29 01:00 +0300"),
    ],
)
def test_a_time_that_does_not_exist_is_taken_at_the_first_later_moment(
    zone: str, time: str, after: str, expected: str
) -> None:
    assert local(Schedule(at=time), zone, after, 1) == [expected]


def test_a_time_that_exists_twice_is_due_once() -> None:
    found = local(Schedule(at="02:30"), "Europe/Berlin", "2026-10-24T12:00", 2)
    assert found == ["2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"]


def test_a_day_that_was_left_out_gives_one_due_time_not_two() -> None:
    found = local(Schedule(at="00:00"), "Pacific/Apia", "2011-12-28T12:00", 3)
    assert found == [
        "2011-12-29 00:00 -1000", "2011-12-31 00:00 +1400", "2012-01-01 00:00 +1400",
    ]  # fmt: skip


@given(
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 24 * 60 - 1),
    start=st.dates(date(2020, 1, 1), date(2037, 1, 1)),
)
def test_a_daily_schedule_is_due_once_on_every_day(zone: str, minute: int, start: date) -> None:
    place = ZoneInfo(zone)
    when = Schedule(at=f"{minute // 60:02d}:{minute % 60:02d}")
    after = datetime(start.year, start.month, start.day, tzinfo=UTC)
    times = list(due_times(when, place, WEEK, after=after, until=after + timedelta(days=30)))
    days = [time.astimezone(place).date() for time in times]
    assert len(set(days)) == len(days)
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    assert len(days) in (29, 30, 31)


@given(zone=st.sampled_from(ZONES), cut=st.integers(0, 60 * 24 * 40), at=st.integers(0, 1439))
def test_looking_in_two_steps_finds_what_looking_once_finds(zone: str, cut: int, at: int) -> None:
    place, when = ZoneInfo(zone), Schedule(at=f"{at // 60:02d}:{at % 60:02d}")
    start = datetime(2026, 3, 10, tzinfo=UTC)
    middle, end = start + timedelta(minutes=cut), start + timedelta(days=40)
    once = list(due_times(when, place, WEEK, after=start, until=end))
    first = list(due_times(when, place, WEEK, after=start, until=min(middle, end)))
    assert first + list(due_times(when, place, WEEK, after=middle, until=end)) == once


DUE = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
GRACE = timedelta(minutes=60)


@pytest.mark.parametrize(
    ("start", "now", "is_missed"),
    [
        (None, 59, False),
        (None, 60, False),
        (None, 61, True),
        (0, 61, False),
        (60, 61, False),
        (61, 62, True),
        (-1, 61, True),
    ],
)
def test_a_due_time_is_met_by_a_start_within_its_grace(
    start: int | None, now: int, is_missed: bool
) -> None:
    starts = [] if start is None else [DUE + timedelta(minutes=start)]
    found = missed([DUE], starts, grace=GRACE, now=DUE + timedelta(minutes=now))
    assert found == ([DUE] if is_missed else [])
