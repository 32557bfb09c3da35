"""What retention plans never goes below the floors, never breaks a hold, forgets nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.logs.keep.stored import StoredFile
from opsbook.domains.logs.retain.retention import Action, Hold, Kept, plan

ENDS = datetime(2026, 1, 1, 16, tzinfo=UTC)
FILE = StoredFile("web1", "2026-01-01", "app.R.zst", "app", "R", 1, "00", "here", "absent")
DAY = date(2026, 1, 1)
KEPT = Kept(FILE, ENDS, DAY, DAY)


def kept(hot: str, archive: str) -> Kept:
    return replace(KEPT, file=replace(FILE, hot=hot, archive=archive))


def actions(
    what: Kept, age: float, holds: list[Hold] | None = None, hot: int = 30, archive: int = 183
) -> list[str]:
    now = ENDS + timedelta(days=age)
    return [
        str(step.action)
        for step in plan([what], holds or [], now, hot_days=hot, archive_days=archive)
    ]


@pytest.mark.parametrize(
    ("hot", "archive", "age", "expected"),
    [
        ("here", "absent", -0.01, []),
        ("here", "absent", 0, ["archive"]),
        ("here", "here", 29.99, []),
        ("here", "here", 30, ["delete_hot"]),
        ("here", "absent", 30, ["archive", "delete_hot"]),
        ("gone", "here", 182.99, []),
        ("gone", "here", 183, ["delete_archive"]),
        ("here", "here", 183, ["delete_hot"]),
        ("here", "absent", 400, ["archive", "delete_hot"]),
        ("gone", "gone", 400, []),
        ("leaving", "here", 400, []),
    ],
)
def test_each_thing_happens_on_its_day(
    hot: str, archive: str, age: float, expected: list[str]
) -> None:
    assert actions(kept(hot, archive), age) == expected


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.floats(0, 800))
def test_no_policy_goes_below_the_floors(hot: int, archive: int, age: float) -> None:
    for what in (kept("here", "here"), kept("gone", "here")):
        done = actions(what, age, hot=hot, archive=archive)
        assert "delete_hot" not in done or age >= 30
        assert "delete_archive" not in done or age >= 183


def test_a_clock_that_may_be_wrong_only_archives() -> None:
    steps = plan([KEPT], [], ENDS + timedelta(days=400), hot_days=30, archive_days=183,
                 deleting=False)  # fmt: skip
    assert [step.action for step in steps] == [Action.ARCHIVE]


@pytest.mark.parametrize(
    ("hold", "covers"),
    [
        (Hold(1, "C"), True),
        (Hold(1, "C", host="web1"), True),
        (Hold(1, "C", host="web2"), False),
        (Hold(1, "C", source="app"), True),
        (Hold(1, "C", source="sys"), False),
        (Hold(1, "C", from_day=date(2026, 1, 1), to_day=date(2026, 1, 1)), True),
        (Hold(1, "C", from_day=date(2026, 1, 2)), False),
        (Hold(1, "C", to_day=date(2025, 12, 31)), False),
    ],
)
def test_a_hold_covers_what_it_says(hold: Hold, covers: bool) -> None:
    expected = ["hold"] if covers else ["delete_archive"]
    assert actions(kept("gone", "here"), 200, [hold]) == expected


def test_a_file_collected_later_is_held_by_the_days_of_its_lines() -> None:
    old = replace(kept("gone", "here"), first_day=date(2025, 11, 1))
    hold = Hold(1, "C", from_day=date(2025, 11, 5), to_day=date(2025, 11, 6))
    assert actions(old, 200, [hold]) == ["hold"]


def test_a_file_is_free_only_when_every_case_is_released() -> None:
    first, second = Hold(1, "A"), Hold(2, "B", host="web1")
    what = kept("gone", "here")
    assert actions(what, 200, [first, second]) == ["hold"]
    assert actions(what, 200, [second]) == ["hold"]
    assert actions(what, 200, []) == ["delete_archive"]
