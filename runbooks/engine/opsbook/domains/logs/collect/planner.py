"""Which file continues which stream: pure decisions from a survey, streams and answers.

Rules, in this order:

1. A file with the device and inode of a stream continues it when it is long enough and the
   windows at the head and before the offset hold the same bytes. A file that was not changed
   at all is not read.
2. Otherwise its content was replaced: it was truncated, or the inode was reused. What it holds
   now is new, from byte 0.
3. A file with an unknown inode is recognised by its content (packed files: by what they
   unpack to). It continues a stream whose own file is gone or replaced; of several, one not
   at the stream's former path, then the longest, then a plain one. Beside the stream's own
   file it is a copy if the whole common part is equal, and new if not.
4. When a stream's own file was renamed, a file at its former path is new, however it begins.
5. New files that begin with one another's whole content are copies of one another.
6. A stream without a file is a possible loss, unless it had ended; so is replaced content.

:func:`plan` answers with questions until it knows enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from opsbook.domains.logs.collect.decisions import Copy, Leave, Plan, Take, View
from opsbook.domains.logs.collect.findings import Findings, is_lost, kin, unchanged
from opsbook.domains.logs.collect.gaps import gaps
from opsbook.domains.logs.collect.survey import (
    UNPACKERS,
    Kind,
    Question,
    Surveyed,
    Total,
    kind_of,
    looks_rotated,
)
from opsbook.domains.logs.model import HEAD, TAIL, Stream
from opsbook.model.message import msg

SETTLED = 2
"""Seconds: a change time younger than this may hide a later change within the same second."""

QUIET = 600
"""Seconds without a write after which a rotated file is taken for finished."""

FRESH = 60
"""Seconds: a copy written to within them may still be growing."""


def plan(view: View) -> Plan | tuple[Question, ...]:
    """The decisions, or the questions that have to be answered first."""
    return _Planner(view).plan()


class _Planner(Findings):
    def plan(self) -> Plan | tuple[Question, ...]:
        for phase in (self._owners, self._look, self._match, self._compare_owners, self._claim,
                      self._compare, self._compare_new):  # fmt: skip
            phase()
            if self.missing:
                return tuple(self.missing)
        return Plan(
            takes=tuple(self._takes()),
            copies=tuple(self.copies.values()),
            left=tuple(self.left.values()),
            gaps=tuple(gaps(self)),
            gone=tuple(s for s in self.view.streams if self.is_gone(s)),
        )

    # --- 1, 2: files that are known by device and inode

    def _owners(self) -> None:
        files = {file.key: file for file in self.files}
        taken: set[int] = set()
        for stream in sorted(self.view.streams, key=lambda s: (-s.offset, -s.number)):
            file = files.get((stream.device, stream.inode)) if stream.inode else None
            if file is None:
                continue
            continues = self._continues(file, stream)
            if continues is None:
                self.unsure.add(stream.number)
                taken.add(file.index)
            elif continues and self._is_weak(file, stream):
                self.begun.setdefault(file.index, stream)
            elif continues and file.index not in taken:
                self.carrier[stream.number] = file
                taken.add(file.index)
            else:
                self.replaced[stream.number] = file
        self.unknown = [f for f in self.files if f.index not in taken]

    def _continues(self, file: Surveyed, stream: Stream) -> bool | None:
        if unchanged(file, stream):
            return True
        if file.size < stream.offset or (not stream.offset and file.size < stream.size):
            return False
        if not stream.offset and file.size:
            begins = self.content(file, "plain", 0, min(HEAD, file.size))
            if begins is None or kind_of(begins) != "plain":
                return None if begins is None else False
        in_place = file.path == stream.path and not stream.ended
        if self.trust and in_place and file.size > stream.offset > 0:
            return True
        verdicts = [self.holds(file, "plain", w) for w in (stream.head, stream.tail)]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    @staticmethod
    def _is_weak(file: Surveyed, stream: Stream) -> bool:
        """A file that should not have grown did, and so little of it is kept that another file
        with its old inode may begin the same: its content is looked at like an unknown one's.
        """
        if file.size == stream.offset or stream.offset >= HEAD + TAIL:
            return False
        return not stream.offset or stream.ended or file.path != stream.path

    # --- 3: what the others hold

    def _look(self) -> None:
        for file in [f for f in self.unknown if f.size]:
            stream = self.remembered.get(file.seen)
            if stream is not None:
                self.copies[file.index] = Copy(file, stream, None, 0)
                self.holders[stream.number] = file
                self.length[file.index] = stream.offset
                continue
            head = self.content(file, "plain", 0, min(HEAD, file.size))
            if head is not None:
                self.head[file.index] = head
                self.kind[file.index] = kind_of(head)
                if self.kind[file.index] != "plain":
                    self._look_inside(file, self.kind[file.index])
        self.unknown = [f for f in self.unknown if f.size and self._open(f)]

    def _open(self, file: Surveyed) -> bool:
        return file.index not in self.left and file.index not in self.copies

    def _look_inside(self, file: Surveyed, kind: Kind) -> None:
        if UNPACKERS[kind] not in self.view.tools:
            reason = msg("the host has no {tool} to unpack it", tool=UNPACKERS[kind])
            self.left[file.index] = Leave(file, reason)
            return
        question = Total(file.index, kind)
        head = self.content(file, kind, 0, HEAD)
        if question not in self.view.known:
            self.missing[question] = None
            return
        total = self.view.known[question]
        if not isinstance(total, int):
            self.left[file.index] = Leave(file, msg("a compressed file that is not whole (yet)"))
        elif head is not None:
            self.head[file.index], self.length[file.index] = head, total

    def _match(self) -> None:
        for file in self.unknown:
            self.full[file.index], self.part[file.index] = [], []
            for stream in self.view.streams:
                if self._is_successor(file, stream):
                    self.successors.add(file.index)
                elif not is_lost(stream):
                    self._match_one(file, stream)

    def _match_one(self, file: Surveyed, stream: Stream) -> None:
        length, window = self.length[file.index], stream.head
        if window is None or length < window.length:
            carrier = self.carrier.get(stream.number, self.holders.get(stream.number))
            if carrier is not None and carrier.size and kin(file.path, carrier.path):
                self.part[file.index].append(stream)
            return
        begins = self.head[file.index][: window.length]
        if hashlib.sha256(begins).hexdigest() != window.sha256:
            return
        if length < stream.offset:
            self.part[file.index].append(stream)
        elif self.holds(file, self.kind[file.index], stream.tail):
            self.full[file.index].append(stream)

    def _is_successor(self, file: Surveyed, stream: Stream) -> bool:
        """The stream's file was renamed, and ``file`` is what came in its place (rule 4)."""
        own = next((f for f in self.files if self.begun.get(f.index) == stream), None)
        carrier = self.carrier.get(stream.number, own)
        return carrier is not None and carrier.path != stream.path == file.path

    def _compare_owners(self) -> None:
        """Copies of files that are still there are nothing else, whatever they begin like."""
        for file in self.unknown:
            mine = self.length[file.index]
            for stream in [*self.full[file.index], *self.part[file.index]]:
                owner = self.carrier.get(stream.number)
                if owner is None or file.index in self.successors or not self._open(file):
                    continue
                if mine <= self.length[owner.index] and self.equal(file, owner, mine):
                    self._note_copy(file, stream, owner)
        self.unknown = [f for f in self.unknown if self._open(f)]

    def _differ(self, one: Surveyed, other: Surveyed) -> bool:
        common = min(self.length[one.index], self.length[other.index])
        return self.equal(one, other, common) is False

    def _claim(self) -> None:
        taken: set[int] = set()
        for stream in sorted(self.view.streams, key=lambda s: (-s.offset, s.number)):
            if stream.number in self.carrier.keys() | self.unsure or self.has_begun(stream):
                continue
            free = (f for f in self.unknown if self._open(f) and f.index not in taken)
            like = [file for file in free if stream in self.full[file.index]]
            able = [file for file in like if not self._may_be_a_beginning(file, stream)]
            if able:
                best = max(able, key=lambda file: self._rank(file, stream))
                if all(self._differ(best, file) for file in like if file not in able):
                    self.claimed[stream.number] = self.carrier[stream.number] = best
                    taken.add(best.index)
        self.unknown = [f for f in self.unknown if self._open(f) and f.index not in taken]

    def _rank(self, file: Surveyed, stream: Stream) -> tuple[bool, int, bool, int]:
        plain = self.kind[file.index] == "plain"
        return (file.path != stream.path, self.length[file.index], plain, -file.index)

    @staticmethod
    def _may_be_a_beginning(file: Surveyed, stream: Stream) -> bool:
        """At the stream's path, and all that is kept of it may be lines every file begins with."""
        return file.path == stream.path and stream.offset < HEAD + TAIL

    # --- 3, 5: copies

    def _compare(self) -> None:
        for file in self.unknown:
            like = [*self.full[file.index], *self.part[file.index]]
            if file.index in self.successors or not self._is_copy(file, like):
                self.new.append(file)
        self.new = [f for f in self.new if self._open(f)]

    def _is_copy(self, file: Surveyed, like: Sequence[Stream]) -> bool:
        """Also when that is not decided today: then the file is left."""
        for stream in sorted(like, key=lambda s: -s.offset):
            carrier = self.carrier.get(stream.number) or self._holder(stream)
            if carrier is None:
                if stream in self.part[file.index] and self._is_fresh(file):
                    self._leave_growing(file)
                    return True
                continue
            mine, whole = self.length[file.index], self.length[carrier.index]
            if not self.equal(file, carrier, min(mine, whole)):
                continue
            if mine <= whole:
                self._note_copy(file, stream, carrier)
                return True
            if self._is_fresh(file):
                self._leave_growing(file)
                return True
        return False

    def _holder(self, stream: Stream) -> Surveyed | None:
        """A packed file that is known to hold all that is kept of a stream."""
        file = self.holders.get(stream.number)
        head = self.content(file, "plain", 0, min(HEAD, file.size)) if file else None
        if file is None or head is None:
            return None
        self.kind[file.index] = kind_of(head)
        return file

    def _is_fresh(self, file: Surveyed) -> bool:
        return self.now - file.mtime <= FRESH

    def _leave_growing(self, file: Surveyed) -> None:
        """What ``file`` begins with is left as well: its lines will come with the whole."""
        self.growing.append(file)
        self.left[file.index] = Leave(file, msg("it looks like a copy that is being written"))

    def _note_copy(self, file: Surveyed, stream: Stream | None, original: Surveyed) -> None:
        self.copies[file.index] = Copy(file, stream, original, self.length[file.index])

    def _compare_new(self) -> None:
        order = sorted(self.new, key=lambda f: (-self.length[f.index], self._is_packed(f),
                                                len(f.path), f.path))  # fmt: skip
        originals: list[Surveyed] = []
        for file in order:
            original = next((o for o in originals if self._begins(o, file)), None)
            if any(self._begins(growing, file) for growing in self.growing):
                self._leave_growing(file)
            elif original is None:
                originals.append(file)
            else:
                self._note_copy(file, None, original)
        self.new = [f for f in originals if self._open(f)]

    def _is_packed(self, file: Surveyed) -> bool:
        return self.kind[file.index] != "plain"

    def _begins(self, longer: Surveyed, file: Surveyed) -> bool:
        head, length = self.head[file.index], self.length[file.index]
        if not self.head[longer.index].startswith(head[:length]):
            return False
        if length < HEAD and not kin(file.path, longer.path):
            return False
        return bool(self.equal(file, longer, length))

    # --- decisions

    def _takes(self) -> Iterator[Take]:
        for stream in self.view.streams:
            file = self.carrier.get(stream.number)
            if file is not None and file.index not in self.left:
                yield self._continue(file, stream)
        for file in self.new:
            begun = self.begun.get(file.index)
            yield self._continue(file, begun) if begun else self._begin(file)
        for file in self.files:
            if not file.size and not looks_rotated(file.path) and not self._is_carrier(file):
                yield self._begin(file)

    def _is_carrier(self, file: Surveyed) -> bool:
        return any(carrier.index == file.index for carrier in self.carrier.values())

    def _continue(self, file: Surveyed, stream: Stream) -> Take:
        kind = self.kind.get(file.index, "plain")
        away = file.path != stream.path or stream.ended or looks_rotated(file.path)
        still = (file.size, file.mtime) == (stream.size, stream.mtime)
        quiet = self.now - file.mtime > QUIET
        whole = kind != "plain" or still or (away and quiet)
        ended = kind != "plain" or (away and (quiet or still))
        end = self.length[file.index]
        return Take(file, kind, stream, stream.offset, end, whole, ended)

    def _begin(self, file: Surveyed) -> Take:
        kind = self.kind.get(file.index, "plain")
        done = looks_rotated(file.path) and self.now - file.mtime > QUIET
        former = [
            stream
            for stream in self.view.streams
            if stream.path == file.path or self.replaced.get(stream.number) == file
        ]
        before = max(former, key=lambda s: s.number, default=None)
        over = done or kind != "plain"
        return Take(file, kind, None, 0, self.length[file.index], over, over, before)
