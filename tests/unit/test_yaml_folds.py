"""A folded text (``>-``) is read without the marks a round trip would need."""

from __future__ import annotations

from pathlib import Path

from opsbook.execution.declared.yamlfile import read_yaml


def test_a_folded_text_is_one_line_of_printable_characters(tmp_path: Path) -> None:
    file = tmp_path / "runbook.yml"
    file.write_text("method: >-\n  Reads everything,\n  in one pass.\n")
    assert read_yaml(file).data == {"method": "Reads everything, in one pass."}
