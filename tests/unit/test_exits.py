"""Exit codes: the page, the enumeration and the order of seriousness are one."""

from __future__ import annotations

import re
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from opsbook.model.exits import Exit, most_serious

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exit-codes.md"
STATED_ORDER = [70, 15, 10, 11, 12, 14, 13]


def test_the_page_lists_every_code_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: int(code) for code, name in rows} == {code.name: code.value for code in Exit}


def test_the_page_states_the_order_of_seriousness() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert ", ".join(map(str, STATED_ORDER)) in page
    assert "、".join(map(str, STATED_ORDER)) in page


@pytest.mark.parametrize(("serious", "less"), [*pairwise(STATED_ORDER)])
def test_the_more_serious_code_wins_in_any_order(serious: int, less: int) -> None:
    for mixed in permutations([Exit(serious), Exit(less), Exit.DONE, Exit.CHANGED]):
        assert most_serious(mixed) == serious


def test_changes_win_over_nothing_to_do() -> None:
    assert most_serious([Exit.DONE, Exit.CHANGED]) is Exit.CHANGED
    assert most_serious([Exit.DONE]) is Exit.DONE
    assert most_serious([]) is Exit.DONE
