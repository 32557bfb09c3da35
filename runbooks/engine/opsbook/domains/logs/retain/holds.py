"""Legal holds: what must not be deleted while a case is open.

Several cases may hold one file; it is free again when all that cover it are released. Adding
takes effect before it is recorded in the ledger, releasing only after: a crash between the two
never frees anything.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from typing import Any

from opsbook.domains.logs.keep import holding
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.retain.retention import Hold
from opsbook.ledger.port import Ledger
from opsbook.model.clock import stamp
from opsbook.model.errors import UsageFault
from opsbook.model.event import NewEvent
from opsbook.model.message import msg


@dataclass(frozen=True, slots=True)
class HoldEntry:
    """A hold with who put it there and why; ``released_at`` is empty while it is in force."""

    hold: Hold
    reason: str
    added_by: str
    added_at: str
    released_by: str
    released_at: str
    release_reason: str

    def to_json(self) -> dict[str, Any]:
        """As listed and as kept in the ledger."""
        return {
            "number": self.hold.number,
            "case": self.hold.matter,
            "host": self.hold.host,
            "source": self.hold.source,
            "from": self.hold.from_day.isoformat() if self.hold.from_day else None,
            "to": self.hold.to_day.isoformat() if self.hold.to_day else None,
            "reason": self.reason,
            "added_by": self.added_by,
            "added_at": self.added_at,
            "released_by": self.released_by,
            "released_at": self.released_at,
            "release_reason": self.release_reason,
        }


def entries(store: DiskLogStore) -> list[HoldEntry]:
    """Every hold there ever was, the oldest first."""
    with store.catalogue.reading() as db:
        return [_entry(row) for row in holding.hold_rows(db)]


def in_force(db: sqlite3.Connection) -> list[Hold]:
    """The holds that are not released."""
    return [_entry(row).hold for row in holding.hold_rows(db, in_force=True)]


def add(store: DiskLogStore, ledger: Ledger, wanted: Hold, reason: str, by: str) -> HoldEntry:
    """Put a hold in force and record it (``logs.hold_added``). Raises UsageFault."""
    if not wanted.matter.strip() or not reason.strip():
        raise UsageFault(msg("A hold needs a case and a reason."))
    if wanted.from_day and wanted.to_day and wanted.from_day > wanted.to_day:
        raise UsageFault(
            msg("The hold ends on {to}, before it begins on {start}.",
                to=wanted.to_day, start=wanted.from_day)
        )  # fmt: skip
    with store.catalogue.writing() as db:
        entry = _entry(holding.add_hold(db, {
            "matter": wanted.matter, "host": wanted.host, "source": wanted.source,
            "from_day": _text(wanted.from_day), "to_day": _text(wanted.to_day),
            "reason": reason, "added_by": by, "added_at": stamp(store.clock.now()),
        }))  # fmt: skip
    ledger.append(
        [NewEvent("logs.hold_added", store.estate.name, host=wanted.host or "",
                  payload=entry.to_json())]
    )  # fmt: skip
    return entry


def release(
    store: DiskLogStore, ledger: Ledger, matter: str, reason: str, by: str
) -> list[HoldEntry]:
    """Record the release of every hold of a case (``logs.hold_released``), then release them.

    Raises UsageFault when the case holds nothing.
    """
    if not reason.strip():
        raise UsageFault(msg("Releasing a hold needs a reason."))
    held = [e for e in entries(store) if e.hold.matter == matter and not e.released_at]
    if not held:
        raise UsageFault(
            msg("No hold of the case {case} is in force.", case=matter),
            next_step=msg("opsbook logs hold list shows the holds."),
        )
    now = stamp(store.clock.now())
    payload = {"case": matter, "holds": [e.hold.number for e in held],
               "reason": reason, "released_by": by, "released_at": now}  # fmt: skip
    ledger.append([NewEvent("logs.hold_released", store.estate.name, payload=payload)])
    with store.catalogue.writing() as db:
        holding.release_holds(db, [entry.hold.number for entry in held], by, now, reason)
    return held


def _entry(row: sqlite3.Row) -> HoldEntry:
    hold = Hold(
        row["id"], row["matter"], row["host"], row["source"],
        _date(row["from_day"]), _date(row["to_day"]),
    )  # fmt: skip
    return HoldEntry(
        hold, row["reason"], row["added_by"], row["added_at"],
        row["released_by"] or "", row["released_at"] or "", row["release_reason"] or "",
    )  # fmt: skip


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
