"""Every value that a listing shows has a word in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest

from opsbook.cli import words
from opsbook.documents import labels
from opsbook.domains.logs.retain.retention import Action
from opsbook.lab.hosts import State
from opsbook.model.base import Bilingual
from opsbook.model.message import Message
from opsbook.model.outcome import Outcome, RunState
from opsbook.model.runbook import Parameter, Risk, RunbookClass, Schedule
from opsbook.text import translate

TABLES = {
    name: table
    for module in (words, labels)
    for name, table in vars(module).items()
    if name.isupper() and isinstance(table, Mapping)
}


def _choices(model: type, field: str) -> set[str]:
    return set(get_args(model.model_fields[field].annotation))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (labels.OUTCOMES, {*Outcome}),
        (labels.STATES, {*RunState}),
        (labels.CLASSES, {*RunbookClass}),
        (words.ACTIONS, {*Action}),
        (labels.RISKS, _choices(Risk, "level")),
        (words.TYPES, _choices(Parameter, "type")),
        (words.DAYS, _choices(Schedule, "days")),
        (words.HOST_STATES, set(get_args(State))),
    ],
)
def test_nothing_is_without_a_word(table: Mapping[str, Message], values: set[str]) -> None:
    assert set(table) - {"unknown"} == {str(value) for value in values}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_words_are_chinese_for_chinese_readers(name: str) -> None:
    spoken = {key: translate(message, "zh_CN") for key, message in TABLES[name].items()}
    assert {k: v for k, v in spoken.items() if v.isascii() and v != "cron"} == {}


def test_a_value_we_do_not_know_is_shown_as_it_is() -> None:
    assert words.word(labels.STATES, "paused") == "paused"


def test_a_folded_chinese_text_has_no_blank_where_its_line_ended() -> None:
    said = Bilingual(zh="按内容识别文件， 压缩后传回 SSH 主机 再核对", en="a, b")
    assert said.zh == "按内容识别文件，压缩后传回 SSH 主机再核对"
