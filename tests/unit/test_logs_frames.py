"""Finding the end of a zstd frame without unpacking it."""

from __future__ import annotations

import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.logs.frames import FrameEnd, FrameFault

CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "run": b"\0" * 1_000_000,
    "text": b"2026-11-21T08:00:00Z line\n" * 20_000,
    "random": os.urandom(300_000),
    "mixed": b"a" * 200_000 + os.urandom(200_000) + b"b" * 200_000,
}
OPTIONS = [
    {"write_checksum": checksum, "write_content_size": size, "level": level}
    for checksum in (True, False)
    for size in (True, False)
    for level in (1, 19)
]


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_a_frame_ends_where_it_ends(content, options, step):
    frame = zstandard.ZstdCompressor(**options).compress(content)
    if step == 1 and len(frame) > 5000:
        step = 997
    end, taken, data = FrameEnd(), 0, frame + b"\x28\xb5\x2f\xfd what follows"
    while not end.done:
        taken += end.take(memoryview(data)[taken : taken + step])
    assert taken == len(frame)
    assert end.take(memoryview(b"more")) == 0


@given(st.binary(max_size=2000))
def test_other_bytes_are_refused_or_waited_for(data):
    end = FrameEnd()
    try:
        assert 0 <= end.take(memoryview(data)) <= len(data)
    except FrameFault:
        assert len(data) >= 5
