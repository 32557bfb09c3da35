"""Before a head is signed: is what was written since the last checkpoint sound?"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Protocol

from opsbook.ledger.chain import Head, event_hash, genesis
from opsbook.ledger.port import Checkpoint
from opsbook.ledger.signing import PublicKeys, is_genuine
from opsbook.model.errors import IntegrityFault
from opsbook.model.message import Message, msg


class Rows(Protocol):
    """What is looked at."""

    @property
    def ledger(self) -> str:
        """The ledger's id."""
        ...

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint."""
        ...

    def event_hash(self, seq: int) -> bytes | None:
        """The hash that event ``seq`` carries."""
        ...

    def events_after(self, seq: int) -> Iterable[tuple[Any, ...]]:
        """Rows of events behind ``seq``: seq, at, kind, estate, run, host, payload,
        payload_hash, prev, hash.
        """
        ...


NOT_SIGNED = msg("No checkpoint was signed.")


def sound_head(rows: Rows, keys: PublicKeys, untouched: Message = NOT_SIGNED) -> Head:
    """The head, when every event since the last checkpoint follows from it.

    Raises IntegrityFault naming the first event that does not, with ``untouched``; signing over
    it would give a broken tail our word.
    """
    try:
        head = _last_signed(rows, keys)
        for row in rows.events_after(head.seq):
            head = _follow(head, row)
    except IntegrityFault as fault:
        fault.untouched = untouched
        raise
    return head


def _last_signed(rows: Rows, keys: PublicKeys) -> Head:
    last = rows.last_checkpoint()
    if last is None or last.seq == 0:
        return genesis(rows.ledger)
    if not is_genuine(last, keys) or rows.event_hash(last.seq) != last.head:
        raise _fault(msg("Event {seq} is not what the last checkpoint signed.", seq=last.seq))
    return Head(last.seq, 0, last.head)


def _follow(head: Head, row: tuple[Any, ...]) -> Head:
    seq, at, kind, estate, run, host, payload, payload_hash, prev, hash_ = row
    names = (kind.encode(), estate.encode(), run.encode(), host.encode())
    sound = (
        seq == head.seq + 1
        and prev == head.hash
        and event_hash(seq, at, names, payload_hash, prev) == hash_
        and (payload is None or sha256(payload).digest() == payload_hash)
    )
    if not sound:
        raise _fault(msg("Event {seq} does not follow from the one before.", seq=seq))
    return Head(seq, at, hash_)


def _fault(problem: Message) -> IntegrityFault:
    return IntegrityFault(
        problem, next_step=msg("opsbook records verify names the first bad event.")
    )
