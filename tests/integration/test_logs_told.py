"""What ledger and record tell of kept logs: changes behind their back, sources without files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opsbook.model.exits import Exit

OPSBOOK = Path(sys.executable).parent / "opsbook"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    estate = tmp_path / "here"
    estate.mkdir()
    (estate / "estate.yml").write_text(
        "schema: 1\nname: here\ntitle: {zh: 本机, en: Here}\ntimezone: UTC\n"
        "policies: {logs: {min_free_mib: 0}}\n",
        encoding="utf-8",
    )
    sources = f"[{{name: app, files: ['{tmp_path}/app.log']}}]"
    host = f"{{ansible_connection: local, opsbook_logs_app: {sources}}}"
    (estate / "hosts.yml").write_text(f"all: {{hosts: {{l1: {host}}}}}\n", encoding="utf-8")
    return tmp_path


def opsbook(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([OPSBOOK, *words], capture_output=True, text=True, check=False)


def night(here: Path, text: str) -> None:
    with (here / "app.log").open("a", encoding="utf-8") as log:
        log.write(text)
    done = opsbook("run", "log_collection", "-e", here / "here")
    assert done.returncode == Exit.DONE, done.stderr


def verify(here: Path) -> subprocess.CompletedProcess[str]:
    return opsbook("logs", "verify", "-e", here / "here")


def test_nights_agree_with_the_ledger(here: Path) -> None:
    night(here, "2026-11-21T01:00:00Z one\n")
    night(here, "2026-11-21T02:00:00Z two\n")
    checked = verify(here)
    assert checked.returncode == Exit.DONE, checked.stdout
    assert "1 days also as the ledger recorded" in checked.stdout


def test_a_store_put_back_to_an_earlier_night_is_a_fault(here: Path) -> None:
    logs = here / "state" / "logs"
    night(here, "2026-11-21T01:00:00Z one\n")
    shutil.copytree(logs, here / "before")
    night(here, "2026-11-21T02:00:00Z two\n")
    shutil.rmtree(logs)
    shutil.copytree(here / "before", logs)
    checked = verify(here)
    assert checked.returncode == Exit.FAULT
    assert "that the ledger recorded in RUN-" in checked.stdout


def test_a_store_that_was_removed_is_a_fault(here: Path) -> None:
    night(here, "2026-11-21T01:00:00Z one\n")
    shutil.rmtree(here / "state" / "logs")
    checked = verify(here)
    assert checked.returncode == Exit.FAULT
    assert "the store knows nothing of them" in checked.stdout


def test_a_source_that_matches_no_file_is_told_in_the_record(here: Path) -> None:
    hosts = here / "here" / "hosts.yml"
    hosts.write_text(hosts.read_text(encoding="utf-8").replace("app.log'", "ap.log'"), "utf-8")
    night(here, "2026-11-21T01:00:00Z one\n")
    shown = opsbook("records", "show", "--json", newest())
    assert "{source}: no file matches {patterns}." in shown.stdout


def newest() -> str:
    return opsbook("records", "list", "-n", "1").stdout.splitlines()[-1].split()[0]


def test_a_silence_of_a_source_that_should_write_is_told_in_the_record(here: Path) -> None:
    hosts = here / "here" / "hosts.yml"
    declared = hosts.read_text(encoding="utf-8").replace(
        "name: app,", "name: app, expect_every: 1m,"
    )
    hosts.write_text(declared, "utf-8")
    now = datetime.now(UTC)
    for minutes in (30, 29, 1):
        with (here / "app.log").open("a", encoding="utf-8") as log:
            log.write(f"{now - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ} a line\n")
    night(here, "")
    (host,) = json.loads(opsbook("records", "show", "--json", newest()).stdout)["hosts"]
    (told,) = host["deviations"]
    assert "the first gap is" in told["text"]
    assert told["params"]["have"] == 3
