"""What a verification may find."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from opsbook.model.message import Message


class Level(StrEnum):
    """How much was proven."""

    WITNESSED = "verified and witnessed"
    CONSISTENT = "consistent, not witnessed"
    FAULT = "fault"


class What(StrEnum):
    """What is wrong with the first bad event."""

    MISSING = "missing"
    MOVED = "moved"
    ALTERED = "altered"
    BROKEN_LINK = "broken_link"
    PAYLOAD_ALTERED = "payload_altered"
    PAYLOAD_MISSING = "payload_missing"
    CHECKPOINT_UNSIGNED = "checkpoint_unsigned"
    CHECKPOINT_DISAGREES = "checkpoint_disagrees"
    WITNESS_UNSIGNED = "witness_unsigned"
    REWRITTEN = "rewritten"
    CUT = "cut"
    RUNS_DISAGREE = "runs_disagree"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class BadEvent:
    """The first bad event: ``seq`` is None when it is the file's structure that is wrong."""

    seq: int | None
    what: What
    problem: Message


class Found(Exception):
    """Ends a verification: the first bad event was found."""

    def __init__(self, seq: int | None, what: What, problem: Message) -> None:
        super().__init__(problem.english())
        self.bad = BadEvent(seq, what, problem)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. ``events`` counts those that are sound, up to the first bad one;
    ``signed_to`` is the newest event a checkpoint signs, ``witnessed_to`` the newest a witness
    confirms (0: none); ``pruned`` counts payloads that were pruned.
    """

    level: Level
    ledger: str
    events: int
    head: str
    checkpoints: int
    signed_to: int
    witnessed_to: int
    pruned: int
    bad: BadEvent | None
    notes: tuple[Message, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For ``--json``; messages as they are kept."""
        bad = None
        if self.bad is not None:
            bad = asdict(self.bad) | {"problem": self.bad.problem.to_json()}
        return asdict(self) | {"bad": bad, "notes": [note.to_json() for note in self.notes]}
