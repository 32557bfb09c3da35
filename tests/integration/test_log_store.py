"""The log store on a real directory."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from doubles.clock import FakeClock
from doubles.frames import APP, frame, send, window
from doubles.run import ESTATE
from opsbook.domains.logs.keep.store import DiskLogStore, open_store
from opsbook.domains.logs.model import Stream
from opsbook.model.errors import Busy, Refused
from opsbook.model.places import Places

LINES = b"".join(b"2026-11-21T10:%02d:00+08:00 line %d\n" % (n, n) for n in range(10))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> DiskLogStore:
    return open_store(ESTATE, Places(tmp_path), clock)


def one_night(store: DiskLogStore, run: str, data: bytes, before: Stream | None = None) -> Stream:
    night = store.night("web1", run, [APP])
    stream = before or replace(night.new_stream("app"), path=b"/var/log/app.log")
    send(night, APP, stream, data, stream.offset)
    night.commit([stream], [])
    return store_streams(store, run)[0]


def store_streams(store: DiskLogStore, run: str) -> list[Stream]:
    night = store.night("web1", run + "-look", [APP])
    found = night.streams()
    night.abandon()
    return found


def test_a_committed_night_is_found_again_and_read_by_zstd(store: DiskLogStore) -> None:
    stream = one_night(store, "RUN-1", LINES)
    assert stream.offset == len(LINES)
    assert stream.head == window(LINES, 0, len(LINES))
    assert stream.tail == window(LINES, 0, len(LINES))
    file = store.hot.file("web1", "2026-11-21", "app.RUN-1.zst")
    read = subprocess.run(["zstdcat", file], capture_output=True, check=True)
    assert read.stdout == LINES


def test_days_are_chained_by_the_hash_of_the_manifest(
    store: DiskLogStore, clock: FakeClock
) -> None:
    stream = one_night(store, "RUN-1", LINES)
    clock.advance(86400)
    stream = one_night(store, "RUN-2", b"2026-11-22T10:00:00+08:00 more\n", stream)
    day = store.hot.day("web1", "2026-11-22")
    manifest = json.loads((day / "manifest.json").read_bytes())
    before = store.hot.day("web1", "2026-11-21") / "manifest.json"
    sha256 = subprocess.run(["sha256sum", before], capture_output=True, check=True, text=True)
    assert manifest["previous"] == {"day": "2026-11-21", "sha256": sha256.stdout.split()[0]}
    assert manifest["pieces"][0]["start"] == len(LINES)


def test_an_abandoned_night_leaves_nothing(store: DiskLogStore) -> None:
    night = store.night("web1", "RUN-1", [APP])
    send(night, APP, night.new_stream("app"), LINES)
    night.abandon()
    assert store.committed("web1", "RUN-1") is None
    assert store.hot.days("web1") == []


def test_two_nights_of_one_host_at_once_are_refused_as_busy(store: DiskLogStore) -> None:
    night = store.night("web1", "RUN-1", [APP])
    with pytest.raises(Busy):
        store.night("web1", "RUN-2", [APP])
    night.abandon()
    store.night("web1", "RUN-2", [APP]).abandon()


def test_a_committed_night_is_not_begun_again(store: DiskLogStore) -> None:
    one_night(store, "RUN-1", LINES)
    with pytest.raises(Refused):
        store.night("web1", "RUN-1", [APP])


def test_a_piece_whose_proof_fails_is_dropped_and_the_others_stay(store: DiskLogStore) -> None:
    night = store.night("web1", "RUN-1", [APP])
    good, bad, last = (night.new_stream("app") for _ in range(3))
    send(night, APP, good, b"good\n")
    piece = night.piece(APP, bad, 0)
    piece.write(frame(b"changed\n"))
    piece.end_frame(8)
    piece.keep([window(b"written\n", 0, 8)])
    send(night, APP, last, b"last\n")
    result = night.commit([good, bad, last], [])
    assert result.dropped == (bad.number,)
    assert [stream.number for stream in store_streams(store, "RUN-1")] == [good.number, last.number]
    file = store.hot.file("web1", result.day, "app.RUN-1.zst")
    read = subprocess.run(["zstdcat", file], capture_output=True, check=True)
    assert read.stdout == b"good\nlast\n"
