"""When the waves of an approved plan may begin, whatever is edited in the estate meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from opsbook.calendars.days import Calendars, Freeze
from opsbook.lifecycle.timing import closed, freezes_within, openings_within
from opsbook.model.clock import stamp
from opsbook.model.message import msg

SHANGHAI, WEEK_DAYS = ZoneInfo("Asia/Shanghai"), frozenset(range(5))
USUAL = Calendars(SHANGHAI, WEEK_DAYS)
MADE = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday, 16:00 in Shanghai
HOUR = timedelta(hours=1)


def plan(days: list[str], calendars: Calendars = USUAL, *, emergency: bool = False) -> Any:
    """A plan for 22:00 to 24:00 on those days, good for three days."""
    window = {
        "kind": "recurring", "name": "night", "days": days, "from": "22:00", "to": "24:00",
        "start": None, "end": None, "timezone": "Asia/Shanghai", "words": msg("nights").to_json(),
    }  # fmt: skip
    end = MADE + timedelta(days=3)
    return {
        "window": window,
        "openings": openings_within(window, calendars, MADE, end),
        "freezes": freezes_within(calendars, MADE, end),
        "emergency": {"reason": "down"} if emergency else None,
    }


FRIDAY_NIGHT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
SATURDAY_NIGHT = FRIDAY_NIGHT + timedelta(days=1)


def test_it_may_begin_when_the_window_is_open() -> None:
    approved = plan(["workday"])
    assert len(approved["openings"]) == 1, "Friday; on Monday it has expired"
    assert closed(approved, USUAL, FRIDAY_NIGHT, HOUR) is None
    assert closed(approved, USUAL, FRIDAY_NIGHT, 2 * HOUR) is not None
    assert closed(approved, USUAL, SATURDAY_NIGHT, HOUR) is not None


@pytest.mark.parametrize(
    ("edited", "at"),
    [
        (Calendars(SHANGHAI, frozenset(range(7))), SATURDAY_NIGHT),
        (Calendars(ZoneInfo("UTC"), WEEK_DAYS), datetime(2026, 11, 20, 22, 30, tzinfo=UTC)),
        (Calendars(ZoneInfo("America/New_York"), WEEK_DAYS),
         datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
    ],
    ids=["workdays", "another zone", "a zone far away"],
)  # fmt: skip
def test_a_calendar_edited_after_the_approval_opens_the_window_at_no_other_time(
    edited: Calendars, at: datetime
) -> None:
    reason = closed(plan(["workday"]), edited, at, HOUR)
    assert reason is not None
    assert "only because the estate's time zone, workdays or holidays" in reason.english()
    assert closed(plan(["workday"], edited), edited, at, HOUR) is None, "planned so, it is open"


def test_an_edited_calendar_that_closes_the_window_counts_too() -> None:
    approved = plan(["workday"])
    assert closed(approved, Calendars(SHANGHAI, frozenset({0})), FRIDAY_NIGHT, HOUR) is not None


def test_a_freeze_counts_when_it_was_known_and_when_it_was_added() -> None:
    freeze = Freeze(FRIDAY_NIGHT - HOUR, FRIDAY_NIGHT + HOUR, "quiet")
    frozen = Calendars(SHANGHAI, WEEK_DAYS, None, (freeze,))
    for approved, today in ((plan(["fri"], frozen), USUAL), (plan(["fri"]), frozen)):
        reason = closed(approved, today, FRIDAY_NIGHT, HOUR)
        assert reason is not None
        assert "quiet" in reason.english()


def test_an_emergency_waits_for_nothing() -> None:
    approved = plan(["workday"], emergency=True)
    assert closed(approved, USUAL, SATURDAY_NIGHT, HOUR) is None


def test_a_window_of_any_time_or_one_time_keeps_no_openings() -> None:
    always = {**plan(["fri"])["window"], "kind": "always"}
    once = {**always, "kind": "once", "start": stamp(MADE), "end": stamp(MADE + HOUR)}
    for window in (always, once):
        assert openings_within(window, USUAL, MADE, MADE + HOUR) == []
        approved = {**plan(["fri"]), "window": window, "openings": []}
        assert closed(approved, USUAL, MADE, HOUR) is None
