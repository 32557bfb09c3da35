r"""Reading kept lines: by host, source, file, time and text, from either tier.

Pieces outside the asked time are not opened. A line that was cut over two pieces of a stream is
joined again. Bytes are decoded by their source's encoding; what does not decode is shown as
``\xNN``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import groupby
from zoneinfo import ZoneInfo

from opsbook.domains.logs.keep import stored
from opsbook.domains.logs.keep.manifest import escaped
from opsbook.domains.logs.keep.minutes import minute_of
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.keep.stored import StoredSpan
from opsbook.domains.logs.keep.unpack import Unpacker, Unsound
from opsbook.domains.logs.read.lines import Line, Lines
from opsbook.domains.logs.times import SAMPLE, Recogniser
from opsbook.model.errors import IntegrityFault, UsageFault
from opsbook.model.message import Message, msg


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; everything that is None is not asked about.

    ``path`` is a file name of the host, ``*`` and ``?`` allowed. ``since <= time < until``;
    lines of which no time is known are not left out.
    """

    host: str | None = None
    source: str | None = None
    path: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    regex: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One line. ``length`` is of the whole line in bytes; ``text`` may be only its start."""

    host: str
    source: str
    path: str
    at: datetime | None
    text: str
    length: int
    cut: bool


def read(store: DiskLogStore, query: Query) -> Iterator[Hit]:
    """The lines that ``query`` asks for, by host, source and stream, each stream in its order.

    Raises UsageFault for a pattern that is none, IntegrityFault at a damaged frame.
    """
    accept = _test(query)
    with store.catalogue.reading() as db:
        spans = stored.spans(db, host=query.host, source=query.source)
    if query.path:
        spans = [span for span in spans if fnmatchcase(escaped(span.path), query.path)]
    for stream in _streams(spans):
        wanted = _wanted(stream, query)
        for run in _contiguous(wanted):
            yield from _Stream(store, run, query, accept).hits()


def _test(query: Query) -> Callable[[str], bool]:
    if query.text is None:
        return lambda text: True
    text = query.text
    if not query.regex:
        return lambda line: text in line
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError) as error:
        raise UsageFault(
            msg("{pattern} is no regular expression: {reason}.", pattern=text, reason=str(error))
        ) from error
    return lambda line: pattern.search(line) is not None


def _streams(spans: Iterable[StoredSpan]) -> list[list[StoredSpan]]:
    """Pieces by stream; the streams of a source in the order of their first lines."""
    found = [
        list(group) for _, group in groupby(spans, lambda s: (s.file.host, s.file.source, s.stream))
    ]

    def order(stream: Sequence[StoredSpan]) -> tuple[str, str, float, int]:
        first = stream[0]
        early = min((s.earliest for s in stream if s.earliest is not None), default=float("inf"))
        return (first.file.host, first.file.source, early, first.stream)

    return sorted(found, key=order)


def _wanted(stream: Sequence[StoredSpan], query: Query) -> list[StoredSpan]:
    """Pieces that may hold lines of the asked time, and those that hold the rest of a line."""
    chosen = [_may_hold(span, query) for span in stream]
    for at, span in enumerate(stream[:-1]):
        if span.cut_line and chosen[at]:
            chosen[at + 1] = True
    for at in range(len(stream) - 2, -1, -1):
        if stream[at].cut_line and chosen[at + 1]:
            chosen[at] = True
    return [span for span, is_chosen in zip(stream, chosen, strict=True) if is_chosen]


def _may_hold(span: StoredSpan, query: Query) -> bool:
    if query.since and query.since > span.collected and span.latest is None:
        return False
    if query.since and span.latest is not None and span.latest < minute_of(query.since):
        return False
    return not (
        query.until and span.earliest is not None and span.earliest > minute_of(query.until)
    )


def _contiguous(spans: Sequence[StoredSpan]) -> Iterator[list[StoredSpan]]:
    """Runs of pieces without a gap between them."""
    run: list[StoredSpan] = []
    for span in spans:
        if run and run[-1].end != span.start:
            yield run
            run = []
        run.append(span)
    if run:
        yield run


class _Stream:
    """Pieces of one stream that follow one another."""

    def __init__(
        self,
        store: DiskLogStore,
        spans: Sequence[StoredSpan],
        query: Query,
        accept: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._spans = spans
        self._query = query
        self._accept = accept

    def hits(self) -> Iterator[Hit]:
        """Their lines that are asked for."""
        needle = self._needle()
        if needle is None:
            return
        lines = Lines(needle)
        span = self._spans[0]
        for span in self._spans:
            lines.recogniser = None
            for data in self._bytes(span):
                if lines.recogniser is None:
                    zone = ZoneInfo(span.timezone)
                    lines.recogniser = Recogniser.for_sample(data[:SAMPLE], zone, span.collected)
                for line in lines.step(data):
                    yield from self._hit(span, line)
        for line in lines.end():
            yield from self._hit(span, line)

    def _needle(self) -> bytes | None:
        """Bytes that every asked line has; None when the encoding cannot even write them."""
        if not self._query.text or self._query.regex:
            return b""
        try:
            return self._query.text.encode(self._spans[0].encoding)
        except UnicodeEncodeError:
            return None

    def _bytes(self, span: StoredSpan) -> Iterator[bytes]:
        path = span.file.path(self._store.hot, self._store.archive)
        if path is None:
            return
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise _damaged(span, str(error.strerror)) from error
        try:
            unpacker = Unpacker(fd)
            for offset, frame in span.framed():
                for data in unpacker.frame(offset, frame.length, frame.raw_length):
                    yield bytes(data)
        except Unsound as fault:
            raise _damaged(span, fault.reason) from fault
        finally:
            os.close(fd)

    def _hit(self, span: StoredSpan, line: Line) -> Iterator[Hit]:
        query = self._query
        if line.at and query.since and line.at < query.since:
            return
        if line.at and query.until and line.at >= query.until:
            return
        text = line.head.decode(span.encoding, "backslashreplace")
        cut = line.length > len(line.head)
        literal_beyond = cut and bool(query.text) and not query.regex
        if literal_beyond or self._accept(text):
            yield Hit(
                host=span.file.host,
                source=span.file.source,
                path=escaped(span.path),
                at=line.at,
                text=text,
                length=line.length,
                cut=cut,
            )


def _damaged(span: StoredSpan, reason: str | Message) -> IntegrityFault:
    return IntegrityFault(
        msg("{file} of {host} for {day} cannot be read: {reason}.",
            file=span.file.name, host=span.file.host, day=span.file.day, reason=reason),
        next_step=msg("opsbook logs verify shows what is damaged."),
    )  # fmt: skip
