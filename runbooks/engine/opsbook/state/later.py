"""What was given out after a backup was made and must not be given out again after its restore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from opsbook.ledger import sqlite
from opsbook.ledger.listing import open_reader
from opsbook.ledger.numbers import FREE, behind, given_out, guessed, kept_free
from opsbook.model.canonical import canonical
from opsbook.model.errors import OpsbookError
from opsbook.model.places import Places

_A_DAY = timedelta(days=1)
"""Numbers go by the day of their estate, which may be a day off that of UTC."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Numbers kept free: the highest by what stands before it; ``guessed`` when nobody knows."""

    numbers: Mapping[str, int]
    guessed: bool

    def told(self) -> tuple[str, ...]:
        """As they stand on papers, the newest day last; of guessed ones only that day."""
        names = sorted(f"{prefix}{number:03d}" for prefix, number in self.numbers.items())
        days = sorted({name.split("-")[1] for name in names})
        return tuple(name for name in names if not self.guessed or days[-2] in name)


def keep_numbers_free(here: Places, stage: Places, now: datetime) -> Kept:
    """Write into the ledger to be restored from ``stage`` behind which numbers it goes on.

    The ledger that is replaced knows what was given out after the backup. Where it is not there,
    is another one or cannot be read, many are left out on the days since the last event.
    """
    with open_reader(stage.ledger) as reader:
        ledger, given, last = reader.meta("ledger"), given_out(reader), reader.last_event()
        before = kept_free(reader.meta(FREE))
    later = _later(here, ledger)
    if later is not None:
        kept = Kept(behind(given, later), guessed=False)
    else:
        today = now.astimezone(UTC).date()
        first = last.at.astimezone(UTC).date() if last else today
        kept = Kept(guessed(given, first - _A_DAY, max(first, today) + _A_DAY), guessed=True)
    with sqlite.explained(stage.ledger):
        value = canonical({**before, **kept.numbers}).decode()
        sqlite.keep_meta(stage.ledger, FREE, value)
    return kept


def _later(here: Places, ledger: str | None) -> dict[str, int] | None:
    """What the same ledger gave out by now; None when it is not here or cannot be read."""
    if not here.ledger.exists():
        return None
    try:
        with open_reader(here.ledger) as reader, sqlite.explained(here.ledger):
            return given_out(reader) if reader.meta("ledger") == ledger else None
    except OpsbookError:
        return None
