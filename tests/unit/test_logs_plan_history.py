"""Random histories of log files and nights: every line is kept once, or its loss is told."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.hosts import Disk, MemoryAgent, Node
from doubles.night import MemoryLogStore
from opsbook.domains.logs.collect.collector import FileCollector, Outcome
from opsbook.domains.logs.collect.losses import Zones
from opsbook.domains.logs.model import Source
from opsbook.model.errors import HostUnreachable

LIVE = b"/log/app.log"
SOURCE = Source(name="app", files=("/log/*",))
LINE = re.compile(rb"^(\S+) line (\d+)$", re.MULTILINE)


class QuietWatch:
    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def expect(self, raw_bytes: int) -> None:
        pass

    def advance(self, raw_bytes: int) -> None:
        pass

    def phase(self, name: str) -> None:
        pass

    def host_now(self) -> int:
        return self.disk.now


@dataclass
class World:
    """A program that writes numbered lines, what rotates them, and our nights."""

    disk: Disk = field(default_factory=Disk)
    store: MemoryLogStore = field(default_factory=MemoryLogStore)
    written: dict[int, int] = field(default_factory=dict)
    unfinished: int | None = None
    banner: bytes = b""
    keep: int = 3
    nights: int = 0
    seen: list[Node] = field(default_factory=list)
    unknowable: set[int] = field(default_factory=set)
    packed: list[tuple[Node, Node]] = field(default_factory=list)
    raced: list[tuple[Node, int]] = field(default_factory=list)

    # --- the program

    def write(self, count: int) -> None:
        for _ in range(count):
            self._finish()
            self.disk.append(LIVE, self._line() + b"\n")
            self.disk.now += 1

    def write_half(self) -> None:
        self._finish()
        line = self._line()
        self.disk.append(LIVE, line)
        self.unfinished = len(self.written)

    def _line(self) -> bytes:
        if LIVE not in self.disk.names:
            self.disk.create(LIVE, self.banner)
        number = len(self.written) + 1
        self.written[number] = self.disk.now
        stamp = datetime.fromtimestamp(self.disk.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{stamp} line {number}".encode()

    def _finish(self) -> None:
        if self.unfinished is not None:
            self.disk.append(LIVE, b"\n")
            self.unfinished = None

    # --- rotation

    def _shift(self) -> None:
        self._remove(LIVE + b".%d" % self.keep)
        self._remove(LIVE + b".%d.gz" % self.keep)
        for number in range(self.keep - 1, 0, -1):
            for end in (b"", b".gz"):
                old = LIVE + b".%d" % number + end
                if old in self.disk.names:
                    self.disk.rename(old, LIVE + b".%d" % (number + 1) + end)

    def rotate(self, pack: bool = False) -> None:
        self._finish()
        if LIVE not in self.disk.names:
            return
        self._shift()
        self.disk.rename(LIVE, LIVE + b".1")
        self.disk.create(LIVE, self.banner)
        if pack:
            self.pack_first()

    def copytruncate(self, lost: int = 0, pack: bool = False) -> None:
        self._finish()
        if LIVE not in self.disk.names:
            return
        self._shift()
        self.disk.copy(LIVE, LIVE + b".1")
        first = len(self.written) + 1
        self.write(lost)
        self.raced += [(self.disk.names[LIVE], n) for n in range(first, len(self.written) + 1)]
        self._destroy()
        self.disk.truncate(LIVE)
        self.disk.append(LIVE, self.banner)
        if pack:
            self.pack_first()

    def _destroy(self) -> None:
        self._lines_end(self.disk.names[LIVE])

    def _lines_end(self, node: Node) -> None:
        """Lines of a file of which nothing is kept but what every file begins with: nobody can
        know of them.
        """
        if not any(node is one for one in self.seen):
            self.unknowable |= {int(number) for _, number in LINE.findall(bytes(node.data))}
        self.seen = [one for one in self.seen if one is not node]

    def pack_first(self) -> None:
        if LIVE + b".1" in self.disk.names:
            plain = self.disk.names[LIVE + b".1"]
            self.disk.pack(LIVE + b".1")
            self.packed.append((self.disk.names[LIVE + b".1.gz"], plain))

    def _remove(self, path: bytes) -> None:
        node = self.disk.names.get(path)
        if node is not None:
            plain = next((plain for packed, plain in self.packed if packed is node), node)
            self._lines_end(plain)
            self.disk.unlink(path)

    def truncate(self) -> None:
        if LIVE in self.disk.names:
            self._finish()
            self._destroy()
            self.disk.truncate(LIVE)

    def replace(self) -> None:
        """Delete and begin anew: the same inode number comes back."""
        if LIVE in self.disk.names:
            self._finish()
            self._destroy()
            self.disk.unlink(LIVE)
            self.disk.create(LIVE, self.banner)

    def backup(self) -> None:
        if LIVE in self.disk.names:
            self.disk.copy(LIVE, b"/log/app.log-copy")

    # --- us

    def night(self, patience: int = 1 << 30, race: str = "") -> None:
        self.nights += 1
        night = self.store.night("web1", f"RUN-{self.nights}", [SOURCE])
        if race:
            self.disk.during_read = {
                "rotate": self.rotate,
                "copytruncate": lambda: self.copytruncate(2),
                "write": lambda: self.write(3),
                "truncate": self.truncate,
                "pack": lambda: self.rotate(pack=True),
            }[race]
        agent, outcome = MemoryAgent(self.disk, patience), Outcome()
        zones = Zones({"app": UTC}, datetime.fromtimestamp(self.disk.now, UTC))
        try:
            collector = FileCollector(
                agent, night, agent.hello(), [SOURCE], QuietWatch(self.disk), outcome, zones
            )
            seen = list(self.disk.names.values())
            self._forget_raced(seen)
            collector.collect()
            night.commit(list(outcome.streams.values()), list(outcome.losses.values()))
            self.raced = []
            self.seen = [node for node in seen if self._offset(node) > len(self.banner)]
        except HostUnreachable:
            night.abandon()
        self.disk.during_read = None

    def _forget_raced(self, seen: list[Node]) -> None:
        """Lost between copy and truncation, then the file itself went and its copy was packed:
        this looks just like a file that was packed in place.
        """
        for node, number in self.raced:
            if not any(node is one for one in seen):
                self.unknowable.add(number)

    def _offset(self, node: Node) -> int:
        streams = self.store.hosts["web1"].streams.values()
        return max((s.offset for s in streams if s.inode == node.number), default=0)

    # --- what must hold

    def check(self) -> None:
        for _ in range(3):
            self.disk.now += 90_000
            self.night()
        kept = self.store.hosts["web1"]
        data = b"\n".join(kept.content.values())
        found = Counter(int(number) for _, number in LINE.findall(data))
        twice = [number for number, count in found.items() if count > 1]
        assert not twice, f"kept more than once: {twice}"
        silent = [
            n
            for n, at in self.written.items()
            if not (n in found or n in self.unknowable or self._told(at))
        ]
        assert not silent, f"lost without a word: {silent}"
        there = b"\n".join(bytes(node.data) for node in self.disk.names.values())
        here = {int(number) for _, number in LINE.findall(there)}
        assert here <= set(found), f"still at the source and not kept: {here - set(found)}"

    def _told(self, at: int) -> bool:
        moment = datetime.fromtimestamp(at, UTC)
        return any(
            (loss.after is None or loss.after <= moment)
            and (loss.before is None or moment <= loss.before)
            for loss in self.store.hosts["web1"].losses
        )


OPERATIONS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 200)),
    st.tuples(st.just("write_half")),
    st.tuples(st.just("rotate"), st.booleans()),
    st.tuples(st.just("copytruncate"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("pack_first")),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("replace")),
    st.tuples(st.just("backup")),
    st.tuples(st.just("sleep"), st.sampled_from([1, 30, 1000, 86400])),
    st.tuples(st.just("night")),
    st.tuples(st.just("night"), st.integers(0, 12)),
    st.tuples(
        st.just("night"),
        st.just(1 << 30),
        st.sampled_from(["rotate", "copytruncate", "write", "truncate", "pack"]),
    ),
)


def play(history: list[tuple], banner: bytes, keep: int) -> World:
    world = World(banner=banner, keep=keep)
    world.write(1)
    world.night()
    for name, *arguments in history:
        if name == "sleep":
            world.disk.now += arguments[0]
        else:
            getattr(world, name)(*arguments)
    return world


RACE = ("night", 1 << 30)
FOUND = [
    ([("write_half",), ("backup",)], b"", 1),
    ([("copytruncate", 1, False), ("rotate", True)], b"", 2),
    ([("rotate", True), ("write_half",), ("rotate", True)], b"", 1),
    ([("replace",), (*RACE, "pack"), ("write_half",), ("backup",)], b"# begun\n", 1),
    ([("truncate",), ("backup",), ("write_half",), ("night",), ("backup",)], b"", 1),
    ([("backup",), ("write_half",), ("night",), ("truncate",), ("rotate", True)], b"", 1),
    ([(*RACE, "rotate"), ("write_half",), ("backup",), (*RACE, "rotate"), ("rotate", False)],
     b"", 1),
    ([(*RACE, "copytruncate"), ("truncate",), ("rotate", False), ("write_half",), ("backup",)],
     b"# begun\n", 1),
    ([("replace",), (*RACE, "rotate"), ("write", 1), ("night",), ("copytruncate", 0, False)],
     b"# begun\n", 1),
    ([("rotate", False), ("backup",), (*RACE, "rotate"), ("rotate", False), ("rotate", False),
      ("write", 2), ("backup",)], b"", 1),
    ([("replace",), ("rotate", False), ("write_half",), ("backup",), ("night",), ("write", 61),
      ("rotate", False), ("night",)], b"# begun\n", 2),
    ([("rotate", False), ("write_half",), ("backup",), (*RACE, "copytruncate"), ("rotate", False)],
     b"# begun\n", 1),
]  # fmt: skip


@pytest.mark.parametrize(("history", "banner", "keep"), FOUND)
def test_histories_that_were_once_got_wrong(history, banner, keep):
    play(history, banner, keep).check()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(OPERATIONS, max_size=25),
    st.sampled_from([b"", b"# begun\n", b"# " + b"=" * 2000 + b"\n"]),
    st.integers(1, 4),
)
def test_every_line_is_kept_once_or_its_loss_is_told(history, banner, keep):
    play(history, banner, keep).check()
