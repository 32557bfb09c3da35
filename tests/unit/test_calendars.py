"""Days, windows and the gate: real days of 2026, midnight, changes of clocks, freezes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsbook.calendars.days import Calendars, Freeze, FreezeKind
from opsbook.calendars.gate import gate, next_opening, overrides
from opsbook.calendars.load import load_calendars
from opsbook.calendars.windows import openings, window_for
from opsbook.model.canonical import canonical
from opsbook.model.errors import UsageFault
from opsbook.model.estate import Estate
from opsbook.model.message import Message

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut")
NIGHT = {"name": "night", "days": ["workday"], "from": "22:00", "to": "06:00"}
ALWAYS_OPEN = {"name": "open", "days": ["workday", "restday"], "from": "00:00", "to": "24:00"}
HOUR = timedelta(hours=1)


def estate(zone: str = "Asia/Shanghai", windows: Any = (), **calendar: Any) -> Estate:
    both = {"zh": "文", "en": "text"}
    declared = {"schema": 1, "name": "small", "title": both, "timezone": zone}
    return Estate.model_validate(declared | {"calendar": calendar, "windows": list(windows)})


def china(**more: Any) -> Estate:
    return estate(windows=[NIGHT, ALWAYS_OPEN], holidays="china", **more)


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def why(
    declared: Estate, asked: str | None, moment: str, needs: timedelta = HOUR, *, emergency=False
) -> str:
    calendars = load_calendars(declared)
    window = window_for(declared, calendars, asked, at("2026-01-01T00:00"))
    found = gate(window, calendars, at(moment), needs, emergency=emergency)
    return found.english() if found else ""


# --- real days


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2025-01-26", "shifted"),
        ("2025-01-28", "holiday"),
        ("2025-02-04", "holiday"),
        ("2025-02-05", "workday"),
        ("2025-10-08", "holiday"),
        ("2025-10-11", "shifted"),
        ("2026-01-01", "holiday"),
        ("2026-01-03", "holiday"),
        ("2026-01-04", "shifted"),
        ("2026-02-14", "shifted"),
        ("2026-02-15", "holiday"),
        ("2026-02-23", "holiday"),
        ("2026-02-24", "workday"),
        ("2026-02-28", "shifted"),
        ("2026-04-05", "holiday"),
        ("2026-04-11", "restday"),
        ("2026-05-05", "holiday"),
        ("2026-05-09", "shifted"),
        ("2026-06-19", "holiday"),
        ("2026-06-22", "workday"),
        ("2026-09-20", "shifted"),
        ("2026-09-26", "holiday"),
        ("2026-10-07", "holiday"),
        ("2026-10-08", "workday"),
        ("2026-10-10", "shifted"),
        ("2026-10-11", "restday"),
    ],
)
def test_days_are_what_the_notice_says(day: str, kind: str) -> None:
    calendars = load_calendars(china())
    assert calendars.kind_of(date.fromisoformat(day)) == kind
    assert calendars.is_workday(date.fromisoformat(day)) == (kind in ("workday", "shifted"))


def test_an_estate_that_keeps_no_holidays_has_only_its_week() -> None:
    calendars = load_calendars(estate())
    assert calendars.is_workday(date(2026, 10, 1))
    assert not calendars.is_workday(date(2026, 10, 10))
    assert calendars.frozen(at("2026-10-01T12:00")) is None
    assert calendars.knows(2031)


def test_holidays_need_not_be_freezes() -> None:
    calendars = load_calendars(china(freeze_on_holidays=False))
    assert calendars.frozen(at("2026-10-01T12:00")) is None
    assert not calendars.is_workday(date(2026, 10, 1))


def test_every_shifted_workday_is_a_day_of_rest_and_no_holiday() -> None:
    calendars = load_calendars(china())
    for year in (calendars.years or {}).values():
        for text in year.workdays:
            day = date.fromisoformat(text)
            assert day.weekday() >= 5, text
            assert calendars.holiday(day) is None, text


# --- the gate


def test_an_open_gate_says_nothing() -> None:
    assert why(china(), None, "2026-11-18T10:00") == ""
    assert why(china(), "night", "2026-11-18T22:00") == ""
    assert why(china(), "night", "2026-11-19T04:59") == ""


@pytest.mark.parametrize(
    ("asked", "moment", "needs", "said"),
    [
        ("night", "2026-11-18T21:59", HOUR, "next opening is 2026-11-18 22:00 +08:00"),
        ("night", "2026-11-19T05:01", HOUR, "closes at 2026-11-19 06:00 +08:00; the next opening"),
        ("night", "2026-11-20T21:00", 9 * HOUR, "there is no later opening"),
        # the workday that is a Saturday opens, the Thursday that is a holiday does not
        ("night", "2026-10-10T06:00", HOUR, "next opening is 2026-10-10 22:00 +08:00"),
        ("night", "2026-10-01T22:30", HOUR, "next opening is 2026-10-08 22:00 +08:00"),
        # the night before a holiday has only until midnight
        ("night", "2026-09-30T22:30", 2 * HOUR, "National Day begins at 2026-10-01 00:00"),
        (None, "2026-10-03T12:00", HOUR, "lasts until 2026-10-08 00:00 +08:00; the next opening"),
        ("2026-11-18T22:00/2026-11-19T02:00", "2026-11-18T21:00", HOUR, "is 2026-11-18 22:00"),
        ("2026-11-18T22:00/2026-11-19T02:00", "2026-11-19T01:30", HOUR, "no later opening"),
        ("2026-11-18T22:00/2026-11-19T02:00", "2026-11-19T02:00", HOUR, "is over; there is no"),
        ("2026-11-18T22:00+09:00/2026-11-19T02:00+09:00", "2026-11-18T20:30", HOUR, "21:00 +08:00"),
    ],
)  # fmt: skip
def test_a_closed_gate_says_why_and_when_it_opens(
    asked: str | None, moment: str, needs: timedelta, said: str
) -> None:
    assert said in why(china(), asked, moment, needs).replace(") is over", " is over")


def test_windows_that_touch_are_one() -> None:
    assert why(china(freeze_on_holidays=False), "open", "2026-11-18T23:30", 5 * HOUR) == ""


def test_freezes_and_sensitive_days_close_the_gate() -> None:
    declared = china(
        sensitive_days=[{"name": "exam", "from": "2026-06-07", "to": "2026-06-08"}],
        freezes=[{"name": "books", "from": "2026-12-28T18:00", "to": "2026-12-29T08:00",
                  "why": "closing"}],
    )  # fmt: skip
    assert "the sensitive days exam" in why(declared, None, "2026-06-08T23:59")
    assert why(declared, None, "2026-06-09T00:00") == ""
    assert "the freeze books (closing) lasts until" in why(declared, None, "2026-12-28T18:00")
    assert "takes about 1h and the freeze books" in why(declared, None, "2026-12-28T17:30")
    assert why(declared, None, "2026-12-28T17:00") == ""


def test_an_emergency_passes_and_what_it_passes_is_told() -> None:
    assert why(china(), "night", "2026-10-01T12:00", emergency=True) == ""
    calendars = load_calendars(china())
    window = window_for(china(), calendars, "night", at("2026-01-01T00:00"))
    told = [m.english() for m in overrides(window, calendars, at("2026-10-01T12:00"), HOUR)]
    assert len(told) == 2
    assert "outside the window" in told[0]
    assert "National Day" in told[1]


def test_a_window_is_json_that_a_plan_can_bind() -> None:
    calendars = load_calendars(china())
    for asked in (None, "night", "2026-11-18T22:00/2026-11-19T02:00"):
        window = window_for(china(), calendars, asked, at("2026-11-01T00:00"))
        assert canonical(window)
        assert Message.from_json(window["words"]).english()


def test_a_year_without_holidays_is_told_and_never_guessed() -> None:
    calendars = load_calendars(china())
    asked = "2026-12-31T22:00/2027-01-01T02:00"
    window = window_for(china(), calendars, asked, at("2026-11-01T00:00"))
    assert [note["params"]["year"] for note in window["notes"]] == [2027]
    assert calendars.is_workday(date(2027, 1, 1))
    assert window_for(china(), calendars, "night", at("2026-02-01T00:00"))["notes"] == []


@pytest.mark.parametrize(
    "asked",
    ["nights", "/", "2026-11-18T22:00", "2026-11-18/2026-11-19",
     "2026-11-19T02:00/2026-11-18T22:00", "2020-01-01T00:00/2020-01-02T00:00",
     "2026-11-18T22:00/0001-01-01T00:00", "x" * 5000 + "/y",
     "2026-11-18T22:00/9999-12-31T23:59-23:59", "2026-13-01T00:00/2026-13-02T00:00"],
)  # fmt: skip
def test_a_window_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(UsageFault) as caught:
        window_for(china(), load_calendars(china()), asked, at("2026-11-01T00:00"))
    assert caught.value.untouched is not None


# --- declarations


@pytest.mark.parametrize(
    ("calendar", "windows", "places"),
    [
        ({"freezes": [{"name": "a", "from": "2026-01-02", "to": "2026-01-01"}]}, [], {"freezes"}),
        ({"freezes": [{"name": "a", "from": "2026-01-01", "to": "2026-01-03"},
                      {"name": "a", "from": "2026-01-03", "to": "2026-01-03"}]}, [], {"freezes"}),
        ({"freezes": [{"name": "a", "from": "soon", "to": "9999-12-31"}]}, [],
         {"from", "to"}),
        ({"imports": ["../up.ics", "/etc/passwd", "x.txt"]}, [], {"imports"}),
        ({"holidays": "mars"}, [{**NIGHT, "to": "25:00"}, {**NIGHT, "days": ["someday"]}],
         {"holidays", "to", "days"}),
        ({}, [{**NIGHT, "to": "22:00"}], {"windows"}),
        ({}, [{**NIGHT, "days": []}], {"days"}),
        ({}, [NIGHT, NIGHT], {"windows"}),
    ],
)  # fmt: skip
def test_faults_of_calendar_and_windows_are_found_together(
    calendar: dict[str, Any], windows: list[Any], places: set[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        estate(windows=windows, **calendar)
    found = {str(step) for error in caught.value.errors() for step in error["loc"]}
    assert places <= found


def test_spans_of_one_name_may_follow_one_another() -> None:
    spans = [{"name": "a", "from": "2026-01-01", "to": "2026-01-02"},
             {"name": "a", "from": "2026-01-03", "to": "2026-01-04"}]  # fmt: skip
    assert len(load_calendars(estate(freezes=spans)).freezes) == 2


# --- stated rules

_MINUTES = st.integers(0, 24 * 60 - 1).map(lambda n: f"{n // 60:02}:{n % 60:02}")
_WINDOWS = st.tuples(
    _MINUTES,
    _MINUTES,
    st.lists(st.sampled_from(["mon", "wed", "sat", "sun", "workday", "restday"]), min_size=1),
).filter(lambda parts: parts[0] != parts[1])
_MOMENTS = st.integers(0, 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
_FREEZES = st.lists(st.tuples(_MOMENTS, st.integers(1, 300)), max_size=5)
_NEEDS = st.integers(0, 600).map(lambda minutes: timedelta(minutes=minutes))


def _calendars(zone: str, freezes: list[tuple[datetime, int]]) -> Calendars:
    spans = sorted(
        Freeze(start, start + timedelta(hours=hours), "f", FreezeKind.FREEZE)
        for start, hours in freezes
    )
    return Calendars(ZoneInfo(zone), frozenset(range(5)), None, tuple(spans))


def _window(zone: str, parts: tuple[str, str, list[str]]) -> dict[str, Any]:
    window = {"name": "w", "from": parts[0], "to": parts[1], "days": parts[2]}
    declared = estate(zone, [window])
    return window_for(declared, load_calendars(declared), "w", datetime(2026, 1, 1, tzinfo=UTC))


@given(st.sampled_from(ZONES), _WINDOWS, _FREEZES, _MOMENTS, _NEEDS)
def test_the_gate_never_opens_in_a_freeze_or_for_work_that_runs_into_one(
    zone, parts, freezes, moment, needs
) -> None:
    calendars, window = _calendars(zone, freezes), _window(zone, parts)
    if gate(window, calendars, moment, needs, emergency=False) is None:
        for freeze in calendars.freezes:
            assert not (freeze.start <= moment < freeze.end)
            assert not (moment < freeze.start < moment + needs)


@given(st.sampled_from(ZONES), _WINDOWS, _FREEZES, _MOMENTS, _NEEDS)
def test_the_gate_is_open_at_the_opening_it_names_and_at_none_before(
    zone, parts, freezes, moment, needs
) -> None:
    calendars, window = _calendars(zone, freezes), _window(zone, parts)
    opening = next_opening(window, calendars, moment, needs)
    closed = gate(window, calendars, moment, needs, emergency=False)
    assert (closed is None) == (opening == moment)
    if opening is not None:
        assert gate(window, calendars, opening, needs, emergency=False) is None
        before = moment + (opening - moment) / 2
        if before < opening:
            assert gate(window, calendars, before, needs, emergency=False) is not None


@given(st.sampled_from(ZONES), _WINDOWS, _MOMENTS)
def test_openings_come_in_order_never_touch_and_begin_on_a_named_day(zone, parts, moment) -> None:
    calendars, window = _calendars(zone, []), _window(zone, parts)
    last = None
    for start, end in openings(window, calendars, moment):
        assert start < end
        assert end > moment
        assert last is None or last < start
        last = end
        shown = start.astimezone(calendars.zone)
        days = {("mon", "tue", "wed", "thu", "fri", "sat", "sun")[shown.weekday()]}
        days.add("workday" if shown.weekday() < 5 else "restday")
        assert days & set(parts[2])


@given(st.sampled_from(ZONES), _WINDOWS, _MOMENTS)
def test_a_window_is_open_when_the_clock_on_the_wall_says_so(zone, parts, moment) -> None:
    """Except within three hours of a change of clocks, where the wall is ambiguous."""
    calendars, window = _calendars(zone, []), _window(zone, parts)
    local = moment.astimezone(calendars.zone)
    around = (timedelta(hours=-27), timedelta(hours=27))
    if len({(moment + step).astimezone(calendars.zone).utcoffset() for step in around}) > 1:
        return
    begins, ends = (time.fromisoformat(text) for text in parts[:2])
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    def named(day: date) -> bool:
        return bool({names[day.weekday()], "workday" if day.weekday() < 5 else "restday"}
                    & set(parts[2]))  # fmt: skip

    now, today = local.time(), local.date()
    if begins < ends:
        wanted = named(today) and begins <= now < ends
    else:
        wanted = (named(today) and now >= begins) or (
            named(today - timedelta(days=1)) and now < ends
        )
    open_now = gate(window, calendars, moment, timedelta(), emergency=False) is None
    assert open_now == wanted


def test_a_window_in_the_hour_that_does_not_exist_does_not_open_that_day() -> None:
    parts = ("02:10", "02:50", ["sun"])
    calendars, window = _calendars("Europe/Berlin", []), _window("Europe/Berlin", parts)
    found = [start for start, _ in openings(window, calendars, at("2026-03-23T00:00"))]
    assert found[0].date() == date(2026, 4, 5)


def test_the_digest_follows_every_part_of_the_calendar() -> None:
    made = [
        estate(), china(), china(freeze_on_holidays=False), estate("UTC"),
        estate(work_days=["sun"]), estate(freezes=[{"name": "a", "from": "2026-01-01",
                                                   "to": "2026-01-01"}]),
        estate(sensitive_days=[{"name": "a", "from": "2026-01-01", "to": "2026-01-01"}]),
    ]  # fmt: skip
    assert len({load_calendars(each).digest for each in made}) == len(made)
    assert load_calendars(china()).digest == load_calendars(china()).digest
