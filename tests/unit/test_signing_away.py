"""Statements made where there is no ledger: how long they are good when nothing is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsbook.approval.statement import Decision
from opsbook.lifecycle.deciding.signing import VALID_AWAY, Wish, statement_away
from opsbook.model.clock import stamp
from opsbook.model.errors import InputFault, Refused

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
UNTIL = AT + timedelta(days=300)
WISH = Wish(Decision.APPROVE, principal="client@example.invalid", role="client")


def plan(kind: str, **more: Any) -> dict[str, Any]:
    digest = "sha256:" + "0" * 64
    return {"kind": kind, "estate": {"name": "small"}, "change": "CHG-20261121-001",
            "policy_digest": digest} | more  # fmt: skip


def envelope(until: Any) -> dict[str, Any]:
    return plan("envelope", envelope={"until": until})


def test_an_approval_of_a_plan_is_good_for_a_week() -> None:
    assert statement_away(plan("runbook"), WISH, AT).ends == AT + VALID_AWAY


def test_an_approval_of_an_envelope_is_good_as_long_as_the_envelope() -> None:
    assert statement_away(envelope(stamp(UNTIL)), WISH, AT).ends == UNTIL


def test_an_envelope_that_has_ended_is_not_signed() -> None:
    with pytest.raises(Refused, match="CHG-20261121-001 ended at"):
        statement_away(envelope(stamp(AT)), WISH, AT)


@pytest.mark.parametrize("until", [None, 7, "soon", "2027-01-01T00:00:00", {}])
def test_an_envelope_without_an_end_is_none(until: Any) -> None:
    with pytest.raises(InputFault):
        statement_away(envelope(until), WISH, AT)
