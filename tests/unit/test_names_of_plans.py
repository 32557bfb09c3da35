"""What the argument of ``plan`` and ``approve`` names: a change, or a file with its plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.clock import FakeClock
from opsbook.lifecycle.change.comparing import is_file, read_plan
from opsbook.model.errors import UsageFault
from opsbook.model.places import Places

CHANGE = "CHG-20261121-001"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (CHANGE, False),
        ("", False),
        (f"./{CHANGE}", True),
        (f"{CHANGE}.plan.json", True),
        (f"/srv/{CHANGE}", True),
    ],
)
def test_only_a_path_or_json_is_a_file(name: str, file: bool) -> None:
    assert is_file(name) is file


def test_a_file_with_the_name_of_a_change_is_not_read_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(CHANGE).write_text("{}", encoding="utf-8")
    with pytest.raises(UsageFault, match="There is no change"):
        read_plan(CHANGE, Places(tmp_path / "state"), FakeClock())


@pytest.mark.parametrize("name", ["gone.json", ".//", "a\0b/c"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageFault, match="cannot be read"):
        read_plan(name, Places(tmp_path / "state"), FakeClock())
