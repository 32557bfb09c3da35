"""What opsbook's own state consists of, for ``opsbook state show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opsbook.ledger.listing import open_reader
from opsbook.ledger.signing import PUBLIC_NAME, public_keys
from opsbook.model.clock import stamp
from opsbook.model.places import Places


def overview(places: Places) -> dict[str, Any]:
    """Places, sizes in bytes, the ledger's head and checkpoint. Raises like ``open_reader``."""
    with open_reader(places.ledger) as reader:
        last, checkpoint = reader.last_event(), reader.last_checkpoint()
        about = {
            "state": str(places.root),
            "ledger": reader.meta("ledger"),
            "schema": reader.schema,
            "created": reader.meta("created"),
            "events": last.seq if last else 0,
            "last_event": stamp(last.at) if last else None,
            "head": last.hash.hex() if last else None,
            "runs": reader.count_runs(),
            "last_checkpoint": checkpoint.seq if checkpoint else None,
        }
    public = places.keys / PUBLIC_NAME
    keys = sorted(public_keys(public)) if public.exists() else []
    return about | {
        "keys": keys,
        "ledger_bytes": _size(places.ledger),
        "logs_bytes": _size(places.root / "logs"),
        "archive_bytes": _size(places.root / "archive"),
    }


def _size(path: Path) -> int:
    """Bytes of a file or of everything below a directory; 0 when it is not there."""
    if path.is_file():
        return path.stat().st_size
    return sum(each.lstat().st_size for each in path.rglob("*") if each.is_file())
