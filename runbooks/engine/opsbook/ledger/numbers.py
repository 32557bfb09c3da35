"""Which numbers of runs and changes were given out, and which are kept free after a restore.

A number stands on signed papers, so it is never given out twice: not even when the state was put
back to a time before it was. ``FREE`` is the row of ``meta`` that says behind which numbers to go
on: canonical JSON of ``{"RUN-20261121-": 7}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from opsbook.ledger.reading import Reader
from opsbook.ledger.runs import OPENING
from opsbook.ledger.writing import PLANNED
from opsbook.model.canonical import parse

FREE = "numbers_kept_free"
GUESSED = 500
"""So many numbers a day are left out where nobody knows which were given out."""

_MOST_DAYS = 400
_NUMBER = re.compile(r"((?:RUN|CHG)-\d{8}-)(\d{3,9})")


def given_out(reader: Reader) -> dict[str, int]:
    """The highest number of every day, by what stands before it, also those kept free."""
    kinds = (*OPENING, PLANNED)
    places = ", ".join("?" * len(kinds))
    query = f"SELECT DISTINCT run FROM events WHERE kind IN ({places})"  # noqa: S608
    found = kept_free(reader.meta(FREE))
    for (run,) in reader.connection.execute(query, kinds):
        number = _NUMBER.fullmatch(run)
        if number:
            found[number[1]] = max(int(number[2]), found.get(number[1], 0))
    return found


def kept_free(value: str | None) -> dict[str, int]:
    """What the row of ``meta`` says."""
    return dict(parse(value.encode())) if value else {}


def behind(given: Mapping[str, int], later: Mapping[str, int]) -> dict[str, int]:
    """What of ``later`` goes beyond ``given``."""
    return {prefix: number for prefix, number in later.items() if number > given.get(prefix, 0)}


def guessed(given: Mapping[str, int], first: date, last: date) -> dict[str, int]:
    """Behind which numbers nobody can have been, for the days from ``first`` to ``last``."""
    days = min((last - first).days, _MOST_DAYS)
    prefixes = [
        f"{kind}-{last - timedelta(days=back):%Y%m%d}-"
        for back in range(days + 1)
        for kind in ("RUN", "CHG")
    ]
    return {prefix: given.get(prefix, 0) + GUESSED for prefix in prefixes}
