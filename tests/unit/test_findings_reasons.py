"""Every reason for which readers leave something out is told in Chinese as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import opsbook.domains.hardening.reading as reading
from opsbook.cli.findings_reasons import REASONS, reason
from opsbook.text import translate


def reasons() -> Iterator[str]:
    """Fixed texts that readers give as the reason, as they stand in their code."""
    for file in Path(reading.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in _TOLD:
                at = _TOLD[ast.unparse(node.func)]
                given = [word.value for word in node.keywords if word.arg == "why"]
                why = given[0] if given else node.args[at]
                if isinstance(why, ast.Constant):
                    yield str(why.value)


_TOLD = {"Unreadable": 1, "TooMuch": 1, "Unfit": 0}


def test_every_reason_of_a_reader_is_known() -> None:
    assert set(reasons()) <= set(REASONS)


@pytest.mark.parametrize("why", [*REASONS, "7 characters not in gb18030", "no JSON: at 5"])
def test_a_reason_has_chinese_words(why: str) -> None:
    assert any("\u4e00" <= sign <= "\u9fff" for sign in translate(reason(why), "zh_CN"))


def test_a_reason_that_is_not_known_is_shown_as_it_is() -> None:
    assert translate(reason("reader x failed: KeyError"), "zh_CN") == "reader x failed: KeyError"
