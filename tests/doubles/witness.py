"""A witness in memory."""

from __future__ import annotations

from collections.abc import Iterator

from opsbook.ledger.port import Checkpoint


class MemoryWitness:
    """Port :class:`opsbook.ledger.witness.WitnessPlace`; ``broken`` makes it fail."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.broken = ""

    def keep(self, line: str, checkpoint: Checkpoint) -> None:
        if self.broken:
            raise OSError(self.broken)
        self.kept.append(line)

    def lines(self) -> Iterator[str]:
        if self.broken:
            raise OSError(self.broken)
        yield from list(self.kept)
