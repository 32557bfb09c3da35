"""Huge JSON is walked through piece by piece, and nothing in it makes that fail or grow."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.model import jsonwindow
from opsbook.model.jsonstream import Event, How, Path, Step, walk
from opsbook.model.jsonwindow import Malformed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def steps(text: str, how: Any = lambda path: How.WHOLE, **more: Any) -> list[Step]:
    return list(walk(io.StringIO(text), how, **more))


def deep(path: Path) -> How:
    return How.INTO if len(path) < 5 else How.WHOLE


def rebuilt(found: list[Step]) -> Any:
    """The value that the steps tell of, put together again."""
    stack: list[list[tuple[str, Any]]] = [[]]
    for step in found:
        name = step.path[-1] if step.path else ""
        if step.event is Event.BEGIN:
            stack.append([])
        elif step.event is Event.END:
            inner = stack.pop()
            stack[-1].append((name, inner))
        else:
            stack[-1].append((name, step.value))
    return stack[0][0][1]


def told(value: Any) -> Any:
    """``value`` in the form of :func:`rebuilt`: lists of names and values."""

    def at(inner: Any, depth: int) -> Any:
        if depth < 5 and isinstance(inner, dict):
            return [(name, at(item, depth + 1)) for name, item in inner.items()]
        if depth < 5 and isinstance(inner, list):
            return [("*", at(item, depth + 1)) for item in inner]
        return inner

    return at(value, 0)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@given(value=VALUES, indent=st.sampled_from([None, 1]))
def test_what_is_walked_through_is_what_is_there(
    chunk: int, value: Any, indent: int | None
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonwindow, "_CHUNK", chunk)
        assert steps(text)[0].value == value
        assert rebuilt(steps(text, deep)) == told(value)
        assert steps(text + "\n" + text)[1].value == value


@given(value=VALUES, cut=st.integers(min_value=0))
def test_a_cut_file_is_said_to_be_cut_and_gives_what_was_whole(value: Any, cut: int) -> None:
    text = json.dumps({"items": [value, value, value], "end": 1}, ensure_ascii=False)
    found: list[Step] = []
    with pytest.raises(Malformed) as fault:
        for step in walk(io.StringIO(text[: 1 + cut % (len(text) - 1)]), deep):
            found.append(step)
    assert fault.value.cut
    items = [step.value for step in found if step.path == ("items", "*") and step.value is not None]
    assert items == [value] * len(items)


@given(st.text(alphabet='{}[]",:\\ntrue1e-. \x00\ud800', max_size=40))
def test_any_text_is_walked_through_or_malformed(text: str) -> None:
    try:
        steps(text, deep)
    except Malformed as fault:
        at = fault.at
    else:
        at = 0
    assert 0 <= at <= len(text)


@pytest.mark.parametrize("chunk", [3, 64, 10_000])
def test_what_is_too_large_is_passed_over_and_the_rest_is_read(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonwindow, "_CHUNK", chunk)
    long = 'x\\"{' * 100
    text = f'[1, {{"a": "{long}"}}, ["{long}"], "{long}", 2]'
    found = steps(text, lambda path: How.INTO if not path else How.WHOLE, most=50)
    assert [step.event.value for step in found] == [
        "begin", "value", "too large", "too large", "too large", "value", "end",
    ]  # fmt: skip
    assert found[-2].value == 2


def test_what_is_passed_over_is_not_decoded() -> None:
    found = steps('{"a": [1e999, {"\\x": nonsense}], "b": 1}', lambda path: (
        How.PASS if path == ("a",) else How.INTO))  # fmt: skip
    assert [step.path for step in found if step.event is Event.VALUE] == [("b",)]


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, '"' + "x" * 100, "{", "[1,]", '{"a":1,}', "nul",
     "[1 2]", "{1:2}", "]", ",", "9" * 200_000],
)  # fmt: skip
def test_nonsense_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        steps(text, deep)
