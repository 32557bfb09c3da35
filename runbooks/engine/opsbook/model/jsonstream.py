"""Reading huge JSON piece by piece (RFC 8259), in memory that a single piece bounds.

:func:`members` reads one object of objects. :func:`walk` goes into the objects and lists that its
caller names by their path, and gives every other value whole, or passes over it unread. A piece
that is too large is said to be so and passed over; the rest is read on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from opsbook.model.jsonwindow import DROPPED, TextSource, Window

MOST_CHARACTERS = 600 * 2**20
MOST_OF_ONE_MEMBER = 32 * 2**20

Path = tuple[str, ...]
"""Names of members from the outside in; an element of a list is called ``*``."""


class How(Enum):
    """What to do with an object or a list."""

    INTO = "into"
    WHOLE = "whole"
    PASS = "pass"  # noqa: S105 - pass over it


class Event(Enum):
    """What a step of :func:`walk` tells."""

    BEGIN = "begin"
    END = "end"
    VALUE = "value"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Step:
    """One event; ``value`` is the value of a VALUE and None otherwise.

    ``at`` is the number of characters before it.
    """

    path: Path
    event: Event
    at: int
    value: Any = None


def members(stream: TextSource) -> Iterator[tuple[str, Any]]:
    """Name and value of each member of the one object in ``stream``; values are objects.

    Raises ValueError when it is something else, TooLarge, UnicodeDecodeError and whatever
    reading the stream raises.
    """
    window = Window(stream, MOST_OF_ONE_MEMBER, MOST_CHARACTERS)
    for name in _names(window):
        if window.next_sign() != "{":
            raise window.fault("expected an object")
        yield name, window.container(keep=True)
    if window.next_sign():
        raise window.fault("something follows the object")


def walk(
    stream: TextSource,
    how: Callable[[Path], How],
    *,
    most: int = 8 * 2**20,
) -> Iterator[Step]:
    """The steps through all JSON values in ``stream``, one after another.

    ``how`` is asked for every object and list. A value of more than ``most`` characters is told
    as TOO_LARGE and not kept. ``how`` may answer INTO down to a fixed depth only.

    Raises Malformed where the text is no JSON, and what reading the stream raises.
    """
    window = Window(stream, most)
    while window.next_sign():
        yield from _steps(window, (), how)


def _steps(window: Window, path: Path, how: Callable[[Path], How]) -> Iterator[Step]:
    sign, at = window.next_sign(), window.position
    if sign not in ("{", "["):
        yield _step(path, at, window.scalar(alone=not path))
        return
    answer = how(path)
    if answer is not How.INTO:
        value = window.container(keep=answer is How.WHOLE)
        if answer is How.WHOLE:
            yield _step(path, at, value)
        return
    yield Step(path, Event.BEGIN, at)
    if sign == "{":
        for name in _names(window):
            yield from _steps(window, (*path, name), how)
    else:
        inner = (*path, "*")
        for _ in _places(window):
            yield from _steps(window, inner, how)
    yield Step(path, Event.END, window.position)


def _step(path: Path, at: int, value: Any) -> Step:
    if value is DROPPED:
        return Step(path, Event.TOO_LARGE, at)
    return Step(path, Event.VALUE, at, value)


def _names(window: Window) -> Iterator[str]:
    """Each name of the object that begins here; the caller takes its value before the next."""
    window.take("{")
    while window.next_sign() == '"':
        name = window.name()
        window.take(":")
        yield name
        if window.next_sign() != ",":
            break
        window.take(",")
        if window.next_sign() != '"':
            raise window.fault("a comma is followed by a name")
    window.take("}")


def _places(window: Window) -> Iterator[None]:
    """Once for each element of the list that begins here; the caller takes it before the next."""
    window.take("[")
    if window.next_sign() != "]":
        while True:
            yield
            if window.next_sign() != ",":
                break
            window.take(",")
    window.take("]")
