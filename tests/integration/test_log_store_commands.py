"""The commands of kept logs, as typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doubles.frames import APP, send
from opsbook.cli.logs_page import print_hits
from opsbook.cli.main import run
from opsbook.domains.logs.keep.store import open_store
from opsbook.domains.logs.read.reader import Hit
from opsbook.execution.declared.declarations import load_estate
from opsbook.model.clock import SystemClock
from opsbook.model.places import Places

ESTATE = """schema: 1
name: small
title: {zh: 小, en: Small}
timezone: Asia/Shanghai
"""


def lines_since(begun: datetime) -> bytes:
    """One line a minute into the near future, without the minutes 10 to 12."""
    return b"".join(
        b"%s request %d \x1b[31m\n" % ((begun + timedelta(minutes=n)).isoformat().encode(), n)
        for n in range(35)
        if n not in (10, 11, 12)
    )


@pytest.fixture
def begun() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=30)


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: datetime) -> str:
    """An estate with one night of one host."""
    directory = tmp_path / "small"
    directory.mkdir()
    (directory / "estate.yml").write_text(ESTATE, encoding="utf-8")
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    places = Places.from_env()
    store = open_store(load_estate(str(directory), places), places, SystemClock())
    night = store.night("web1", "RUN-1", [APP])
    stream = night.new_stream("app")
    send(night, APP, stream, lines_since(begun))
    night.commit([stream], [])
    return str(directory)


def said(capsys: pytest.CaptureFixture[str], *words: str, exit_code: int = 0) -> str:
    assert run(["logs", *words]) == exit_code, capsys.readouterr().err
    return capsys.readouterr().out


def test_search_prints_the_lines_with_a_text(
    estate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, "search", "request 2", "-e", estate, "-n", "4")
    assert [line.split()[4] for line in out.splitlines()] == ["2", "20", "21", "22"]
    found = json.loads(said(capsys, "search", r"request \d$", "--regex", "-e", estate, "--json"))
    assert found == []
    found = json.loads(said(capsys, "search", "request 7", "-e", estate, "--json"))
    assert [(hit["host"], hit["source"]) for hit in found] == [("web1", "app")]


def test_what_is_found_is_readable_as_json_in_chinese(
    estate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (hit, *_) = hits = [Hit("web1", "app", "/a", None, "登录失败 \x1b[31m\x9b1m\u202e", 9, False)]
    assert print_hits(hits, UTC, to_json=True, named=True) == 1
    out = capsys.readouterr().out
    assert "登录失败 \\u001b[31m\\u009b1m\\u202e" in out
    assert json.loads(out)[0]["text"] == hit.text


def test_show_prints_a_span_of_time(
    estate: str, begun: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, "show", "-e", estate, "--host", "web1")
    assert out.encode() == lines_since(begun)
    until = (begun + timedelta(minutes=5)).astimezone().isoformat()
    out = said(capsys, "show", "-e", estate, "--host", "web1", "--until", until)
    assert len(out.splitlines()) == 5


def test_completeness_names_the_gap(estate: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "completeness", "-e", estate, "--json"))
    assert sum(day["expected"] - day["have"] for day in found) == 3
    assert ", gap " in said(capsys, "completeness", "-e", estate)


def test_verify_exits_with_15_at_a_changed_file(
    estate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "all as the manifests say" in said(capsys, "verify", "-e", estate)
    path = next(Places.from_env().root.rglob("app.RUN-1.zst"))
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    assert "damaged in frame 1" in said(capsys, "verify", "-e", estate, exit_code=15)


def test_a_hold_is_added_listed_released_and_in_the_ledger(
    estate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ("hold", "add", "CASE-7", "-e", estate, "--host", "web1", "--reason", "court order")
    said(capsys, *add, "--from", "2026-01-01", "--to", "2099-01-01")
    (hold,) = json.loads(said(capsys, "hold", "list", "-e", estate, "--json"))
    assert (hold["case"], hold["host"], hold["reason"]) == ("CASE-7", "web1", "court order")
    assert "CASE-7" in said(capsys, "list", "-e", estate)
    said(capsys, "hold", "release", "CASE-7", "-e", estate, "--reason", "closed")
    assert json.loads(said(capsys, "hold", "list", "-e", estate, "--json")) == []
    said(capsys, "hold", "release", "CASE-7", "-e", estate, "--reason", "x", exit_code=64)
    assert b"logs.hold_released" in Places.from_env().ledger.read_bytes() + b"".join(
        path.read_bytes() for path in Places.from_env().root.glob("ledger.db-wal")
    )


def test_retention_is_previewed_and_changes_nothing(
    estate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(said(capsys, "retention", "-e", estate, "--dry-run", "--json")) == []
    assert "Nothing was changed" in said(capsys, "retention", "-e", estate)


@pytest.mark.parametrize(
    "words",
    [
        ("search", "("),
        ("show", "--host", "web1", "--since", "yesterday"),
        ("completeness", "--date", "21.11."),
        ("hold", "add", "C", "--reason", " "),
        ("hold", "add", "C", "--reason", "x", "--from", "2026-02-01", "--to", "2026-01-01"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_usage(
    estate: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    extra = ["--regex"] if words[0] == "search" else []
    assert run(["logs", *words, *extra, "-e", estate]) == 64
    assert capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    "words",
    [
        ("search", "x"),
        ("show",),
        ("list",),
        ("verify",),
        ("completeness",),
        ("retention",),
        ("hold", "add", "CASE-8", "--reason", "x"),
    ],
)
def test_a_mistyped_host_is_told_with_the_one_that_was_meant(
    estate: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(["logs", *words, "-e", estate, "--host", "wbe1"]) == 64
    told = capsys.readouterr().err
    assert "no host wbe1" in told
    assert "Did you mean web1?" in told
    assert json.loads(said(capsys, "hold", "list", "-e", estate, "--json")) == []


def test_a_host_of_the_inventory_without_logs_is_no_mistake(
    estate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = "all: {hosts: {db7: {ansible_connection: local}}}\n"
    (Path(estate) / "hosts.yml").write_text(hosts, encoding="utf-8")
    assert json.loads(said(capsys, "search", "x", "-e", estate, "--host", "db7", "--json")) == []
    assert run(["logs", "search", "x", "-e", estate, "--host", "zz"]) == 64
    assert "There are the hosts db7, web1." in capsys.readouterr().err
