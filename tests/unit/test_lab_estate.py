"""The name ``lab`` always means the lab that is up, never the pattern in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsbook.execution.declared.declarations import list_estates, load_estate
from opsbook.model.errors import UsageFault
from opsbook.model.places import Places

ESTATE = "schema: 1\nname: lab\ntitle: {zh: 试验, en: Lab}\ntimezone: Asia/Shanghai\n"


def _write(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "estate.yml").write_text(ESTATE, encoding="utf-8")
    return directory


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    _write(tmp_path / "inventories" / "lab")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSBOOK_INVENTORIES", raising=False)
    return Places(tmp_path / "state")


def test_the_lab_that_is_up_is_taken(places: Places) -> None:
    up = _write(places.lab / "estate")
    assert load_estate("lab", places).directory == up
    assert list_estates(places) == {"lab": up}


def test_without_one_the_pattern_is_no_estate(places: Places) -> None:
    assert list_estates(places) == {}
    with pytest.raises(UsageFault) as fault:
        load_estate("lab", places)
    assert "The lab is not up." in str(fault.value)
