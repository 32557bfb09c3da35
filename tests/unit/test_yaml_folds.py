"""How YAML is read: folded texts, and our own files by a quicker parser that reads them alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from opsbook.domains.hardening.controls.loader import controls_directory
from opsbook.execution.declared.yamlfile import Document, read_own_yaml, read_yaml
from opsbook.model.errors import InputFault


def test_a_folded_text_is_one_line_of_printable_characters(tmp_path: Path) -> None:
    file = tmp_path / "runbook.yml"
    file.write_text("method: >-\n  Reads everything,\n  in one pass.\n")
    assert read_yaml(file).data == {"method": "Reads everything, in one pass."}


SCALARS = ("yes", "no", "on", "off", "y", "True", "false", "~", "null", "", "010", "0o10", "0x1F",
           "1_000", "1e3", ".5", "-.inf", "+1", "-0", "12:30", "1:30:00", "2026-01-01", "=", "0b1",
           "2026-01-01 10:00:00", "'1'", '"\\u4e2d\\x41"', "中文", "a: b", "http://x/y#z", "!x y",
           "[1, a:b, 'c']", "{a: 1, b: [x, {c: no}]}", "|-\n  a\n  b", ">-\n  a\n  b\n\n  c",
           "&x y", "- a\n  -  b")  # fmt: skip


WRONG = (
    "a: [1",
    "a: 1\na: 2",
    "a: *b",
    "a: &b 1\nc: *b",
    "a:\n\t- 1",
    "{",
    "a: 1\n---\nb: 2",
    "\0",
)


def told(read: Callable[[Path], Document], file: Path) -> tuple[str, object, list[int]]:
    """What a file says, the lines of its values, and the lines of its faults."""
    try:
        found = read(file)
    except InputFault as fault:
        return "", {}, [one.line for one in fault.faults]
    return repr(found.data), found.lines, [one.line for one in found.faults]


@pytest.mark.parametrize("value", SCALARS)
def test_both_parsers_read_alike(tmp_path: Path, value: str) -> None:
    file = tmp_path / "x.yml"
    file.write_text(f"# first\nbefore: 1\nkey: {value}\nafter:\n  - x\n  - {{a: b}}\n")
    assert told(read_own_yaml, file) == told(read_yaml, file)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_line_by_both(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.yml"
    file.write_text(text)
    assert told(read_own_yaml, file)[2] == told(read_yaml, file)[2] != []


def test_both_parsers_read_every_control_alike() -> None:
    for file in controls_directory().glob("*/control.yml"):
        assert told(read_own_yaml, file) == told(read_yaml, file), file
