"""Which file continues which stream: what happened between two nights, and what is kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from doubles.hosts import Disk, MemoryAgent
from doubles.night import MemoryLogStore
from opsbook.domains.logs.collect.collector import FileCollector, Outcome
from opsbook.domains.logs.collect.losses import Zones
from opsbook.domains.logs.model import Source

LIVE, ONE, PACKED = b"/log/app.log", b"/log/app.log.1", b"/log/app.log.1.gz"
SOURCE = Source(name="app", files=("/log/*",))
EARLY = b"".join(b"2026-11-21T01:00:%02dZ early %d\n" % (n, n) for n in range(60)) * 3
LATE = b"2026-11-21T09:00:00Z late\n"
FRESH = b"2026-11-21T10:00:00Z fresh\n"


class Watch:
    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def expect(self, raw_bytes: int) -> None: ...

    def advance(self, raw_bytes: int) -> None: ...

    def phase(self, name: str) -> None: ...

    def host_now(self) -> int:
        return self.disk.now


def night(disk: Disk, store: MemoryLogStore) -> tuple[Outcome, MemoryAgent]:
    run = store.night("web1", f"RUN-{disk.now}", [SOURCE])
    agent, outcome = MemoryAgent(disk), Outcome()
    zones = Zones({"app": UTC}, datetime.fromtimestamp(disk.now, UTC))
    FileCollector(agent, run, agent.hello(), [SOURCE], Watch(disk), outcome, zones).collect()
    run.commit(list(outcome.streams.values()), list(outcome.losses.values()))
    return outcome, agent


def renamed(disk: Disk) -> None:
    disk.append(LIVE, LATE)
    disk.rename(LIVE, ONE)
    disk.append(LIVE, FRESH)


def renamed_and_packed(disk: Disk) -> None:
    renamed(disk)
    disk.pack(ONE)


def copied_and_emptied(disk: Disk) -> None:
    disk.append(LIVE, LATE)
    disk.copy(LIVE, ONE)
    disk.truncate(LIVE)
    disk.append(LIVE, FRESH)


def copied_emptied_and_packed(disk: Disk) -> None:
    copied_and_emptied(disk)
    disk.pack(ONE)


def grown(disk: Disk) -> None:
    disk.append(LIVE, LATE + FRESH)


def being_copied(disk: Disk) -> None:
    grown(disk)
    disk.copy(LIVE, ONE, 3000)


def being_packed(disk: Disk) -> None:
    renamed(disk)
    disk.create(PACKED, gzip.compress(bytes(disk.names[ONE].data))[:-20])


def moved_with_equal_first_lines(disk: Disk) -> None:
    disk.append(LIVE, LATE)
    disk.rename(LIVE, ONE)
    disk.append(LIVE, EARLY + FRESH)


def emptied(disk: Disk) -> None:
    disk.truncate(LIVE)
    disk.append(LIVE, LATE + FRESH)


def emptied_and_grown_past_the_offset(disk: Disk) -> None:
    disk.truncate(LIVE)
    disk.append(LIVE, LATE * 500 + FRESH)


def deleted_and_its_inode_used_again(disk: Disk) -> None:
    disk.unlink(LIVE)
    disk.create(LIVE, LATE + FRESH)


def gone(disk: Disk) -> None:
    disk.unlink(LIVE)
    disk.create(b"/log/other.log", LATE + FRESH)


def linked(disk: Disk) -> None:
    grown(disk)
    disk.link(LIVE, b"/log/another-name")


CASES: list[tuple[Callable[[Disk], None], bytes, str]] = [
    (renamed, EARLY + LATE + FRESH, ""),
    (renamed_and_packed, EARLY + LATE + FRESH, ""),
    (copied_and_emptied, EARLY + LATE + FRESH, "copytruncate"),
    (copied_emptied_and_packed, EARLY + LATE + FRESH, "copytruncate"),
    (grown, EARLY + LATE + FRESH, ""),
    (being_copied, EARLY + LATE + FRESH, ""),
    (being_packed, EARLY + LATE + FRESH, ""),
    (moved_with_equal_first_lines, EARLY + LATE + EARLY + FRESH, ""),
    (emptied, EARLY + LATE + FRESH, "no copy"),
    (emptied_and_grown_past_the_offset, EARLY + LATE * 500 + FRESH, "no copy"),
    (deleted_and_its_inode_used_again, EARLY + LATE + FRESH, "no copy"),
    (gone, EARLY + LATE + FRESH, "gone before"),
    (linked, EARLY + LATE + FRESH, ""),
]


@pytest.mark.parametrize(
    ("happens", "expected", "loss"), CASES, ids=lambda c: getattr(c, "__name__", "")
)
def test_what_happened_between_two_nights(happens, expected, loss):
    disk, store = Disk(), MemoryLogStore()
    disk.append(LIVE, EARLY)
    disk.now += 3600
    night(disk, store)
    disk.now += 86_000
    happens(disk)
    disk.now += 3600
    outcome, _ = night(disk, store)
    losses = [loss.reason.text for loss in outcome.losses.values()]
    assert [loss in text for text in losses] == ([True] if loss else [])
    disk.now += 86_400
    night(disk, store)
    kept = store.hosts["web1"].content.values()
    assert sorted(b"".join(kept).splitlines()) == sorted(expected.splitlines())


def test_a_loss_lies_between_the_copy_and_what_came_after():
    disk, store = Disk(), MemoryLogStore()
    disk.append(LIVE, EARLY)
    night(disk, store)
    disk.now += 4000
    copied_and_emptied(disk)
    (loss,) = night(disk, store)[0].losses.values()
    assert loss.after == datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    assert loss.before == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def test_unchanged_files_are_neither_asked_about_nor_read():
    disk, store = Disk(), MemoryLogStore()
    for number in range(50):
        disk.append(b"/log/app-%d.log" % number, b"2026-11-21T01:00:00Z line %d\n" % number)
    disk.now += 10
    night(disk, store)
    _, agent = night(disk, store)
    assert agent.asked == []
    assert agent.readings == []


def test_packed_files_are_unpacked_once():
    disk, store = Disk(), MemoryLogStore()
    disk.append(ONE, EARLY)
    disk.pack(ONE)
    night(disk, store)
    disk.rename(PACKED, b"/log/app.log.2.gz")
    disk.now += 86_400
    _, agent = night(disk, store)
    assert agent.asked == []
    assert store.hosts["web1"].content == {1: EARLY}


def test_an_unfinished_line_waits_until_the_file_is_no_longer_written():
    disk, store = Disk(), MemoryLogStore()
    disk.append(LIVE, EARLY + b"half")
    night(disk, store)
    assert store.hosts["web1"].content == {1: EARLY}
    disk.now += 86_400
    night(disk, store)
    assert store.hosts["web1"].content == {1: EARLY + b"half"}


def test_a_change_within_the_second_of_the_survey_is_seen_next_night():
    disk, store = Disk(), MemoryLogStore()
    disk.append(LIVE, EARLY)
    night(disk, store)
    disk.names[LIVE].data[:] = bytes(reversed(EARLY))
    disk.now += 86_400
    night(disk, store)
    assert bytes(reversed(EARLY)).splitlines()[0] in b"".join(store.hosts["web1"].content.values())


@pytest.mark.parametrize("race", [copied_and_emptied, renamed, emptied, renamed_and_packed])
def test_what_happens_while_a_file_is_read_neither_loses_nor_doubles(race):
    disk, store = Disk(), MemoryLogStore()
    disk.append(LIVE, EARLY)
    disk.now += 3600
    night(disk, store)
    disk.append(LIVE, b"2026-11-21T08:00:00Z more\n")
    disk.during_read = lambda: race(disk)
    night(disk, store)
    disk.now += 86_400
    night(disk, store)
    kept = b"".join(store.hosts["web1"].content.values()).splitlines()
    for line in (EARLY.splitlines()[0], FRESH.strip(), LATE.strip()):
        assert kept.count(line) == (3 if line in EARLY else 1)


def test_a_hostile_name_is_shown_without_its_bytes():
    disk, store = Disk(), MemoryLogStore()
    disk.append(b"/log/\x1b[2J\xff\n.log", EARLY)
    disk.copy(b"/log/\x1b[2J\xff\n.log", b"/log/\x1b[2J\xff\n.log.1")
    outcome, _ = night(disk, store)
    (note,) = outcome.notes.values()
    text = note.reason.english()
    assert text.isprintable()
    assert "\\xff" in text
