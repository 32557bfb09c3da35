r"""The hash chain: how an event becomes bytes and its hash. Pure; the format is in docs/ledger.md.

    event hash = SHA-256( "opsbook-event-v1\0"
                          seq u64 | at i64 (microseconds since 1970, UTC)
                          four u16: lengths of kind, estate, run, host
                          kind | estate | run | host      (UTF-8)
                          SHA-256 of the payload (32)     (RFC 8785 canonical JSON)
                          hash of the event before (32) ) all integers big-endian

The event before the first is the ledger's *genesis*, which binds the chain to the ledger's id.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from opsbook.model.canonical import canonical, parse
from opsbook.model.event import Event, NewEvent

EVENT_PREFIX = b"opsbook-event-v1\0"
GENESIS_PREFIX = b"opsbook-ledger-v1\0"
HEADER = struct.Struct(">QqHHHH")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the last event's number, time (microseconds) and hash."""

    seq: int
    at: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and the bytes of its payload."""

    event: Event
    data: bytes


def genesis(ledger_id: str) -> Head:
    """The head of an empty ledger."""
    return Head(0, -(2**63), sha256(GENESIS_PREFIX + ledger_id.encode()).digest())


def event_hash(
    seq: int, at: int, names: tuple[bytes, bytes, bytes, bytes], payload_hash: bytes, prev: bytes
) -> bytes:
    """Hash of one event; ``names`` are kind, estate, run and host in UTF-8.

    Raises struct.error when a number or length does not fit (no event of ours).
    """
    kind, estate, run, host = names
    header = HEADER.pack(seq, at, len(kind), len(estate), len(run), len(host))
    joined = (EVENT_PREFIX, header, kind, estate, run, host, payload_hash, prev)
    return sha256(b"".join(joined)).digest()


def extend(head: Head, at: int, news: Sequence[NewEvent]) -> list[Entry]:
    """Link ``news`` behind ``head``, all at the moment ``at`` (microseconds)."""
    entries: list[Entry] = []
    for new in news:
        entry = _link(head, at, new)
        entries.append(entry)
        head = Head(entry.event.seq, at, entry.event.hash)
    return entries


def _link(head: Head, at: int, new: NewEvent) -> Entry:
    data = payload_bytes(new.payload)
    payload_hash = sha256(data).digest()
    names = (new.kind.encode(), new.estate.encode(), new.run.encode(), new.host.encode())
    seq = head.seq + 1
    return Entry(
        Event(
            seq=seq,
            at=moment(at),
            kind=new.kind,
            estate=new.estate,
            run=new.run,
            host=new.host,
            payload=parse(data),
            payload_hash=payload_hash,
            prev=head.hash,
            hash=event_hash(seq, at, names, payload_hash, head.hash),
        ),
        data,
    )


def micros(time: datetime) -> int:
    """Microseconds since 1970 of an aware ``time``."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The aware time in UTC of ``at`` microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at)


def payload_bytes(payload: Mapping[str, Any]) -> bytes:
    """Canonical JSON of ``payload``.

    What JSON cannot carry exactly (lone surrogates of undecodable file names, numbers beyond
    2**53, infinities) is kept as visible text: a hostile name must not stop a fact from being
    recorded. Raises TypeError for objects that are no data.
    """
    return canonical(_carried(payload))


def _carried(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_carried(str(key)): _carried(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_carried(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return value if -_EXACT < value < _EXACT else str(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a payload")
