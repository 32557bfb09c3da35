"""The chain's format, pinned by an independent calculation, and its rules."""

from __future__ import annotations

import struct
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.clock import START
from opsbook.ledger.chain import event_hash, extend, genesis, micros, moment, payload_bytes
from opsbook.ledger.pruned import PrunedRanges, ranges_of
from opsbook.ledger.signing import Signer, from_line, is_genuine, to_line
from opsbook.model.event import NewEvent

_NAMES = st.tuples(*[st.binary(max_size=6)] * 4)
_HASHES = st.binary(min_size=32, max_size=32)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_the_hash_of_an_event_is_the_documented_one() -> None:
    (entry,) = extend(
        genesis("abc"), 1_000_000, [NewEvent("k", "城", "r", "h", {"b": 1, "a": "市"})]
    )
    payload = '{"a":"市","b":1}'.encode()
    names = b"k" + "城".encode() + b"rh"
    header = struct.pack(">QqHHHH", 1, 1_000_000, 1, 3, 1, 1)
    first = sha256(b"opsbook-ledger-v1\0abc").digest()
    expected = b"opsbook-event-v1\0" + header + names + sha256(payload).digest() + first
    assert entry.data == payload
    assert entry.event.hash == sha256(expected).digest()


@given(_NAMES, _NAMES, _HASHES, _HASHES)
def test_different_events_have_different_hashes(
    first: tuple[bytes, bytes, bytes, bytes],
    second: tuple[bytes, bytes, bytes, bytes],
    payload_hash: bytes,
    prev: bytes,
) -> None:
    same = event_hash(1, 2, first, payload_hash, prev) == event_hash(
        1, 2, second, payload_hash, prev
    )
    assert same == (first == second)


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_whatever_a_host_says_becomes_a_payload_and_stays_it(payload: dict[str, object]) -> None:
    (entry,) = extend(genesis("x"), 0, [NewEvent("k", payload=payload)])
    assert entry.event.payload is not None
    assert payload_bytes(entry.event.payload) == entry.data


@given(st.datetimes(timezones=st.just(START.tzinfo)))
def test_times_are_exact_to_the_microsecond(time: object) -> None:
    assert moment(micros(time)) == time  # type: ignore[arg-type]


@given(st.sets(st.integers(min_value=1, max_value=60)))
def test_ranges_cover_exactly_what_was_pruned(numbers: set[int]) -> None:
    ranges = PrunedRanges(ranges_of(sorted(numbers)))
    assert {seq for seq in range(62) if ranges.covers(seq)} == numbers


def test_a_checkpoint_survives_being_a_line_and_any_change_of_it_is_seen() -> None:
    signer = Signer.new()
    made = signer.checkpoint("abc", genesis("abc"), START)
    line = to_line(made)
    assert from_line(line) == made
    assert is_genuine(made, signer.public)
    assert not is_genuine(made, Signer.new().public)
    for old, new in (('"seq":0', '"seq":1'), ("08:41", "08:42"), ('"abc"', '"abd"')):
        assert not is_genuine(from_line(line.replace(old, new)), signer.public)


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", "null", '{"format":"opsbook.checkpoint/1"}', '{"a":1,"a":1}']
)
def test_what_is_no_checkpoint_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        from_line(line)
