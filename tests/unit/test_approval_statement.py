"""What is signed is one byte form, closed and checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.approval.statement import MOST_BYTES, Decision, Statement
from opsbook.model.clock import stamp
from opsbook.model.errors import InputFault

AT = datetime(2026, 11, 21, 8, 41, tzinfo=UTC)
GOOD = Statement(
    estate="small",
    change="CHG-20261121-001",
    subject="sha256:" + "0" * 64,
    decision=Decision.APPROVE,
    principal="client@example.invalid",
    role="client",
    reason="同意",
    claimed_at=stamp(AT),
    expires=stamp(AT + timedelta(days=7)),
    policy_digest="sha256:" + "f" * 64,
)


def with_(**changes: object) -> bytes:
    data = json.loads(GOOD.to_bytes()) | changes
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


@given(reason=st.text(st.characters(codec="utf-8"), max_size=200), days=st.integers(-900, 9000))
def test_what_is_written_is_read_back(reason: str, days: int) -> None:
    from dataclasses import replace

    said = replace(GOOD, reason=reason, expires=stamp(AT + timedelta(days=days)))
    assert Statement.from_bytes(said.to_bytes()) == said


@given(place=st.integers(0, len(GOOD.to_bytes()) - 1), byte=st.integers(0, 255))
def test_any_other_byte_is_another_statement_or_none(place: int, byte: int) -> None:
    data = GOOD.to_bytes()
    changed = data[:place] + bytes([byte]) + data[place + 1 :]
    try:
        assert (Statement.from_bytes(changed) == GOOD) == (changed == data)
    except InputFault:
        assert changed != data


@given(st.binary(max_size=300))
def test_nonsense_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(InputFault, match="not the statement"):
        Statement.from_bytes(data)


PRETTY = json.dumps(json.loads(GOOD.to_bytes()), indent=2).encode()


@pytest.mark.parametrize(
    "data",
    [
        PRETTY,
        GOOD.to_bytes() + b"\n",
        b" " + GOOD.to_bytes(),
        b"\xef\xbb\xbf" + GOOD.to_bytes(),
        GOOD.to_bytes().replace(b'"role":"client"', b'"role":"client","role":"client"'),
        GOOD.to_bytes()[:-1] + b',"more":1}',
        b"[" * 100_000,
        b"[" * 5_000,
        b"{}",
        b"null",
        b"x" * (MOST_BYTES + 1),
    ],
    ids=repr,
)
def test_only_the_canonical_form_with_exactly_these_fields_is_taken(data: bytes) -> None:
    with pytest.raises(InputFault):
        Statement.from_bytes(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "opsbook.approval/2"},
        {"estate": "../etc"},
        {"change": "RUN-20261121-001"},
        {"change": "CHG-20261121-001\n"},
        {"subject": "sha256:00"},
        {"subject": "sha256:" + "A" * 64},
        {"decision": "yes"},
        {"decision": None},
        {"principal": "-Oprint-pubkey"},
        {"principal": "*"},
        {"principal": "a b"},
        {"principal": "a\n"},
        {"principal": "a" * 200},
        {"role": "Client"},
        {"role": ""},
        {"reason": "x" * 3000},
        {"reason": 7},
        {"reason": "\ud800"},
        {"claimed_at": "2026-11-21"},
        {"claimed_at": "2026-11-21T08:41:00Z"},
        {"claimed_at": "2026-11-21T16:41:00.000000+08:00"},
        {"expires": "9999-99-99T00:00:00.000000Z"},
        {"expires": True},
        {"policy_digest": ""},
    ],
    ids=repr,
)
def test_every_field_is_checked(changes: dict[str, object]) -> None:
    with pytest.raises(InputFault):
        Statement.from_bytes(with_(**changes))
