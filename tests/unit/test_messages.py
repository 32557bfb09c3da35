"""Every sentence of the code is a literal and has a Chinese translation with the same places."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

import opsbook
from opsbook.model.base import Bilingual
from opsbook.model.message import Message, msg
from opsbook.text import translate

PACKAGE = Path(opsbook.__file__).parent
CATALOGUE = PACKAGE / "text" / "locale" / "zh_CN" / "LC_MESSAGES" / "opsbook.po"
SPEAKERS = ("msg", "tr")
BILINGUAL = "{en}"
"""Of a declared text (``Bilingual.message``): it brings both languages, its translation is {zh}."""

DEFINED_IN = {PACKAGE / "model" / "message.py", PACKAGE / "text" / "catalogue.py"}


def _calls(*, tables: bool = True) -> Iterator[tuple[str, ast.Call]]:
    """Calls of msg and tr; ``tables`` also those of module level, whose places are filled later."""
    for file in sorted(set(PACKAGE.rglob("*.py")) - DEFINED_IN):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree) if tables else _in_functions(tree):
            if isinstance(node, ast.Call) and _name(node.func) in SPEAKERS:
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node


def _in_functions(tree: ast.Module) -> set[ast.AST]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node for function in functions for node in ast.walk(function)}


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literal(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def _places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w*)\}", text))


def _messages() -> dict[str, str]:
    return {text: where for where, call in _calls() if (text := _literal(call)) is not None}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as text:
        return read_po(text, locale="zh_CN")


def test_sentences_are_literals_so_that_they_can_be_translated() -> None:
    assert [where for where, call in _calls() if _literal(call) is None] == []


def test_every_place_in_a_sentence_is_given_a_value_and_no_other() -> None:
    wrong = []
    for where, call in _calls(tables=False):
        given = {keyword.arg for keyword in call.keywords}
        said = _literal(call) or ""
        if said != BILINGUAL and None not in given and _places(said) != given:
            wrong.append(f"{where}: {_literal(call)!r} is given {sorted(map(str, given))}")
    assert wrong == []


def test_every_message_has_a_translation(catalogue: Catalog) -> None:
    entries = {entry.id: entry.string for entry in catalogue if entry.id}
    missing = [f"{where}: {text}" for text, where in _messages().items() if not entries.get(text)]
    assert missing == []


def test_the_catalogue_has_nothing_that_the_code_no_longer_says(catalogue: Catalog) -> None:
    assert {entry.id for entry in catalogue if entry.id} - set(_messages()) == set()
    assert not catalogue.obsolete


def test_no_translation_is_a_guess(catalogue: Catalog) -> None:
    assert [entry.id for entry in catalogue if entry.id and entry.fuzzy] == []


def test_a_translation_has_the_places_of_its_message(catalogue: Catalog) -> None:
    wrong = [
        entry.id
        for entry in catalogue
        if entry.id and entry.string and _places(str(entry.id)) != _places(str(entry.string))
    ]
    assert wrong == [BILINGUAL]


def test_a_declared_text_is_said_in_the_language_of_its_sentence() -> None:
    declared = Bilingual(zh="改口令", en="change the password").message()
    within = Message.from_json(msg("{name}: {value}", name="x{en}", value=declared).to_json())
    assert [translate(within, to) for to in ("en", "zh_CN")] == [
        "x{en}: change the password", "x{en}：改口令",
    ]  # fmt: skip


def test_the_catalogue_changes_only_when_a_message_does() -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    assert not re.search(r"^#[:~]|Date: ", text, re.MULTILINE)
