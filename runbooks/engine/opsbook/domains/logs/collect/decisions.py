"""What a plan of one host's night says about every surveyed file and every known stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opsbook.domains.logs.collect.survey import Answer, Kind, Question, Survey, Surveyed
from opsbook.domains.logs.model import Stream
from opsbook.model.message import Message


@dataclass(frozen=True, slots=True)
class View:
    """All that planning may look at.

    ``declared`` names the sources of files collected now: streams of other sources are matched
    but never missed. ``known`` holds the answers so far. With ``trust`` a known file that did
    not shrink is taken at its word, because reading it shows the proof afterwards.
    """

    survey: Survey
    streams: tuple[Stream, ...]
    declared: frozenset[str]
    tools: frozenset[str]
    known: Mapping[Question, Answer]
    trust: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """``file`` carries ``stream`` (None: a new one); its bytes from ``start`` to ``end`` are new.

    ``whole`` takes the last line even when it is unfinished; ``ended`` means that the file is
    not expected to grow any more. Nothing is read when ``start == end``. ``before`` is the
    stream whose file this was until its content was replaced.
    """

    file: Surveyed
    kind: Kind
    stream: Stream | None
    start: int
    end: int
    whole: bool
    ended: bool
    before: Stream | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """``file`` holds only what ``original`` (or the stored ``stream``) holds as well; ``length``
    bytes unpacked, 0 when that was known before.
    """

    file: Surveyed
    stream: Stream | None
    original: Surveyed | None
    length: int


@dataclass(frozen=True, slots=True)
class Leave:
    """``file`` is left to another night; with ``again`` a new survey may help at once."""

    file: Surveyed
    reason: Message
    again: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """The source may have lost lines of ``stream``: after the last line of ``copy`` (or, without
    one, of what is kept), before the first line of ``successor`` (or the survey).
    """

    stream: Stream
    reason: Message
    copy: Surveyed | None
    successor: Surveyed | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every decision of one survey. ``gone``: no file carries these streams any more."""

    takes: tuple[Take, ...]
    copies: tuple[Copy, ...]
    left: tuple[Leave, ...]
    gaps: tuple[Gap, ...]
    gone: tuple[Stream, ...]
