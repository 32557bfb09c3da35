"""The port between collecting (what to fetch) and keeping (how it is stored).

A *night* is one host's collection in one run. Nothing of a night counts until ``commit``; a
crash before that leaves the store as it was, apart from ``*.part`` files that the next night
removes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsbook.domains.logs.model import Loss, NightResult, Source, Stream, Window


class Piece(Protocol):
    """A span ``[start, ...)`` of one stream being received as whole zstd frames."""

    def write(self, data: bytes) -> None:
        """Append bytes of a frame, verbatim. Raises HostRefused when the store is full."""
        ...

    def end_frame(self, raw_length: int) -> None:
        """The bytes written since the last call are one frame that unpacks to ``raw_length``."""
        ...

    def keep(self, proofs: Sequence[Window] = ()) -> None:
        """The piece is complete. Sealing drops it when a window of ``proofs`` does not match
        what was received (the file changed while it was read); windows that lie outside the
        piece are ignored.
        """
        ...

    def discard(self) -> None:
        """Forget the piece: truncates what it wrote."""
        ...


class Night(Protocol):
    """One host's collection in one run."""

    def streams(self) -> list[Stream]:
        """What is already kept of this host."""
        ...

    def new_stream(self, source: str) -> Stream:
        """A stream with the next free number; nothing is stored before it has a piece."""
        ...

    def piece(self, source: Source, stream: Stream, start: int) -> Piece:
        """Begin receiving bytes of ``stream`` from raw offset ``start``."""
        ...

    def commit(self, streams: Sequence[Stream], losses: Sequence[Loss]) -> NightResult:
        """Seal every kept piece (unpack, check, hash, count, find times), write the manifest
        and the catalogue durably. ``streams`` carry the new file identity and cursor; offset,
        head, tail and last_line_at are computed here from what was really received. A stream
        whose piece was dropped keeps its former state; its number is in ``dropped``.
        """
        ...

    def abandon(self) -> None:
        """Leave the store as it was before the night."""
        ...


class LogStore(Protocol):
    """The collected logs of one estate."""

    def night(self, host: str, run: str, sources: Sequence[Source]) -> Night:
        """Begin (or begin again) the night of ``host`` in ``run``. Raises Busy when another
        process is at it; removes what an earlier crash left behind.
        """
        ...

    def committed(self, host: str, run: str) -> NightResult | None:
        """The result of a night that was committed in ``run``, for resuming after a crash."""
        ...
