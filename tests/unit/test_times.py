"""Line times are read as their line states them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.logs.times import Recogniser

SHANGHAI = ZoneInfo("Asia/Shanghai")
REFERENCE = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
CASES = json.loads((Path(__file__).parent / "cases" / "log_times.json").read_text("utf-8"))


def recogniser(sample: bytes, reference: datetime = REFERENCE) -> Recogniser | None:
    return Recogniser.for_sample(sample, SHANGHAI, reference)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["line"][:40])
def test_a_line_states_its_time(case: dict[str, Any]) -> None:
    line = case["line"].encode(case.get("encoding", "utf-8"))
    reference = datetime.fromisoformat(case.get("reference", REFERENCE.isoformat()))
    found = recogniser(line, reference)
    moment = found.time(line) if found else None
    assert (moment.isoformat() if moment else None) == case["at"]
    if found and moment:
        assert found.minute(line) == int(moment.timestamp() // 60)


def test_the_format_of_most_lines_is_chosen() -> None:
    lines = b"2026-11-21 03:12:05 started\n" + b"Nov 21 03:12:05 web1 app: x\n" * 5
    found = recogniser(lines)
    assert found is not None
    assert found.name == "syslog"


def test_a_date_in_the_text_is_not_taken_for_the_time_of_the_line() -> None:
    lines = b"Nov 21 03:12:05 web1 app: backup of 2020-01-01 00:00:00 is gone\n" * 5
    found = recogniser(lines)
    assert found is not None
    assert found.time(lines.split(b"\n")[0]) == datetime(2026, 11, 21, 3, 12, 5, tzinfo=SHANGHAI)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    for line in (data, b"2026-11-21 " + data, b"<Nov " + data):
        found = recogniser(line)
        if found:
            found.time(line)
            found.minute(line)


@given(st.datetimes(datetime(2025, 11, 25), datetime(2026, 11, 21)))  # noqa: DTZ001
def test_a_syslog_time_of_the_last_year_is_told_from_the_collection_date(
    moment: datetime,
) -> None:
    aware = moment.replace(microsecond=0, tzinfo=SHANGHAI)
    line = aware.strftime("%b %e %H:%M:%S host app: x").encode()
    found = recogniser(line)
    assert found is not None
    assert found.time(line) == aware


def test_the_same_hour_in_two_zones_is_not_confused() -> None:
    found = recogniser(b"2026-11-21T03:12:05+08:00\n")
    assert found is not None
    east, utc = found.minute(b"2026-11-21T03:12:05+08:00"), found.minute(b"2026-11-21T03:12:05Z")
    assert east is not None
    assert utc is not None
    assert timedelta(minutes=utc - east) == timedelta(hours=8)
