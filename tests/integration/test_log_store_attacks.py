"""The log store against hostile hosts, full disks, damaged files and dying processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from doubles.clock import FakeClock
from doubles.frames import APP, frame, send
from doubles.run import BOTH, ESTATE
from opsbook.domains.logs.keep.audit import audit
from opsbook.domains.logs.keep.catalogue import Catalogue
from opsbook.domains.logs.keep.store import DiskLogStore, open_store
from opsbook.domains.logs.model import Stream
from opsbook.domains.logs.read.reader import Query, read
from opsbook.model.errors import HostRefused, InputFault, IntegrityFault
from opsbook.model.estate import Estate
from opsbook.model.places import Places

LINES = b"".join(b"2026-11-21T10:%02d:00+08:00 line %d\n" % (n, n) for n in range(60))
TESTS = Path(__file__).parents[1]


def estate(**changes: object) -> Estate:
    declared = {"schema": 1, "name": "small", "title": BOTH, "timezone": "Asia/Shanghai"}
    return Estate.model_validate(declared | changes)


@pytest.fixture
def store(tmp_path: Path) -> DiskLogStore:
    return open_store(ESTATE, Places(tmp_path), FakeClock())


def send_raw(store: DiskLogStore, run: str, stored: bytes, raw_length: int) -> tuple[int, ...]:
    night = store.night("web1", run, [APP])
    stream = night.new_stream("app")
    piece = night.piece(APP, stream, 0)
    piece.write(stored)
    piece.end_frame(raw_length)
    piece.keep()
    return night.commit([stream], []).dropped


def keep_lines(store: DiskLogStore, run: str = "RUN-1", data: bytes = LINES) -> None:
    assert send_raw(store, run, frame(data), len(data)) == ()


BOMB = zstandard.ZstdCompressor(level=1).compress(bytes(1 << 28))
HUGE_WINDOW = zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
).compressobj()


@pytest.mark.parametrize(
    ("stored", "raw_length"),
    [
        pytest.param(BOMB, 100, id="a bomb"),
        pytest.param(BOMB, 1 << 28, id="a bomb that is announced"),
        pytest.param(frame(LINES), len(LINES) - 1, id="longer than announced"),
        pytest.param(frame(LINES), len(LINES) + 1, id="shorter than announced"),
        pytest.param(frame(LINES)[:-1], len(LINES), id="cut in its checksum"),
        pytest.param(frame(LINES)[:-9], len(LINES), id="cut in a block"),
        pytest.param(frame(LINES) + b"\0", len(LINES), id="followed by a byte"),
        pytest.param(frame(LINES) * 2, 2 * len(LINES), id="two frames as one"),
        pytest.param(b"", len(LINES), id="nothing"),
        pytest.param(b"\x50\x2a\x4d\x18\x04\0\0\0abcd", 4, id="a skippable frame"),
        pytest.param(LINES, len(LINES), id="not packed at all"),
        pytest.param(
            HUGE_WINDOW.compress(LINES) + HUGE_WINDOW.flush(), len(LINES), id="a huge window"
        ),
    ],
)
def test_a_hostile_frame_is_dropped_and_nothing_of_it_stays(
    store: DiskLogStore, stored: bytes, raw_length: int
) -> None:
    assert send_raw(store, "RUN-1", stored, raw_length) == (1,)
    assert list(store.hot.day("web1", "2026-11-21").glob("*.zst*")) == []
    keep_lines(store, "RUN-2")
    assert audit(store, {}).fault is None


@pytest.mark.parametrize("name", ["..", "a/b", "-x", "", ".hidden", "web1\n", "catalogue.db", "é"])
def test_a_hostile_host_name_is_refused(store: DiskLogStore, name: str) -> None:
    with pytest.raises(InputFault):
        store.night(name, "RUN-1", [APP])


def test_a_hostile_file_name_is_kept_in_the_manifest_without_loss(store: DiskLogStore) -> None:
    path = b"/var/log/../\x1b[2J\n\\x41 \xff\xfe\xf0\x9f\x98\x80'\"$(reboot)"
    night = store.night("web1", "RUN-1", [APP])
    stream = replace(night.new_stream("app"), path=path)
    send(night, APP, stream, LINES)
    night.commit([stream], [])
    (found,) = {hit.path for hit in read(store, Query())}
    assert "\\xff\\xfe" in found
    assert "\\\\x41" in found
    assert audit(store, {}).fault is None


def test_a_store_path_that_is_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x")
    broken = estate(stores={"logs": str(tmp_path / "store")})
    with pytest.raises(InputFault, match=r"store cannot be used: Not a directory\.$"):
        open_store(broken, Places(tmp_path), FakeClock())
    below = estate(stores={"logs": str(tmp_path / "store" / "below")})
    with pytest.raises(InputFault):
        open_store(below, Places(tmp_path), FakeClock())


def test_a_store_of_another_estate_is_refused(tmp_path: Path) -> None:
    stores = {"logs": str(tmp_path / "store")}
    open_store(estate(stores=stores), Places(tmp_path), FakeClock())
    with pytest.raises(InputFault, match="belongs to the estate small"):
        open_store(estate(stores=stores, name="other"), Places(tmp_path), FakeClock())


def test_any_flipped_byte_is_found(store: DiskLogStore) -> None:
    keep_lines(store)
    keep_lines(store, "RUN-2")
    day = store.hot.day("web1", "2026-11-21")
    chance = random.Random(7)
    for path in sorted(day.iterdir()):
        data = path.read_bytes()
        places = range(len(data)) if len(data) < 700 else chance.sample(range(len(data)), 200)
        for at in places:
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            found = audit(store, {}).fault
            assert found is not None, f"{path.name} at {at}"
            assert path.name in found.english() or "manifest" in found.english()
        path.write_bytes(data)
    assert audit(store, {}).fault is None


def test_a_changed_catalogue_is_found(store: DiskLogStore) -> None:
    keep_lines(store)
    with store.catalogue.writing() as db:
        db.execute("UPDATE pieces SET lines = lines - 1")
    fault = audit(store, {}).fault
    assert fault is not None
    assert "catalogue" in fault.english()


def test_a_removed_file_and_a_removed_day_are_found(store: DiskLogStore, tmp_path: Path) -> None:
    keep_lines(store)
    path = store.hot.file("web1", "2026-11-21", "app.RUN-1.zst")
    path.rename(path.with_suffix(".away"))
    fault = audit(store, {}).fault
    assert fault is not None
    assert "missing" in fault.english()
    with pytest.raises(IntegrityFault):
        list(read(store, Query()))
    path.with_suffix(".away").rename(path)
    path.parent.rename(tmp_path / "away")
    fault = audit(store, {}).fault
    assert fault is not None
    assert "missing" in fault.english()


def test_a_catalogue_older_than_the_store_removes_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store(ESTATE, Places(tmp_path), clock)
    keep_lines(store)
    subprocess.run(["cp", "-a", store.catalogue.path, tmp_path / "old.db"], check=True)
    clock.advance(86400)
    night = store.night("web1", "RUN-2", [APP])
    (stream,) = night.streams()
    send(night, APP, stream, LINES, stream.offset)
    night.commit([stream], [])
    for path in store.hot.root.glob("catalogue.db*"):
        path.unlink()
    subprocess.run(["cp", tmp_path / "old.db", store.catalogue.path], check=True)
    with pytest.raises(IntegrityFault, match="not the one the catalogue knows"):
        open_store(ESTATE, Places(tmp_path), clock).night("web1", "RUN-3", [APP])
    assert store.hot.file("web1", "2026-11-22", "app.RUN-2.zst").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_ends_the_night_and_hurts_nothing_kept(
    tmp_path: Path, small_disk: Path
) -> None:
    policies = {"logs": {"min_free_mib": 0}}
    on_disk = estate(stores={"logs": str(small_disk / "logs")}, policies=policies)
    store = open_store(on_disk, Places(tmp_path), FakeClock())
    keep_lines(store)
    before = [(hit.text, hit.path) for hit in read(store, Query())]
    night = store.night("web1", "RUN-2", [APP])
    piece = night.piece(APP, night.new_stream("app"), 0)
    with pytest.raises(HostRefused, match="is full"):
        for _ in range(100):
            piece.write(random.Random(1).randbytes(100_000))
    night.abandon()
    assert audit(store, {}).fault is None
    assert [(hit.text, hit.path) for hit in read(store, Query())] == before
    keep_lines(store, "RUN-3")


def test_a_disk_that_fills_up_at_the_commit_leaves_the_night_absent(
    tmp_path: Path, small_disk: Path
) -> None:
    policies = {"logs": {"min_free_mib": 0}}
    on_disk = estate(stores={"logs": str(small_disk / "logs")}, policies=policies)
    store = open_store(on_disk, Places(tmp_path), FakeClock())
    keep_lines(store)
    night = store.night("web1", "RUN-2", [APP])
    (stream,) = night.streams()
    send(night, APP, stream, LINES, stream.offset)
    ballast = small_disk / "ballast"
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], capture_output=True)
    with pytest.raises(HostRefused, match="is full"):
        night.commit([stream], [])
    night.abandon()
    ballast.unlink()
    assert store.committed("web1", "RUN-2") is None
    assert audit(store, {}).fault is None
    night = store.night("web1", "RUN-3", [APP])
    send(night, APP, stream, LINES, stream.offset)
    night.commit([stream], [])
    assert b"".join(h.text.encode() + b"\n" for h in read(store, Query())) == LINES * 2


def test_too_little_free_space_refuses_the_night_before_it_begins(tmp_path: Path) -> None:
    greedy = estate(policies={"logs": {"min_free_mib": 1 << 40}})
    store = open_store(greedy, Places(tmp_path), FakeClock())
    with pytest.raises(HostRefused, match="must stay free"):
        store.night("web1", "RUN-1", [APP])


NIGHTS = """
import sys
import threading
from pathlib import Path
from doubles.frames import APP, send
from doubles.run import ESTATE
from opsbook.domains.logs.keep.store import open_store
from opsbook.model.clock import SystemClock
from opsbook.model.places import Places
store = open_store(ESTATE, Places(Path(sys.argv[1])), SystemClock())
print("ready", flush=True)
for number in range(int(sys.argv[2]), 100000):
    night = store.night("web1", f"RUN-{number}", [APP])
    found = night.streams()
    stream = found[0] if found else night.new_stream("app")
    line = b"2026-11-21T10:00:00Z %06d\\n" % (stream.offset // 28)
    send(night, APP, stream, line, stream.offset)
    night.commit([stream], [])
"""


def test_a_night_killed_at_any_moment_is_whole_or_absent(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    env = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", NIGHTS, str(tmp_path)]
    for attempt in range(8):
        process = subprocess.Popen([*command, str(attempt * 1000)], env=env, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    store = open_store(ESTATE, Places(tmp_path), FakeClock())
    assert audit(store, {}).fault is None
    numbers = [int(hit.text.split()[1]) for hit in read(store, Query())]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 0
    night = store.night("web1", "RUN-last", [APP])
    (stream,) = night.streams()
    night.abandon()
    assert stream.offset == 28 * len(numbers)
    assert list(store.hot.host("web1").rglob("*.part")) == []


def test_a_manifest_that_a_crash_kept_from_being_written_is_made_at_the_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(ESTATE, Places(tmp_path), FakeClock())
    monkeypatch.setattr(DiskLogStore, "write_manifest", lambda *_: None)
    keep_lines(store)
    monkeypatch.undo()
    assert audit(store, {}).fault is not None
    assert audit(open_store(ESTATE, Places(tmp_path), FakeClock()), {}).fault is None


def test_a_clock_that_jumped_back_keeps_the_last_day_and_says_so(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store(ESTATE, Places(tmp_path), clock)
    keep_lines(store)
    clock.advance(-5 * 86400)
    night = store.night("web1", "RUN-2", [APP])
    stream: Stream = night.new_stream("app")
    send(night, APP, stream, LINES)
    result = night.commit([stream], [])
    assert result.day == "2026-11-21"
    assert any("earlier than the last stored day" in note.text for note in result.notes)
    assert audit(store, {}).fault is None


def test_a_new_catalogue_that_several_open_at_once_is_busy_for_none_of_them(
    tmp_path: Path,
) -> None:
    troubles: list[BaseException] = []
    for number in range(100):
        path, start = tmp_path / f"{number}.db", threading.Barrier(4)

        def open_it(path: Path = path, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                Catalogue(path, "small")
            except BaseException as trouble:
                troubles.append(trouble)

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert troubles == []
