"""What steps may ask of a host: the real one and the one in memory answer alike."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from doubles.hardening_host import MemoryHost
from opsbook.domains.hardening.planning.snapshot import read_snapshot
from opsbook.execution.surveyed import ended, writing
from support.module_utils import hardening, on_host


@pytest.fixture(params=["real", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, str]:
    """A host and a directory of it with two files, one of them two levels down, and a link."""
    top = str(tmp_path.resolve())
    if request.param == "memory":
        files = {f"{top}/a.conf": ("A 1\n", 0o640, 0, 0), f"{top}/d/b.conf": "B\n"}
        return MemoryHost(files, links={f"{top}/l.conf"}), top
    (tmp_path / "d").mkdir()
    (tmp_path / "a.conf").write_text("A 1\n")
    (tmp_path / "a.conf").chmod(0o640)
    (tmp_path / "d" / "b.conf").write_text("B\n")
    (tmp_path / "l.conf").symlink_to("a.conf")
    return hardening("system").System(), top


def test_files_are_told_with_kind_and_mode(place: tuple[Any, str]) -> None:
    host, top = place
    found = host.stat(f"{top}/a.conf")
    assert (found.kind, found.mode, found.links) == ("file", 0o640, 1)
    assert host.stat(f"{top}/d").kind == "directory"
    assert host.stat(f"{top}/l.conf").kind == "link"
    assert host.stat(f"{top}/none") is None
    assert host.stat(f"{top}/a.conf/none") is None


def test_bytes_are_read_and_never_through_a_link(place: tuple[Any, str]) -> None:
    host, top = place
    assert host.read(f"{top}/a.conf") == b"A 1\n"
    assert host.read(f"{top}/none") is None
    with pytest.raises(on_host("commands").Refused, match="link"):
        host.read(f"{top}/l.conf")


def test_names_and_patterns_are_sorted(place: tuple[Any, str]) -> None:
    host, top = place
    assert host.names(top) == ["a.conf", "d", "l.conf"]
    assert host.names(f"{top}/none") == []
    assert host.glob(f"{top}/*.conf") == [f"{top}/a.conf", f"{top}/l.conf"]
    assert host.glob(f"{top}/none") == [f"{top}/none"]


def test_a_program_that_is_not_there_is_an_answer(place: tuple[Any, str]) -> None:
    host, top = place
    assert host.run("no-such-program").status == 127
    assert host.has("no-such-program") is False
    assert host.live(f"{top}/none") is None
    assert host.writable(f"{top}/none") is False


def test_a_directory_that_is_a_link_is_not_walked_through(tmp_path: Path) -> None:
    placing = on_host("placing")
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")
    top = tmp_path.resolve()
    with pytest.raises(on_host("commands").Refused, match="symbolic link"):
        placing.place(f"{top}/way/f", placing.Wanted(b"x"))
    assert list((tmp_path / "real").iterdir()) == []


def test_an_owner_is_not_given_through_a_second_name(tmp_path: Path) -> None:
    placing = on_host("placing")
    (tmp_path / "f").write_text("x")
    os.link(tmp_path / "f", tmp_path / "g")
    path = str((tmp_path / "f").resolve())
    with pytest.raises(on_host("commands").Refused, match="second name"):
        placing.set_attributes(path, 0o600, 12345, 12345)
    placing.set_attributes(path, 0o600, os.getuid(), os.getgid())
    assert (tmp_path / "g").stat().st_mode & 0o777 == 0o600


def test_a_replaced_file_keeps_mode_owner_and_times_that_are_asked_for(tmp_path: Path) -> None:
    placing = on_host("placing")
    path = f"{tmp_path.resolve()}/f"
    wanted = placing.Wanted(b"x", 0o640, os.getuid(), os.getgid())
    placing.place(path, wanted, (10**18, 10**18 + 5))
    found = Path(path).stat()
    assert (found.st_mode & 0o777, found.st_mtime_ns) == (0o640, 10**18 + 5)
    assert [one.name for one in tmp_path.iterdir()] == ["f"]


def test_what_a_host_tells_of_itself_is_what_the_engine_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, change, day = on_host("journal"), "CHG-20261121-001", int(time.time()) // 86400
    monkeypatch.setattr(journal, "STATE", str(tmp_path))
    monkeypatch.setattr(journal, "DIRECTORY", str(tmp_path / "changes"))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    marker = {"run": "RUN-20261121-002", "change": change, "boot": boot, "seconds": 60}
    (tmp_path / "lease.json").write_text(json.dumps(marker | {"until": 10**10}))
    for state in journal.STATES:
        journal.note(change, state)
        told = hardening("observing").survey(hardening("system").System(), "", [], str(tmp_path))
        now = read_snapshot("web1", told)
        assert now.journal == (change, state)
        assert writing(now.journal, change) is (state in ("applying", "applied", "undoing"))
        assert ended(now.journal, change) is (state == "applied")
    assert now.lease is not None
    assert (now.lease.run, now.lease.change) == ("RUN-20261121-002", change)
    assert now.day in (day, day + 1)
    assert now.login.uid is not None
