"""What is kept, as a listing: one row per host, day and source."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from opsbook.domains.logs.keep import stored
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.retain import holds
from opsbook.domains.logs.retain.due import kept_files
from opsbook.domains.logs.retain.retention import Kept


def kept_days(store: DiskLogStore, host: str | None = None) -> Iterator[dict[str, Any]]:
    """Rows by host, day and source; ``tier`` is hot, archive, hot+archive or deleted."""
    with store.catalogue.reading() as db:
        kept = kept_files(db, host, deleted=True)
        in_force = holds.in_force(db)
        sizes = stored.sizes(db)
    for key, group in groupby(kept, lambda k: (k.file.host, k.file.day, k.file.source)):
        of_source = list(group)
        raw_bytes, lines = sizes[key]
        yield {
            "host": key[0],
            "day": key[1],
            "source": key[2],
            "lines": lines,
            "raw_bytes": raw_bytes,
            "stored_bytes": sum(each.file.length for each in of_source),
            "tier": _tier(of_source),
            "cases": sorted({h.matter for h in in_force for k in of_source if h.covers(k)}),
        }


def _tier(kept: list[Kept]) -> str:
    states = {"hot": [k.file.hot for k in kept], "archive": [k.file.archive for k in kept]}
    tiers = [tier for tier, found in states.items() if "here" in found]
    return "+".join(tiers) or "deleted"
