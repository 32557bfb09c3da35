"""After a night: what the manifest says is on disk, whole, private and readable with plain tools.

Looks at the control host's files only, with sha256sum and zstd, not with what stored them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from opsbook.execution.declared.declarations import load_estate
from opsbook.model.places import Places


@pytest.fixture
def day(opsbook_host: str) -> Path:
    """Directory of the day whose manifest has the night of this run."""
    places = Places(Path(os.environ["OPSBOOK_STATE"]))
    estate = load_estate(os.environ["OPSBOOK_ESTATE"], places)
    root = Path(estate.stores.logs) if estate.stores.logs else places.logs(estate.name)
    days = sorted((root / opsbook_host).glob("????-??-??/manifest.json"), reverse=True)
    found = [path.parent for path in days[:3] if _night(path.parent)]
    assert found, f"no manifest of {opsbook_host} has this run"
    return found[0]


def _manifest(day: Path) -> Any:
    return json.loads((day / "manifest.json").read_bytes())


def _night(day: Path) -> Any:
    run = os.environ["OPSBOOK_RUN"]
    return next((night for night in _manifest(day)["nights"] if night["run"] == run), None)


def _files(day: Path) -> list[Any]:
    suffix = f".{os.environ['OPSBOOK_RUN']}.zst"
    return [file for file in _manifest(day)["files"] if file["name"].endswith(suffix)]


def test_the_files_of_the_night_have_the_hashes_of_the_manifest(host: Host, day: Path) -> None:
    for file in _files(day):
        assert host.file(str(day / file["name"])).sha256sum == file["sha256"], file["name"]


def test_the_files_of_the_night_are_whole_zstd_frames(host: Host, day: Path) -> None:
    if not host.exists("zstd"):
        pytest.skip("there is no zstd on the control host")
    for file in _files(day):
        assert host.run("zstd -q -t %s", str(day / file["name"])).rc == 0, file["name"]


def test_the_manifest_names_the_hash_of_the_day_before_it(host: Host, day: Path) -> None:
    previous = _manifest(day)["previous"]
    if previous:
        before = host.file(str(day.parent / previous["day"] / "manifest.json"))
        assert before.sha256sum == previous["sha256"]


def test_nobody_else_can_read_what_was_stored(host: Host, day: Path) -> None:
    assert host.check_output("find %s -perm /077", str(day)) == ""
