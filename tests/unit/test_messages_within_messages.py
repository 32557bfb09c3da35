"""A reason inside a sentence is told in the language of the sentence."""

from __future__ import annotations

import json

import pytest

from opsbook.execution.declared.declarations import load_runbook
from opsbook.lifecycle.parameters import resolve
from opsbook.model.errors import InputFault
from opsbook.model.message import Message, msg
from opsbook.text import translate

REASON = msg("not a regular file")
HOSTILE = "/var/log/\x1b[31m{reason}"
WHOLE = msg("{path} was left out this night: {reason}.", path=HOSTILE, reason=REASON)


def test_both_parts_are_translated() -> None:
    assert translate(WHOLE, "zh_CN") == "本晚未采集 /var/log/\\x1b[31m{reason}：不是普通文件。"
    assert translate(WHOLE, "en") == WHOLE.english()
    assert WHOLE.english().endswith(": not a regular file.")


def test_it_comes_back_from_an_event_as_it_was() -> None:
    kept = json.loads(json.dumps(WHOLE.to_json()))
    assert Message.from_json(kept) == WHOLE


def test_an_empty_text_says_nothing_in_any_language() -> None:
    assert translate(msg(""), "zh_CN") == ""


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"parallel": "none"}, "应为以数字书写的整数"),
        ({"parallel": "0"}, "parallel 应不小于 1"),
        ({"parallel": "201"}, "parallel 应不大于 200"),
        ({"host_timeout": "soon"}, "时长应写作 1h30m、10m 或 45s"),
        ({"parallell": "1"}, "未知；是否指 parallel？"),
    ],
)
def test_a_wrong_parameter_is_explained_in_chinese(setting: dict[str, str], said: str) -> None:
    with pytest.raises(InputFault) as fault:
        resolve(load_runbook("log_collection"), setting, {})
    assert [translate(each.problem, "zh_CN") for each in fault.value.faults] == [said]
