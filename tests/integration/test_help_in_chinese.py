"""Help pages and faults of usage speak the reader's language, typer's own words included."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from opsbook.text.width import width_of

_ALL_PAGES = """
import json, sys
from opsbook import text
text.use(sys.argv[1])
from opsbook.cli.app import command

def walk(tree, name, parent=None):
    context = tree.make_context(name, [], parent, resilient_parsing=True)
    yield context.command_path, tree.get_help(context)
    for below, each in getattr(tree, "commands", {}).items():
        yield from walk(each, below, context)

print(json.dumps(dict(walk(command(), "opsbook"))))
"""


def _pages(language: str) -> dict[str, str]:
    """Every help page, by command; made by a process of its own: help is said at import."""
    made = subprocess.run(
        [sys.executable, "-c", _ALL_PAGES, language], check=True, capture_output=True
    )
    pages: dict[str, str] = json.loads(made.stdout)
    return pages


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    return _pages("zh_CN")


def _opsbook(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opsbook", *words], check=False, capture_output=True, text=True
    )


def test_every_page_is_chinese(chinese: dict[str, str]) -> None:
    english = re.compile(r"[A-Za-z]{2,}[.,]? [a-z]{2,} [a-z]{2,}|^\w+:|\[(default|required)", re.M)
    found = {}
    for name, page in chinese.items():
        said = "\n".join(line for line in page.splitlines() if not line.startswith("用法："))
        if hit := english.search(said):
            found[name] = hit[0]
    assert len(chinese) > 30
    assert found == {}


def test_no_line_is_wider_than_a_terminal(chinese: dict[str, str]) -> None:
    wide = [line for page in chinese.values() for line in page.splitlines() if width_of(line) > 80]
    assert wide == []


def test_no_line_begins_with_a_closing_mark(chinese: dict[str, str]) -> None:
    lines = [line.strip() for page in chinese.values() for line in page.splitlines()]
    assert [line for line in lines if line.startswith(tuple("，。；：、？！）"))] == []


def test_the_same_commands_and_options_are_told_in_both_languages(chinese: dict[str, str]) -> None:
    options = re.compile(r"^  (-[\w, -]*?)(?:  | <)", re.M)
    english = _pages("en")
    assert {n: options.findall(p) for n, p in chinese.items()} == {
        n: options.findall(p) for n, p in english.items()
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recrods"], "错误：没有命令 'recrods'。是否指 'records'？"),
        (["zzz"], "错误：没有命令 'zzz'。"),
        (["run", "x"], "错误：缺少选项 '-e' / '--estate'。"),
        (["show"], "错误：缺少位置参数 'runbook'。"),
        (["runbooks", "--zzz"], "错误：没有选项 --zzz"),
        (["runbooks", "much"], "错误：多余的参数：much"),
        (["runbooks", "--json=3"], "错误：选项 '--json' 不接受取值。"),
        (["run", "x", "-e"], "错误：选项 '-e' 须给出取值。"),
        (["records", "list", "-n", "0"], "错误：'-n' 的取值无效：应不小于 1"),
        (["schedule", "next", "-n", "1001"], "错误：'-n' / '--number' 的取值无效：应不大于 1000"),
        (["records", "list", "-n", "x"], "错误：'-n' 的取值无效：应为整数"),
    ],
)
def test_faults_of_usage_are_told_in_chinese(words: list[str], said: str) -> None:
    done = _opsbook("--lang", "zh", *words)
    assert done.returncode == 64
    assert done.stderr.splitlines()[-1] == said


def test_a_group_without_a_command_shows_its_page() -> None:
    done = _opsbook("--lang", "zh", "records")
    assert done.returncode == 64
    assert done.stderr.startswith("用法：opsbook records [选项] 命令 [参数]...\n")
    assert "错误" not in done.stderr


def test_what_was_typed_is_never_obeyed_by_the_terminal() -> None:
    done = _opsbook("--lang", "zh", "\x1b]0;gone\x07")
    assert done.returncode == 64
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", done.stderr)
