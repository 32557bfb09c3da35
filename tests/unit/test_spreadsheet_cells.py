"""Cells that we write are text to every spreadsheet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.documents.escape import spreadsheet_cell


@pytest.mark.parametrize("text", [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "\r=1", " =1", "\n=1", "＝1",
    "－2+3", "\ufeff=1", "|x", "%x", "\x00=1",
])  # fmt: skip
def test_what_would_be_a_formula_is_text(text: str) -> None:
    assert spreadsheet_cell(text).startswith("'")


@pytest.mark.parametrize(
    "text", ["", "高危", "10.0.0.1", "-5", "+5", "-0.5", "a=b", "443/tcp", "a\nb"]
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert spreadsheet_cell(text) == text


@given(st.text())
def test_no_cell_begins_like_a_formula(text: str) -> None:
    shown = spreadsheet_cell(text)
    assert shown[:1] not in ("=", "@", "\t", "\r")
    assert shown[:1] not in ("+", "-") or shown[1:].replace(".", "", 1).isdecimal()
