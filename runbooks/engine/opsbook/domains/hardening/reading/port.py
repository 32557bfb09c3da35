"""What a format is: it knows its own files when it sees their beginning, and reads them.

A reader is given a stream of bytes that is already uncompressed, and yields what the file tells,
piece by piece. It never raises for what is in a file: what it cannot read is an
:class:`~opsbook.model.finding.Unreadable`. It holds no more than one host's or one row's worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from opsbook.model.finding import Told

HEAD_BYTES = 65_536
"""How much of a file is looked at to recognise it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: its name, up to :data:`HEAD_BYTES` of it, uncompressed.

    ``root`` is the local name of the root element where it begins like XML, else "".
    """

    name: str
    data: bytes
    root: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, uncompressed. ``name`` is what people are told; ``options`` what they said
    of the file: ``host`` (name of the host it is about, where a format does not say), ``mapping``
    (columns of a table). ``beside`` are the names of the files of the archive it is out of.
    """

    name: str
    stream: BinaryIO
    options: Mapping[str, object] = field(default_factory=dict)
    beside: frozenset[str] = frozenset()


class Format(Protocol):
    """Port: one kind of scanner's file."""

    @property
    def name(self) -> str:
        """Lower case with underscores; what ``--format`` takes and ``Scan.format`` says."""
        ...

    def recognises(self, head: Head) -> int:
        """How sure it is that the file is its own: 0 not at all, 100 there is no doubt."""
        ...

    def read(self, source: Source) -> Iterable[Told]:
        """All that ``source`` tells, in the order of the file."""
        ...
