"""The statement that an approver signs: a closed, canonical JSON object in a file of its own.

Schema ``opsbook.approval/1``, every field always there, in the one byte form of RFC 8785::

    schema         "opsbook.approval/1"
    estate         name of the estate
    change         "CHG-20261121-001"
    subject        "sha256:...": digest of the plan
    decision       approve | reject | review
    principal      who says it, as in allowed_signers
    role           the group in whose name it is said
    reason         free text, may be empty
    claimed_at     RFC 3339 in UTC: when it was made, as its maker says
    expires        RFC 3339 in UTC: it says nothing from then on
    policy_digest  "sha256:...": the approver policy it was made under

The signature covers exactly these bytes, so anything that reads back otherwise is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from opsbook.model import names
from opsbook.model.canonical import canonical, parse
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import InputFault
from opsbook.model.message import Message, msg

SCHEMA = "opsbook.approval/1"

PRINCIPAL = r"^[A-Za-z0-9][A-Za-z0-9._+-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?$"
"""A principal as we allow it: no pattern, no blank, and no option of any command."""

MOST_BYTES = 16 * 1024
MOST_REASON = 2000
MOST_NAME = 128

_DIGEST = r"^sha256:[0-9a-f]{64}$"
_CHANGE = r"^CHG-\d{8}-\d{3,6}$"


class Decision(StrEnum):
    """What a statement says about its subject."""

    APPROVE = "approve"
    REJECT = "reject"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Statement:
    """One signed word. Times are RFC 3339 texts, as they stand in the signed bytes."""

    estate: str
    change: str
    subject: str
    decision: Decision
    principal: str
    role: str
    reason: str
    claimed_at: str
    expires: str
    policy_digest: str

    @property
    def claimed(self) -> datetime:
        """When its maker says it was made."""
        return unstamp(self.claimed_at)

    @property
    def ends(self) -> datetime:
        """From when on it says nothing."""
        return unstamp(self.expires)

    def to_bytes(self) -> bytes:
        """The bytes that are signed. Raises InputFault when a field is not as it must be."""
        data = {"schema": SCHEMA, **asdict(self), "decision": str(self.decision)}
        _check(data)
        return canonical(data)

    @classmethod
    def from_bytes(cls, data: bytes) -> Statement:
        """Read what :meth:`to_bytes` wrote, and nothing else. Raises InputFault."""
        read = _parsed(data)
        _check(read)
        fields = {name: value for name, value in read.items() if name != "schema"}
        return cls(**fields | {"decision": Decision(fields["decision"])})


def _parsed(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise _fault(msg("it is larger than {limit} bytes", limit=MOST_BYTES))
    try:
        read = parse(data.decode("utf-8"))
        same = isinstance(read, dict) and canonical(read) == data
    except (ValueError, RecursionError) as error:
        raise _fault(msg("it is not JSON")) from error
    if not same:
        raise _fault(msg("its bytes are not in the canonical form of RFC 8785"))
    return dict(read)


def _check(data: Mapping[str, Any]) -> None:
    if data.get("schema") != SCHEMA:
        raise _fault(msg("its schema is not {schema}", schema=SCHEMA))
    if set(data) != _FIELDS.keys() | {"schema"}:
        odd = sorted(set(data) ^ (_FIELDS.keys() | {"schema"}))
        raise _fault(msg("these fields are missing or unknown: {names}", names=", ".join(odd)))
    for name, good in _FIELDS.items():
        value = data[name]
        if not isinstance(value, str) or not good(value):
            raise _fault(msg("{field} is not as it must be: {value}", field=name,
                             value=str(value)[:80]))  # fmt: skip


def _fault(reason: Message) -> InputFault:
    return InputFault(
        msg("This is not the statement of an approver: {reason}.", reason=reason),
        untouched=msg("Nothing was recorded."),
        next_step=msg("Take the file as opsbook approve wrote it, unchanged."),
    )


def _like(pattern: str) -> Any:
    def good(value: str) -> bool:
        return len(value) <= MOST_NAME and re.fullmatch(pattern, value) is not None

    return good


def _moment(value: str) -> bool:
    try:
        return stamp(unstamp(value)) == value
    except (ValueError, OverflowError):
        return False


_FIELDS = {
    "estate": _like(names.ESTATE),
    "change": _like(_CHANGE),
    "subject": _like(_DIGEST),
    "decision": lambda value: value in set(Decision),
    "principal": _like(PRINCIPAL),
    "role": _like(names.RUNBOOK),
    "reason": lambda value: len(value) <= MOST_REASON,
    "claimed_at": _moment,
    "expires": _moment,
    "policy_digest": _like(_DIGEST),
}
"""What each field has to be."""
