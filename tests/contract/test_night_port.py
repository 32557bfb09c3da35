"""The port of the log store: the disk and the double answer alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from doubles.clock import FakeClock
from doubles.frames import APP, frame, send, window
from doubles.night import MemoryLogStore
from doubles.run import ESTATE
from opsbook.domains.logs.keep.store import open_store
from opsbook.domains.logs.model import HEAD, TAIL, Stream
from opsbook.domains.logs.port import LogStore, Night
from opsbook.model.places import Places


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LogStore:
    if request.param == "memory":
        return MemoryLogStore()
    return open_store(ESTATE, Places(tmp_path), FakeClock())


def begin(store: LogStore, run: str) -> Night:
    return store.night("web1", run, [APP])


def streams(store: LogStore, run: str) -> list[Stream]:
    night = begin(store, run)
    found = night.streams()
    night.abandon()
    return found


def test_a_host_that_was_never_seen_has_no_streams(store: LogStore) -> None:
    assert streams(store, "RUN-1") == []
    assert store.committed("web1", "RUN-1") is None


def test_a_stream_carries_what_was_received(store: LogStore) -> None:
    data = b"2026-11-21T03:12:05Z x" * 400 + b"\n2026-11-21T03:12:06Z last\n"
    night = begin(store, "RUN-1")
    stream = replace(night.new_stream("app"), path=b"/a\xff", device=1, inode=2, size=len(data))
    send(night, APP, stream, data)
    result = night.commit([stream], [])
    (found,) = streams(store, "RUN-2")
    assert found == replace(
        stream,
        offset=len(data),
        head=window(data, 0, HEAD),
        tail=window(data, len(data) - TAIL, TAIL),
        last_line_at=datetime(2026, 11, 21, 3, 12, 6, tzinfo=UTC),
    )
    (total,) = result.totals
    assert (total.raw_bytes, total.lines, total.pieces) == (len(data), 2, 1)
    assert store.committed("web1", "RUN-1") == result


def test_head_and_tail_grow_with_the_stream(store: LogStore) -> None:
    data = b""
    for number in range(12):
        night = begin(store, f"RUN-{number}")
        stream = night.streams()[0] if data else night.new_stream("app")
        part = b"%d" % (number % 10) * (7 * (number + 1) ** 2) + b"\n"
        send(night, APP, stream, part, len(data))
        data += part
        night.commit([stream], [])
        (found,) = streams(store, f"RUN-look-{number}")
        head, tail = min(HEAD, len(data)), min(TAIL, len(data))
        assert found.offset == len(data)
        assert found.head == window(data, 0, head)
        assert found.tail == window(data, len(data) - tail, tail)


def test_a_new_identity_is_kept_without_new_bytes(store: LogStore) -> None:
    night = begin(store, "RUN-1")
    stream = night.new_stream("app")
    send(night, APP, stream, b"x\n")
    night.commit([stream], [])
    (before,) = streams(store, "RUN-2")
    night = begin(store, "RUN-3")
    renamed = replace(before, path=b"/a.1", inode=9, packed=((1, 2, 3, 4),), cursor="s=1")
    night.commit([renamed], [])
    assert streams(store, "RUN-4") == [renamed]


def test_numbers_of_streams_are_never_used_twice(store: LogStore) -> None:
    night = begin(store, "RUN-1")
    first, second = night.new_stream("app"), night.new_stream("app")
    assert first.number != second.number
    send(night, APP, second, b"x\n")
    night.commit([second], [])
    assert begin(store, "RUN-2").new_stream("app").number > second.number


def test_an_abandoned_night_leaves_what_was_there(store: LogStore) -> None:
    night = begin(store, "RUN-1")
    stream = night.new_stream("app")
    send(night, APP, stream, b"kept\n")
    night.commit([stream], [])
    before = streams(store, "RUN-2")
    night = begin(store, "RUN-3")
    send(night, APP, before[0], b"lost\n", 5)
    night.abandon()
    assert streams(store, "RUN-4") == before
    assert store.committed("web1", "RUN-3") is None


def test_a_discarded_piece_and_one_never_kept_are_forgotten(store: LogStore) -> None:
    night = begin(store, "RUN-1")
    stream = night.new_stream("app")
    piece = night.piece(APP, stream, 0)
    piece.write(frame(b"wrong\n"))
    piece.discard()
    send(night, APP, stream, b"right\n")
    never = night.piece(APP, night.new_stream("app"), 0)
    never.write(frame(b"x\n"))
    never.end_frame(2)
    night.commit([stream], [])
    (found,) = streams(store, "RUN-2")
    assert found.tail == window(b"right\n", 0, 6)


@pytest.mark.parametrize(
    ("start", "length", "dropped"), [(0, 6, True), (2, 3, True), (4, 9, False), (90, 5, False)]
)
def test_a_proof_within_the_piece_decides(
    store: LogStore, start: int, length: int, dropped: bool
) -> None:
    night = begin(store, "RUN-1")
    stream = night.new_stream("app")
    piece = night.piece(APP, stream, 0)
    piece.write(frame(b"abcde\n"))
    piece.end_frame(6)
    piece.keep([window(b"ABCDE\n" + bytes(100), start, length)])
    result = night.commit([stream], [])
    assert result.dropped == ((stream.number,) if dropped else ())
    assert len(streams(store, "RUN-2")) == (0 if dropped else 1)


def test_a_dropped_piece_leaves_its_stream_as_it_was(store: LogStore) -> None:
    night = begin(store, "RUN-1")
    stream = night.new_stream("app")
    send(night, APP, stream, b"kept\n")
    night.commit([stream], [])
    before = streams(store, "RUN-2")
    night = begin(store, "RUN-3")
    piece = night.piece(APP, before[0], 5)
    piece.write(frame(b"changed\n"))
    piece.end_frame(8)
    piece.keep([window(b"kept\nwritten\n", 5, 8)])
    result = night.commit([replace(before[0], inode=77, path=b"/new")], [])
    assert result.dropped == (stream.number,)
    assert streams(store, "RUN-4") == before


def test_a_stream_of_which_nothing_is_kept_yet_stays_as_it_is_given(store: LogStore) -> None:
    night = begin(store, "RUN-1")
    waiting = replace(night.new_stream("app"), path=b"/a", head=window(b"unfinished", 0, 10))
    night.commit([waiting], [])
    assert streams(store, "RUN-2") == [waiting]
    night = begin(store, "RUN-3")
    send(night, APP, waiting, b"unfinished line\n")
    night.commit([waiting], [])
    (found,) = streams(store, "RUN-4")
    assert found.head == window(b"unfinished line\n", 0, 16)
