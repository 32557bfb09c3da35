"""What planning has found out so far: answers, and which file carries which stream."""

from __future__ import annotations

import hashlib
import re

from opsbook.domains.logs.collect.decisions import Copy, Leave, View
from opsbook.domains.logs.collect.survey import Digest, Kind, Peek, Question, Surveyed
from opsbook.domains.logs.model import HEAD, TAIL, Stream, Window
from opsbook.model.message import msg


def unchanged(file: Surveyed, stream: Stream) -> bool:
    """Nothing about the file changed since the stream was read from it.

    A stream's ``ctime`` is 0 when it was too young to be relied upon (see :data:`SETTLED`).
    """
    now = (file.device, file.inode, file.size, file.mtime, file.ctime)
    return now == (stream.device, stream.inode, stream.size, stream.mtime, stream.ctime)


class Findings:
    """The state of one planning. By number of stream: ``carrier`` (the file that continues it),
    ``claimed`` (the same, found by content), ``replaced`` (its own file, which holds something
    else now), ``holders`` (packed files known to hold it); ``unsure`` are left alone tonight.
    By index of file: ``begun`` (its stream, of which little is kept), ``full`` and ``part``
    (streams it may continue, and streams it may be a shorter copy of). ``growing`` are left
    because they look like copies that are being written.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.files = view.survey.files
        self.now = view.survey.now
        self.remembered = {seen: s for s in view.streams for seen in s.packed}
        self.trust = view.trust and self._all_known()
        self.missing: dict[Question, None] = {}
        self.left: dict[int, Leave] = {}
        self.copies: dict[int, Copy] = {}
        self.carrier: dict[int, Surveyed] = {}
        self.claimed: dict[int, Surveyed] = {}
        self.replaced: dict[int, Surveyed] = {}
        self.holders: dict[int, Surveyed] = {}
        self.begun: dict[int, Stream] = {}
        self.unsure: set[int] = set()
        self.successors: set[int] = set()
        self.kind: dict[int, Kind] = {}
        self.head: dict[int, bytes] = {}
        self.length = {file.index: file.size for file in self.files}
        self.full: dict[int, list[Stream]] = {}
        self.part: dict[int, list[Stream]] = {}
        self.unknown: list[Surveyed] = []
        self.new: list[Surveyed] = []
        self.growing: list[Surveyed] = []

    def content(self, file: Surveyed, kind: Kind, start: int, length: int) -> bytes | None:
        """Content of a file; None while it is asked for, or when the file cannot be read."""
        question = Peek(file.index, kind, start, length)
        if question not in self.view.known:
            self.missing[question] = None
            return None
        answer = self.view.known[question]
        if not isinstance(answer, bytes):
            self.unreadable(file)
            return None
        return answer

    def unreadable(self, file: Surveyed) -> None:
        """Leave ``file``: it is no longer what was surveyed, or may not be read."""
        reason = msg("it was moved meanwhile, or may not be read")
        self.left.setdefault(file.index, Leave(file, reason, again=True))

    def holds(self, file: Surveyed, kind: Kind, window: Window | None) -> bool | None:
        """Whether ``window`` of the file is as it was; None when that is not known."""
        if window is None or not window.length:
            return True
        data = self.content(file, kind, window.start, window.length)
        return None if data is None else hashlib.sha256(data).hexdigest() == window.sha256

    def equal(self, one: Surveyed, other: Surveyed, length: int) -> bool | None:
        """Whether the first ``length`` bytes of two files are equal; None when not known."""
        sums = []
        for file in (one, other):
            question = Digest(file.index, self.kind.get(file.index, "plain"), 0, length)
            if question not in self.view.known:
                self.missing[question] = None
            elif self.view.known[question] is None:
                self.unreadable(file)
            else:
                sums.append(self.view.known[question])
        return sums[0] == sums[1] if len(sums) == 2 else None

    def has_begun(self, stream: Stream) -> bool:
        """Its own file is there, unless that turns out to hold something else."""
        return stream in self.begun.values()

    def is_gone(self, stream: Stream) -> bool:
        """No file carries it. A stream that was already given up has no inode."""
        if stream.number in self.carrier or stream.number in self.unsure or not stream.inode:
            return False
        return stream.source in self.view.declared and not self.has_begun(stream)

    def _all_known(self) -> bool:
        """Every file is one of a stream and long enough for it: reading it shows the rest."""
        offsets = {(s.device, s.inode): s.offset for s in self.view.streams if s.offset}
        return all(
            file.size >= offsets.get(file.key, file.size + 1)
            for file in self.files
            if file.size and file.seen not in self.remembered
        )


def is_lost(stream: Stream) -> bool:
    """Given up, with so little kept that other files may begin with just that."""
    return not (stream.inode or stream.packed) and stream.offset < HEAD + TAIL


def kin(one: bytes, other: bytes) -> bool:
    """Names of one family, such as ``app.log``, ``app.log.1.gz`` and ``app-20261121.log``."""
    return _family(one) == _family(other)


def _family(path: bytes) -> bytes:
    return re.split(rb"[._-]", path.rpartition(b"/")[2], maxsplit=1)[0]
