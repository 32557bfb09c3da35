"""Minutes found by sampling are the minutes that are there; gaps are judged from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.logs.keep.completeness import every_minutes, judge
from opsbook.domains.logs.keep.minutes import Coverage, Sampler, minute_of, minutes_in
from opsbook.domains.logs.times import Recogniser

SHANGHAI = ZoneInfo("Asia/Shanghai")
REFERENCE = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
START = datetime(2026, 11, 20, 18, 10, tzinfo=UTC)


def line(seconds: int, width: int) -> bytes:
    moment = (START + timedelta(seconds=seconds)).astimezone(SHANGHAI)
    return moment.isoformat().encode() + b" " + b"x" * width + b"\n"


def sampled(data: bytes, cuts: list[int]) -> tuple[Sampler, Coverage]:
    recogniser = Recogniser.for_sample(data, SHANGHAI, REFERENCE)
    assert recogniser is not None
    coverage = Coverage(REFERENCE)
    sampler = Sampler(recogniser, coverage)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        part = bytearray(data[start:end])
        sampler.step(part + b"left over\n2026-01-01 00:00:00\n", len(part))
    sampler.finish()
    return sampler, coverage


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 300)), min_size=1, max_size=300),
    st.lists(st.integers(min_value=0), max_size=4),
)
def test_sampling_finds_exactly_the_minutes_of_lines_in_order(
    steps: list[tuple[int, int]], cuts: list[int]
) -> None:
    seconds, data, expected = 0, b"", set()
    for pause, width in steps:
        seconds += pause
        data += line(seconds, width)
        expected.add(minute_of(START + timedelta(seconds=seconds)))
    sampler, coverage = sampled(data, cuts)
    found = set(minutes_in(coverage.days, 0, 1 << 40))
    assert found == {m for m in expected if m < minute_of(REFERENCE + timedelta(days=2))}
    assert sampler.first == START + timedelta(seconds=steps[0][0])
    assert sampler.last == START + timedelta(seconds=seconds)


def test_lines_without_a_time_do_not_hide_the_minutes_around_them() -> None:
    data = line(0, 10) + b"    at com.example.Main\n" * 2000 + line(600, 10)
    _, coverage = sampled(data, [])
    first = minute_of(START)
    assert list(minutes_in(coverage.days, 0, 1 << 40)) == [first, first + 10]


def test_times_of_a_broken_clock_are_counted_apart() -> None:
    data = b"2019-01-01T00:00:00Z a\n2026-11-21T00:00:00Z b\n2033-01-01T00:00:00Z c\n"
    _, coverage = sampled(data, [])
    assert coverage.strange == 2
    assert len(list(minutes_in(coverage.days, 0, 1 << 40))) == 1


def days_of(minutes: list[int]) -> dict[int, int]:
    coverage = Coverage(datetime(2026, 11, 21, tzinfo=UTC))
    for minute in minutes:
        coverage.add(minute)
    return coverage.days


@pytest.mark.parametrize(
    ("every", "missing", "have", "gaps"),
    [
        (1, [], 1440, ()),
        (1, [192, 193, 194], 1437, (("2026-11-21T03:12", "2026-11-21T03:14"),)),
        (1, [192], 1439, (("2026-11-21T03:12", "2026-11-21T03:12"),)),
        (1, [0, 1439], 1438, (("2026-11-21T00:00",) * 2, ("2026-11-21T23:59",) * 2)),
        (5, [192, 193, 194, 195], 1440, ()),
        (5, list(range(192, 198)), 1434, (("2026-11-21T03:12", "2026-11-21T03:17"),)),
        (None, [192], 1439, ()),
    ],
)
def test_a_day_is_judged_by_its_silences(
    every: int | None, missing: list[int], have: int, gaps: tuple[tuple[str, str], ...]
) -> None:
    since = minute_of(datetime(2026, 11, 21, tzinfo=SHANGHAI))
    present = [since + n for n in range(-10, 1440) if n not in missing]
    found = judge("app", days_of(present), since, since + 1440, every, SHANGHAI)
    assert (found.expected, found.have, found.gaps) == (1440 if every else None, have, gaps)


def test_a_source_that_never_wrote_is_one_long_gap() -> None:
    since = minute_of(datetime(2026, 11, 21, tzinfo=SHANGHAI))
    found = judge("app", {}, since, since + 60, 1, SHANGHAI)
    assert found.have == 0
    assert found.gaps == (("2026-11-21T00:00", "2026-11-21T00:59"),)


@pytest.mark.parametrize(
    ("declared", "minutes"), [("1m", 1), ("10s", 1), ("5m", 5), ("1h30m", 90), (None, None)]
)
def test_expect_every_is_whole_minutes(declared: str | None, minutes: int | None) -> None:
    assert every_minutes(declared) == minutes
