"""Is this ledger what was written? Offline, read-only, without the signing key, in flat memory.

Checked in the order of events, so that the first bad one is named:

1. every event: its number follows, its hash fits it, it continues the one before;
2. every payload: it has its hash, or was pruned by an event that says so;
3. every checkpoint: signed by the ledger's key over the head of that time;
4. every line of a witness: the same, and the ledger is not shorter than it says;
5. the lines of runs agree with their events, and the file is sound as a database.

Nothing is remembered between two verifications, so an interrupted one skips nothing later.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from opsbook.ledger.chain import EVENT_PREFIX, HEADER, genesis
from opsbook.ledger.claims import Claims, WitnessLines
from opsbook.ledger.diagnosis import diagnose
from opsbook.ledger.pruned import PrunedRanges
from opsbook.ledger.reading import EVENT_COLUMNS, Reader
from opsbook.ledger.run_index import compare
from opsbook.ledger.signing import PublicKeys
from opsbook.ledger.sqlite import integrity
from opsbook.ledger.verdict import BadEvent, Found, Level, Verdict, What
from opsbook.model.message import Message, msg

__all__ = ["WitnessLines", "verify"]

_NO_EVENT = (AttributeError, TypeError, ValueError, struct.error)
"""What hashing raises over columns that hold something else than we ever write."""


def verify(reader: Reader, keys: PublicKeys, witnesses: Iterable[WitnessLines] = ()) -> Verdict:
    """Verify the whole ledger behind ``reader``. ``keys`` are all that may have signed it."""
    walk = _Walk(reader)
    try:
        with _one_view(reader.connection):
            walk.begin(keys, witnesses)
            walk.events()
            compare(reader)
            _check_structure(reader)
    except Found as found:
        return walk.verdict(found.bad)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        problem = msg("The database cannot be read at event {seq}: {reason}.",
                      seq=walk.seq + 1, reason=str(error))  # fmt: skip
        return walk.verdict(BadEvent(walk.seq + 1, What.DATABASE, problem))
    return walk.verdict(None)


class _Walk:
    """One pass over the chain; ``seq`` and ``head`` are those of the last sound event."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ledger = ""
        self._claims: Claims | None = None
        self._pruned = PrunedRanges()
        self.seq = 0
        self.head = b""

    def begin(self, keys: PublicKeys, witnesses: Iterable[WitnessLines]) -> None:
        """Read what the chain is held against."""
        self._ledger = self._reader.meta("ledger") or ""
        self.head = genesis(self._ledger).hash
        self._pruned = PrunedRanges.read(self._reader)
        self._claims = Claims(self._reader, self._ledger, keys, witnesses)

    def events(self) -> None:
        """Follow the chain to its end. Raises Found at the first bad event."""
        assert self._claims is not None
        next_claim = self._claims.check(0, self.head)
        query = f"SELECT {EVENT_COLUMNS} FROM events ORDER BY seq"  # noqa: S608
        for row in self._reader.connection.execute(query):
            if not self._is_next(row):
                raise diagnose(row, self.seq, self.head)
            self.seq += 1
            self.head = row[9]
            if self.seq == next_claim:
                next_claim = self._claims.check(self.seq, self.head)
        self._claims.check_end(self.seq)

    def _is_next(self, row: tuple[object, ...]) -> bool:
        """Whether ``row`` is the next sound event. The hot path: one call per event."""
        seq, at, kind, estate, run, host, payload, payload_hash, prev, hash_ = row
        try:
            k, e, r, h = kind.encode(), estate.encode(), run.encode(), host.encode()  # type: ignore[attr-defined]
            header = HEADER.pack(seq, at, len(k), len(e), len(r), len(h))
            joined = b"".join((EVENT_PREFIX, header, k, e, r, h, payload_hash, prev))  # type: ignore[arg-type]
            if payload is None:
                intact = self._pruned.covers(seq)  # type: ignore[arg-type]
            else:
                intact = sha256(payload).digest() == payload_hash  # type: ignore[arg-type]
            return (
                intact
                and seq == self.seq + 1
                and prev == self.head
                and sha256(joined).digest() == hash_
            )
        except _NO_EVENT:
            return False

    def verdict(self, bad: BadEvent | None) -> Verdict:
        """What was found, up to here."""
        claims = self._claims
        signed = claims.signed_to if claims else 0
        witnessed = claims.witnessed_to if claims else 0
        level = Level.WITNESSED if 0 < signed <= witnessed else Level.CONSISTENT
        return Verdict(
            level=Level.FAULT if bad else level,
            ledger=self._ledger,
            events=self.seq,
            head=self.head.hex(),
            checkpoints=claims.checkpoints if claims else 0,
            signed_to=signed,
            witnessed_to=witnessed,
            pruned=self._pruned.met,
            bad=bad,
            notes=() if bad else self._notes(),
        )

    def _notes(self) -> tuple[Message, ...]:
        assert self._claims is not None
        notes = list(self._claims.notes)
        if self.seq > self._claims.signed_to:
            notes.append(
                msg("Events {first} to {last} are not signed by a checkpoint yet.",
                    first=self._claims.signed_to + 1, last=self.seq)
            )  # fmt: skip
        if 0 < self._claims.witnessed_to < self._claims.signed_to:
            notes.append(
                msg("Witnesses confirm the ledger up to event {seq} only.",
                    seq=self._claims.witnessed_to)
            )  # fmt: skip
        return tuple(notes)


def _check_structure(reader: Reader) -> None:
    problem = integrity(reader.connection)
    if problem is not None:
        raise Found(
            None,
            What.DATABASE,
            msg("All events are sound, but the database file is damaged: {reason}.",
                reason=problem),
        )  # fmt: skip


@contextmanager
def _one_view(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is read as of one moment, whoever writes meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()
