"""Events: the appended facts of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsbook.model.message import Message


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write about one host: the lease's resource and its fencing token."""

    resource: str
    token: int


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to be appended. ``run``, ``host`` are empty where the fact belongs to none.

    ``run`` is the number of a run or of a change. ``once``: refused when the ledger already has
    a fact of this kind under this number.
    """

    kind: str
    estate: str = ""
    run: str = ""
    host: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    fence: Fence | None = None
    once: bool = False


def deviation(estate: str, run: str, message: Message) -> NewEvent:
    """The fact that ``run`` was not as it should have been."""
    return NewEvent("run.deviation", estate, run, payload={"message": message.to_json()})


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in the chain. ``payload`` is None when it was pruned after its retention."""

    seq: int
    at: datetime
    kind: str
    estate: str
    run: str
    host: str
    payload: Mapping[str, Any] | None
    payload_hash: bytes
    prev: bytes
    hash: bytes
