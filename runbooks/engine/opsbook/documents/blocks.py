"""A page as a sequence of plain blocks, laid out by one renderer per form.

Values are text as it came from outside; every form escapes them where it puts them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Heading:
    """A title above several blocks, such as that of a form of the contract."""

    title: str
    kind: str = "heading"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values; ``code`` when the values are digests or commands."""

    title: str
    rows: Sequence[tuple[str, str]]
    code: bool = False
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; ``figures`` are the columns set to the right, ``note`` stands below it.

    ``bad``: rows whose second column tells of a failure.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: frozenset[int] = frozenset()
    note: str = ""
    bad: frozenset[int] = frozenset()
    kind: str = "grid"


@dataclass(frozen=True, slots=True)
class Points:
    """A list of (where, what), where may be empty; ``empty`` is said when there is nothing.

    ``strong``: not to be overlooked; ``numbered``: one after the other.
    """

    title: str
    entries: Sequence[tuple[str, str]]
    empty: str = ""
    strong: bool = False
    numbered: bool = False
    kind: str = "points"


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    title: str
    text: str
    kind: str = "prose"


@dataclass(frozen=True, slots=True)
class Block:
    """Text as it is, line by line: a signature, a tree of values; ``folded`` where it can be."""

    title: str
    text: str
    folded: bool = False
    kind: str = "block"


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type, and what it does."""

    title: str
    rows: Sequence[tuple[str, str]]
    kind: str = "commands"


@dataclass(frozen=True, slots=True)
class Signing:
    """Room for signatures and dates."""

    title: str
    signers: Sequence[str]
    date: str
    kind: str = "signing"


Part = Heading | Facts | Grid | Points | Prose | Block | Commands | Signing


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page: ``result`` is its one sentence; ``good`` when nothing needs attention."""

    language: str
    title: str
    number: str
    estate: str
    result: str
    good: bool
    facts: Sequence[tuple[str, str]]
    counts: Sequence[tuple[str, int]] = ()
    parts: Sequence[Part] = field(default_factory=list)
    footer: str = ""
