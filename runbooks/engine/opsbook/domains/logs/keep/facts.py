"""What a night says about itself: totals per source, losses, completeness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opsbook.domains.logs.keep.parts import StoredPiece
from opsbook.domains.logs.keep.seal import Sealed
from opsbook.domains.logs.model import Completeness, SourceTotals
from opsbook.model.clock import stamp

Judged = tuple[StoredPiece, Sealed]
"""A kept piece and what was found in it."""


def by_source(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Kept pieces by the name of their source."""
    found: dict[str, list[Judged]] = defaultdict(list)
    for piece, sealed in judged:
        found[piece.source.name].append((piece, sealed))
    return found


def totals(judged: Sequence[Judged]) -> tuple[SourceTotals, ...]:
    """What each source brought."""
    found = []
    for source, pieces in by_source(judged).items():
        sealed = [each for _, each in pieces]
        found.append(
            SourceTotals(
                source=source,
                raw_bytes=sum(each.raw_length for each in sealed),
                stored_bytes=sum(each.stored_length for each in sealed),
                lines=sum(each.lines for each in sealed),
                first_line_at=min(
                    (each.first_line_at for each in sealed if each.first_line_at), default=None
                ),
                last_line_at=max(
                    (each.last_line_at for each in sealed if each.last_line_at), default=None
                ),
                pieces=len(sealed),
            )
        )
    return tuple(found)


def stamp_or_none(moment: datetime | None) -> str | None:
    """``moment`` as kept in events."""
    return stamp(moment) if moment else None


def completeness_json(found: Completeness) -> dict[str, Any]:
    """Completeness as kept in a manifest."""
    return {
        "source": found.source,
        "since": stamp(found.since),
        "until": stamp(found.until),
        "expected": found.expected,
        "have": found.have,
        "gaps": [list(gap) for gap in found.gaps],
    }
