"""What checkpoints and witnesses claim about the chain, held against it event by event."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opsbook.ledger.port import Checkpoint
from opsbook.ledger.reading import Reader
from opsbook.ledger.signing import PublicKeys, is_genuine
from opsbook.ledger.verdict import Found, What
from opsbook.model.clock import unstamp
from opsbook.model.message import Message, msg


@dataclass(frozen=True, slots=True)
class WitnessLines:
    """What one witness keeps: its name for messages, and the checkpoints read from it."""

    name: str
    checkpoints: tuple[Checkpoint, ...]


@dataclass(frozen=True, slots=True)
class _Claim:
    """``witness`` is empty for the ledger's own checkpoint, which is looked at first."""

    seq: int
    witness: str
    checkpoint: Checkpoint


class Claims:
    """All claims in the order of events. Those about other ledgers are left out and noted."""

    def __init__(
        self, reader: Reader, ledger: str, keys: PublicKeys, witnesses: Iterable[WitnessLines]
    ) -> None:
        self.checkpoints = 0
        self.signed_to = 0
        self.witnessed_to = 0
        self.notes: list[Message] = []
        self._keys = keys
        told = list(self._told(ledger, witnesses))
        told.sort(key=_order)
        self._claims = heapq.merge(_own(reader, ledger), told, key=_order)
        self._next = next(self._claims, None)

    def check(self, seq: int, head: bytes) -> int | None:
        """Check all claims about ``seq``, where the head was ``head``; gives the next number
        to be asked about. Raises Found.
        """
        while self._next is not None and self._next.seq <= seq:
            self._check_one(self._next, head)
            self._next = next(self._claims, None)
        return None if self._next is None else self._next.seq

    def check_end(self, last: int) -> None:
        """The chain ends at ``last``: nobody may know more. Raises Found."""
        if self._next is None:
            return
        claim = self._next
        self._check_signature(claim)
        problem = msg(
            "The ledger ends at event {last}, but {source} signs event {seq}: its end was cut off.",
            last=last, seq=claim.seq, source=_source(claim),
        )  # fmt: skip
        raise Found(last + 1, What.CUT, problem)

    def _check_one(self, claim: _Claim, head: bytes) -> None:
        self._check_signature(claim)
        if claim.checkpoint.head != head:
            if claim.witness:
                problem = msg(
                    "The history was rewritten at or before event {seq} (and after event {sound}):"
                    " {source} holds another one.",
                    seq=claim.seq, sound=self.witnessed_to, source=_source(claim),
                )  # fmt: skip
                raise Found(claim.seq, What.REWRITTEN, problem)
            problem = msg("Event {seq} is not the one that its checkpoint signs.", seq=claim.seq)
            raise Found(claim.seq, What.CHECKPOINT_DISAGREES, problem)
        if claim.witness:
            self.witnessed_to = claim.seq
        else:
            self.checkpoints += 1
            self.signed_to = claim.seq

    def _check_signature(self, claim: _Claim) -> None:
        if is_genuine(claim.checkpoint, self._keys):
            return
        problem = msg(
            "{source} for event {seq} is not signed by this ledger's key.",
            source=_source(claim), seq=claim.seq,
        )  # fmt: skip
        raise Found(
            claim.seq, What.WITNESS_UNSIGNED if claim.witness else What.CHECKPOINT_UNSIGNED, problem
        )

    def _told(self, ledger: str, witnesses: Iterable[WitnessLines]) -> Iterator[_Claim]:
        for witness in witnesses:
            strange = 0
            for checkpoint in witness.checkpoints:
                if checkpoint.ledger == ledger:
                    yield _Claim(checkpoint.seq, witness.name, checkpoint)
                else:
                    strange += 1
            if strange:
                note = msg(
                    "{witness} also holds checkpoints of other ledgers: {number}.",
                    witness=witness.name, number=strange,
                )  # fmt: skip
                self.notes.append(note)


def _own(reader: Reader, ledger: str) -> Iterator[_Claim]:
    query = "SELECT seq, head, at, key_id, signature FROM checkpoints ORDER BY seq"
    for seq, head, at, key_id, signature in reader.connection.execute(query):
        try:
            made = Checkpoint(seq, head, unstamp(at), str(key_id), bytes(signature), ledger)
            claim = _Claim(seq, "", made)
            if type(head) is not bytes or type(seq) is not int:
                raise TypeError
        except (TypeError, ValueError) as error:
            problem = msg("The checkpoint for event {seq} was altered.", seq=seq)
            raise Found(seq, What.CHECKPOINT_UNSIGNED, problem) from error
        yield claim


def _order(claim: _Claim) -> tuple[int, str]:
    return claim.seq, claim.witness


def _source(claim: _Claim) -> str:
    return f"witness {claim.witness}" if claim.witness else "checkpoint"
