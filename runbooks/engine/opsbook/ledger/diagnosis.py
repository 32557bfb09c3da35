"""What exactly is wrong with an event that does not continue the chain (the slow path)."""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Any

from opsbook.ledger.chain import event_hash
from opsbook.ledger.verdict import Found, What
from opsbook.model.message import msg

_NEAR = 10_000
"""How far around its place the true number of a moved event is looked for."""


def diagnose(row: tuple[Any, ...], last: int, head: bytes) -> Found:
    """Why ``row`` does not continue the sound event ``last`` with the hash ``head``."""
    seq, expected = row[0], last + 1
    if seq != expected:
        return Found(expected, What.MISSING, msg("Event {seq} is missing.", seq=expected))
    payload, payload_hash, prev, stored = row[6:10]
    if _hash(row, seq) != stored:
        return _altered_or_moved(row, expected)
    if prev != head:
        problem = msg(
            "Event {seq} does not continue event {last}: one of them was exchanged.",
            seq=seq, last=last,
        )  # fmt: skip
        return Found(expected, What.BROKEN_LINK, problem)
    if payload is None:
        problem = msg("The payload of event {seq} is gone and was never pruned.", seq=seq)
        return Found(expected, What.PAYLOAD_MISSING, problem)
    assert not isinstance(payload, bytes) or sha256(payload).digest() != payload_hash
    problem = msg("The payload of event {seq} was altered.", seq=seq)
    return Found(expected, What.PAYLOAD_ALTERED, problem)


def _altered_or_moved(row: tuple[Any, ...], seq: int) -> Found:
    stored = row[9]
    for distance in range(1, _NEAR):
        for other in (seq + distance, seq - distance):
            if other > 0 and _hash(row, other) == stored:
                problem = msg(
                    "In the place of event {seq} stands event {other}: events were swapped,"
                    " removed or put in.",
                    seq=seq, other=other,
                )  # fmt: skip
                return Found(seq, What.MOVED, problem)
    return Found(seq, What.ALTERED, msg("Event {seq} was altered.", seq=seq))


def _hash(row: tuple[Any, ...], seq: int) -> bytes | None:
    """The hash of ``row`` if it were event ``seq``; None when its columns are not an event's."""
    _, at, kind, estate, run, host, _, payload_hash, prev, _ = row
    try:
        names = (kind.encode(), estate.encode(), run.encode(), host.encode())
        return event_hash(seq, at, names, payload_hash, prev)
    except (AttributeError, TypeError, ValueError, struct.error):
        return None
