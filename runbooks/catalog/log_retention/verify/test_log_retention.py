"""After retention: whatever the catalogue says is kept is there, and archived days are whole."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from testinfra.host import Host

from opsbook.execution.declared.declarations import load_estate
from opsbook.model.places import Places

Roots = dict[str, Path]


@pytest.fixture
def roots() -> Roots:
    """The root of either tier."""
    places = Places(Path(os.environ["OPSBOOK_STATE"]))
    estate = load_estate(os.environ["OPSBOOK_ESTATE"], places)
    logs, archive = estate.stores.logs, estate.stores.archive
    return {
        "hot": Path(logs) if logs else places.logs(estate.name),
        "archive": Path(archive) if archive else places.archive(estate.name),
    }


@pytest.fixture
def catalogue(roots: Roots) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{roots['hot'] / 'catalogue.db'}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    return db


def _files(catalogue: sqlite3.Connection, name: str) -> list[sqlite3.Row]:
    return catalogue.execute("SELECT * FROM files WHERE host = ?", (name,)).fetchall()


def test_every_kept_file_is_there_with_its_length(
    roots: Roots, catalogue: sqlite3.Connection, opsbook_host: str
) -> None:
    for file in _files(catalogue, opsbook_host):
        for tier, root in roots.items():
            path = root / opsbook_host / file["day"] / file["name"]
            assert path.is_file() == (file[tier] == "here"), path
            assert not path.is_file() or path.stat().st_size == file["length"], path


def test_no_file_left_the_archive_without_a_certificate(
    catalogue: sqlite3.Connection, opsbook_host: str
) -> None:
    query = (
        "SELECT json_extract(certificate, '$.file') AS file FROM deletions"
        " WHERE host = ? AND day = ? AND tier = ?"
    )
    for file in _files(catalogue, opsbook_host):
        for tier in ("hot", "archive"):
            if file[tier] == "gone":
                rows = catalogue.execute(query, (opsbook_host, file["day"], tier))
                assert file["name"] in [row["file"] for row in rows], file["name"]


def test_every_archived_manifest_is_the_one_of_the_day(
    host: Host, roots: Roots, catalogue: sqlite3.Connection, opsbook_host: str
) -> None:
    days = catalogue.execute(
        "SELECT day, manifest_sha256 FROM days WHERE host = ? AND archive_sha256 IS NOT NULL"
        " ORDER BY day DESC LIMIT 31",
        (opsbook_host,),
    )
    for row in days:
        path = roots["archive"] / opsbook_host / row["day"] / "manifest.json"
        assert host.file(str(path)).sha256sum == row["manifest_sha256"], path
