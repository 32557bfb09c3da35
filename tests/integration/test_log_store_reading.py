"""Kept lines are found by host, source, file, time and text, from either tier."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from doubles.clock import FakeClock
from doubles.frames import APP, frame, send
from doubles.run import ESTATE
from opsbook.domains.logs.keep.store import DiskLogStore, open_store
from opsbook.domains.logs.model import Source
from opsbook.domains.logs.read.daily import daily
from opsbook.domains.logs.read.lines import LONGEST
from opsbook.domains.logs.read.reader import Hit, Query, read
from opsbook.model.errors import UsageFault
from opsbook.model.places import Places

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINESE = Source(name="weblogic", files=("/x",), encoding="gb18030")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> DiskLogStore:
    return open_store(ESTATE, Places(tmp_path), clock)


def keep(store: DiskLogStore, run: str, host: str, source: Source, *parts: bytes) -> None:
    """Each part is a piece; all belong to one stream, which goes on from run to run."""
    night = store.night(host, run, [source])
    found = [stream for stream in night.streams() if stream.source == source.name]
    stream = found[0] if found else replace(night.new_stream(source.name), path=b"/var/log/a.log")
    at = stream.offset
    for part in parts:
        send(night, source, stream, part, at)
        at += len(part)
    assert night.commit([stream], []).dropped == ()


def minutes(first: int, count: int) -> bytes:
    start = datetime(2026, 11, 21, 10, tzinfo=SHANGHAI) + timedelta(minutes=first)
    moments = (start + timedelta(minutes=n) for n in range(count))
    return b"".join(b"%s number %d\n" % (m.isoformat().encode(), first + n)
                    for n, m in enumerate(moments))  # fmt: skip


def texts(hits: list[Hit]) -> list[str]:
    return [hit.text.partition(" ")[2] for hit in hits]


def test_lines_are_found_by_text_and_pattern(store: DiskLogStore) -> None:
    keep(store, "RUN-1", "web1", APP, minutes(0, 30))
    keep(store, "RUN-1", "web2", APP, minutes(0, 30))
    assert texts(list(read(store, Query(host="web1", text="number 2")))) == [
        f"number {n}" for n in (2, *range(20, 30))
    ]
    found = list(read(store, Query(text=r"number 2\d$", regex=True)))
    assert [hit.host for hit in found] == ["web1"] * 10 + ["web2"] * 10
    with pytest.raises(UsageFault):
        list(read(store, Query(text="(", regex=True)))


def test_lines_are_narrowed_by_time_to_the_second(store: DiskLogStore) -> None:
    keep(store, "RUN-1", "web1", APP, minutes(0, 30), minutes(30, 30))
    since = datetime(2026, 11, 21, 10, 28, tzinfo=SHANGHAI)
    query = Query(since=since, until=since + timedelta(minutes=4))
    assert texts(list(read(store, query))) == [f"number {n}" for n in (28, 29, 30, 31)]
    assert texts(list(read(store, replace(query, text="9")))) == ["number 29"]


def test_a_line_without_a_time_belongs_to_the_one_before_it(store: DiskLogStore) -> None:
    keep(store, "RUN-1", "web1", APP, minutes(0, 5) + b"    at Main.java\n" + minutes(5, 5))
    (hit,) = read(store, Query(text="Main"))
    assert hit.at == datetime(2026, 11, 21, 10, 4, tzinfo=SHANGHAI)
    late = datetime(2026, 11, 21, 10, 5, tzinfo=SHANGHAI)
    assert list(read(store, Query(text="Main", since=late))) == []


def test_a_line_cut_over_two_nights_is_one_line(store: DiskLogStore, clock: FakeClock) -> None:
    whole = minutes(0, 10)
    cut = len(whole) - 12
    keep(store, "RUN-1", "web1", APP, whole[:cut])
    clock.advance(86400)
    keep(store, "RUN-2", "web1", APP, whole[cut:] + minutes(1500, 10))
    assert texts(list(read(store, Query(text="number 9")))) == ["number 9"]
    early = Query(until=datetime(2026, 11, 21, 12, tzinfo=SHANGHAI))
    assert texts(list(read(store, early))) == [f"number {n}" for n in range(10)]


def test_chinese_is_found_in_gb18030(store: DiskLogStore) -> None:
    line = "<2026-11-21 上午03时12分05秒 CST> <Error> 数据库连接失败 𠀀\n"
    keep(store, "RUN-1", "db1", CHINESE, (line * 3).encode("gb18030") + b"\xff\xff broken\n")
    found = list(read(store, Query(text="连接失败")))
    assert [hit.text + "\n" for hit in found] == [line] * 3
    assert found[0].at == datetime(2026, 11, 21, 3, 12, 5, tzinfo=SHANGHAI)
    (broken,) = read(store, Query(text="broken"))
    assert broken.text == "\\xff\\xff broken"


def test_a_text_that_an_encoding_cannot_write_is_simply_not_found(store: DiskLogStore) -> None:
    keep(store, "RUN-1", "old1", Source(name="old", files=("/x",), encoding="latin-1"), b"abc\n")
    assert list(read(store, Query(text="失败"))) == []


def test_a_huge_line_is_cut_and_its_length_told(store: DiskLogStore) -> None:
    night = store.night("web1", "RUN-1", [APP])
    stream = night.new_stream("app")
    piece = night.piece(APP, stream, 0)
    block = frame(b"z" * (16 << 20))
    for _ in range(8):
        piece.write(block)
        piece.end_frame(16 << 20)
    piece.write(frame(b"needle\nnext\n"))
    piece.end_frame(12)
    piece.keep()
    night.commit([stream], [])
    (hit,) = read(store, Query(text="needle"))
    assert (hit.length, len(hit.text), hit.cut) == ((128 << 20) + 6, LONGEST, True)


def test_completeness_is_judged_day_by_day_with_lines_that_came_late(
    store: DiskLogStore, clock: FakeClock
) -> None:
    start = datetime(2026, 11, 21, 10, tzinfo=SHANGHAI)
    clock.wall = start + timedelta(minutes=30)
    keep(store, "RUN-1", "web1", APP, minutes(0, 12) + minutes(15, 13))
    clock.wall = start + timedelta(hours=20)
    result = store.committed("web1", "RUN-1")
    assert result is not None
    assert result.completeness[0].gaps == (
        ("2026-11-21T10:12", "2026-11-21T10:14"),
        ("2026-11-21T10:28", "2026-11-21T10:29"),
    )
    keep(store, "RUN-2", "web1", APP, minutes(28, 60 * 20 - 28))
    today, tomorrow = daily(store, start.date(), start.date() + timedelta(days=1))
    assert (today.found.expected, today.found.have) == (14 * 60, 14 * 60 - 3)
    assert today.found.gaps == (("2026-11-21T10:12", "2026-11-21T10:14"),)
    assert (tomorrow.found.expected, tomorrow.found.have) == (6 * 60, 6 * 60)
