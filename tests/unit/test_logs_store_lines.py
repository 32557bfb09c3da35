"""Lines come out of a stream the same however it is cut, and a huge one stays small."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.logs.read.lines import LONGEST, Lines


def lines_of(data: bytes, cuts: list[int], needle: bytes) -> list[bytes]:
    lines = Lines(needle)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    found = []
    for start, end in pairwise(edges):
        found += [line.head for line in lines.step(data[start:end])]
    return found + [line.head for line in lines.end()]


@given(
    st.lists(st.sampled_from([b"a", b"b", b"\n"]), max_size=200).map(b"".join),
    st.lists(st.integers(min_value=0), max_size=8),
    st.sampled_from([b"", b"a", b"ab", b"bba"]),
)  # fmt: skip
def test_lines_are_the_same_however_the_stream_is_cut(
    data: bytes, cuts: list[int], needle: bytes
) -> None:
    whole = data.split(b"\n")
    expected = (whole if whole[-1] else whole[:-1]) if data else []
    assert lines_of(data, cuts, needle) == [line for line in expected if needle in line]


@given(st.integers(0, 5), st.integers(0, 3 * LONGEST))
def test_a_needle_is_found_anywhere_in_a_line_too_long_to_keep(steps: int, at: int) -> None:
    data = b"x" * at + b"needle" + b"x" * (3 * LONGEST)
    lines = Lines(b"needle")
    size = max(1, len(data) // (steps + 1))
    found = []
    for start in range(0, len(data), size):
        found += list(lines.step(data[start : start + size]))
    found += list(lines.step(b"\n"))
    assert [(line.length, len(line.head)) for line in found] == [(len(data), LONGEST)]


def test_a_line_of_many_steps_is_not_held_in_memory() -> None:
    lines = Lines()
    for _ in range(200):
        assert list(lines.step(b"y" * 1_000_000)) == []
    (line,) = lines.step(b"\n")
    assert (line.length, len(line.head)) == (200_000_000, LONGEST)
