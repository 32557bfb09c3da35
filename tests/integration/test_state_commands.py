"""``opsbook state``: backup, restore, upgrade, prune."""

from __future__ import annotations

import io
import json
import os
import random
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard
from sqlalchemy import Connection, text

from doubles.clock import FakeClock
from doubles.estate_of_runs import whole_run
from opsbook.cli.main import run as opsbook
from opsbook.ledger.audit import audit
from opsbook.ledger.store import open_ledger, this_process
from opsbook.model.errors import Busy, InputFault, IntegrityFault, OpsbookError, Refused
from opsbook.model.places import Places
from opsbook.state import archive
from opsbook.state.backup import back_up, restore
from opsbook.state.upgrade import upgrade

CATALOGUE = "logs/city/catalogue.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def places(tmp_path: Path, clock: FakeClock) -> Places:
    places = Places(tmp_path / "state")
    _add_run(places, clock)
    path = places.root / CATALOGUE
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE nights (day TEXT)")
        database.execute("INSERT INTO nights VALUES ('2026-11-21')")
        database.commit()
    return places


def _add_run(places: Places, clock: FakeClock) -> None:
    ledger = open_ledger(places, clock)
    whole_run(ledger)
    ledger.checkpoint()
    ledger.close()


def _head(places: Places) -> str:
    verdict, _ = audit(places)
    assert verdict.bad is None
    return verdict.head


def test_a_backup_restores_elsewhere_byte_for_byte(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    made = back_up(places, clock, tmp_path / "b.tar.zst")
    there = Places(tmp_path / "there")
    done = restore(there, clock, tmp_path / "b.tar.zst")
    assert set(made.manifest["files"]) == {
        "ledger.db",
        "keys/checkpoint.key",
        "keys/checkpoint.pub",
        CATALOGUE,
    }
    assert done.aside is None
    assert _head(there) == _head(places)
    assert (there.keys / "checkpoint.key").read_bytes() == (
        places.keys / "checkpoint.key"
    ).read_bytes()
    with closing(sqlite3.connect(there.root / CATALOGUE)) as database:
        assert database.execute("SELECT day FROM nights").fetchall() == [("2026-11-21",)]


def test_a_backup_and_what_it_restores_are_private(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "b.tar.zst")
    restore(Places(tmp_path / "there"), clock, tmp_path / "b.tar.zst")
    assert (tmp_path / "b.tar.zst").stat().st_mode & 0o777 == 0o600
    for path in (tmp_path / "there").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_nothing_is_left_over(places: Places, clock: FakeClock, tmp_path: Path) -> None:
    back_up(places, clock, tmp_path / "b.tar.zst")
    restore(Places(tmp_path / "there"), clock, tmp_path / "b.tar.zst")
    left = [path.name for path in [*places.root.iterdir(), *(tmp_path / "there").iterdir()]]
    assert [name for name in left if name.startswith(".") or "pending" in name] == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_while_a_writer_is_at_work_is_consistent(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = open_ledger(places, clock)
    for number in range(5):
        whole_run(ledger)
        made = back_up(places, clock, tmp_path / f"{number}.tar.zst")
        assert made.verdict.bad is None
        assert made.verdict.events == 5 * (number + 2)
    ledger.close()


def test_an_existing_file_is_not_overwritten(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(Refused):
        back_up(places, clock, tmp_path / "b")
    assert (tmp_path / "b").read_text() == "mine"


def test_going_forward_on_the_same_chain_needs_no_permission(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "old")
    _add_run(places, clock)
    back_up(places, clock, tmp_path / "new")
    there = Places(tmp_path / "there")
    restore(there, clock, tmp_path / "old")
    restore(there, clock, tmp_path / "new")
    assert _head(there) == _head(places)


def test_a_newer_state_is_only_replaced_when_asked_and_moved_aside(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "b")
    old = _head(places)
    _add_run(places, clock)
    new = _head(places)
    with pytest.raises(Refused, match="newer than the backup"):
        restore(places, clock, tmp_path / "b")
    assert _head(places) == new
    done = restore(places, clock, tmp_path / "b", replace=True)
    assert _head(places) == old
    assert done.aside is not None
    assert _head(Places(done.aside)) == new


@pytest.mark.parametrize("what", ["another ledger", "key", "catalogue", "damaged"])
def test_a_differing_state_is_only_replaced_when_asked(
    places: Places, clock: FakeClock, tmp_path: Path, what: str
) -> None:
    back_up(places, clock, tmp_path / "b")
    here = places
    if what == "another ledger":
        here = Places(tmp_path / "here")
        _add_run(here, clock)
    elif what == "key":
        (here.keys / "checkpoint.pub").write_text("another")
    elif what == "catalogue":
        with closing(sqlite3.connect(here.root / CATALOGUE)) as database:
            database.execute("INSERT INTO nights VALUES ('2026-11-22')")
            database.commit()
    else:
        here.ledger.write_bytes(b"noise" * 1000)
    with pytest.raises(Refused):
        restore(here, clock, tmp_path / "b")
    restore(here, clock, tmp_path / "b", replace=True)
    assert audit(here)[0].bad is None


def test_tokens_of_a_restored_ledger_never_repeat(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = open_ledger(places, clock)
    ledger.release(ledger.take("city/web1", this_process("")))
    back_up(places, clock, tmp_path / "b")
    later = [ledger.take(f"city/{n}", this_process("")).token for n in range(3)]
    lease = ledger.take("city/web1", this_process(""))
    ledger.close()
    restore(places, clock, tmp_path / "b", replace=True)
    ledger = open_ledger(places, clock)
    assert ledger.take("city/web1", this_process("")).token > max(lease.token, *later)
    ledger.close()


def _next_number(places: Places, clock: FakeClock) -> str:
    ledger = open_ledger(places, clock)
    run = whole_run(ledger)
    ledger.close()
    return run


def test_numbers_given_out_after_the_backup_are_not_given_again(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "b")
    later = [_next_number(places, clock) for _ in range(3)]
    done = restore(places, clock, tmp_path / "b", replace=True)
    assert (done.numbers, done.guessed) == ((later[-1],), False)
    assert _next_number(places, clock) == later[-1][:-3] + "005"
    again = restore(places, clock, tmp_path / "b", replace=True)
    assert again.numbers == (later[-1][:-3] + "005",)
    assert _next_number(places, clock) == later[-1][:-3] + "006"
    back_up(places, clock, tmp_path / "c")
    restore(places, clock, tmp_path / "b", replace=True)
    restore(places, clock, tmp_path / "c", replace=True)
    assert _next_number(places, clock) == later[-1][:-3] + "007"


@pytest.mark.parametrize("what", ["gone", "damaged", "another", "half restored"])
def test_where_nothing_knows_what_was_given_out_many_numbers_are_left_out(
    places: Places, clock: FakeClock, tmp_path: Path, what: str
) -> None:
    back_up(places, clock, tmp_path / "b")
    last = [_next_number(places, clock) for _ in range(3)][-1]
    here = places
    if what == "gone":
        here = Places(tmp_path / "here")
    elif what == "another":
        here = Places(tmp_path / "here")
        _add_run(here, clock)
    elif what == "damaged":
        here.ledger.write_bytes(b"noise" * 1000)
    else:
        (here.root / "restore.pending").touch()
        here.ledger.rename(tmp_path / "moved aside")
    done = restore(here, clock, tmp_path / "b", replace=True)
    assert done.guessed
    assert done.numbers == (f"CHG-{last[4:12]}-500", f"RUN-{last[4:12]}-501")
    assert _next_number(here, clock) == f"RUN-{last[4:12]}-502"
    assert audit(here)[0].bad is None


def test_nothing_is_restored_under_a_running_opsbook(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "b")
    ledger = open_ledger(places, clock)
    with pytest.raises(Busy):
        restore(places, clock, tmp_path / "b", replace=True)
    ledger.close()
    restore(places, clock, tmp_path / "b", replace=True)


def test_no_flipped_byte_of_a_backup_is_restored(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    """A flip is refused, or (bits that decoders ignore) what was packed comes out unchanged."""
    back_up(places, clock, tmp_path / "b")
    sound = archive.check(tmp_path / "b")
    packed = (tmp_path / "b").read_bytes()
    for place in random.Random(3).sample(range(len(packed)), 100):
        spoiled = bytearray(packed)
        spoiled[place] ^= 0x10
        (tmp_path / "b").write_bytes(spoiled)
        try:
            assert restore(Places(tmp_path / str(place)), clock, tmp_path / "b").manifest == sound
        except OpsbookError:
            assert not (tmp_path / str(place) / "ledger.db").exists()


@pytest.mark.parametrize("keep", [0, 10, 1000, -1000])
def test_a_backup_that_was_cut_off_is_not_restored(
    places: Places, clock: FakeClock, tmp_path: Path, keep: int
) -> None:
    back_up(places, clock, tmp_path / "b")
    (tmp_path / "b").write_bytes((tmp_path / "b").read_bytes()[:keep])
    with pytest.raises((InputFault, IntegrityFault)):
        restore(Places(tmp_path / "there"), clock, tmp_path / "b")


HOSTILE = ["../escape", "/etc/passwd", "keys/../../x", "logs/a/../../../b/catalogue.db", "run/x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_cannot_write_outside_of_its_place(
    tmp_path: Path, clock: FakeClock, name: str
) -> None:
    manifest = {"format": "opsbook.backup/1", "files": {name: {"size": 1, "sha256": "00"}}}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for member, data in (("manifest.json", json.dumps(manifest).encode()), (name, b"x")):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    (tmp_path / "b").write_bytes(zstandard.compress(packed.getvalue()))
    with pytest.raises(InputFault):
        restore(Places(tmp_path / "there"), clock, tmp_path / "b")


def test_a_restore_that_was_cut_off_keeps_the_ledger_closed_until_it_is_done_again(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "b")
    (places.root / "restore.pending").touch()
    places.ledger.rename(tmp_path / "moved aside")
    with pytest.raises(Refused, match="interrupted"):
        open_ledger(places, clock)
    assert not places.ledger.exists()
    restore(places, clock, tmp_path / "b", replace=True)
    open_ledger(places, clock).close()


def test_a_restore_killed_at_any_moment_can_be_done_again(
    places: Places, clock: FakeClock, tmp_path: Path
) -> None:
    back_up(places, clock, tmp_path / "b")
    expected, chance = _head(places), random.Random(11)
    command = [sys.executable, "-m", "opsbook", "state", "restore", "--replace"]
    for _ in range(6):
        going = subprocess.Popen(
            [*command, str(tmp_path / "b")],
            env={**os.environ, "OPSBOOK_STATE": str(places.root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.3, 1.0))
        going.kill()
        going.wait()
    restore(places, clock, tmp_path / "b", replace=True)
    assert _head(places) == expected
    assert not list(places.root.glob(".restore-*"))


def test_an_upgrade_migrates_and_keeps_a_copy_of_before(places: Places, clock: FakeClock) -> None:
    def add_column(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE runs ADD COLUMN note VARCHAR"))

    done = upgrade(places, clock, migrations={1: add_column}, target=2)
    assert (done.before, done.after) == (1, 2)
    assert done.backup is not None
    assert done.backup.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="newer opsbook"):
        open_ledger(places, clock)
    done.backup.replace(places.ledger)
    assert audit(places)[0].bad is None


def test_an_upgrade_that_fails_leaves_everything_as_it_was(
    places: Places, clock: FakeClock
) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("DROP TABLE runs"))
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        upgrade(places, clock, migrations={1: fail}, target=2)
    assert audit(places)[0].bad is None
    open_ledger(places, clock).close()


def test_an_older_ledger_is_not_opened_but_shown_the_way(places: Places, clock: FakeClock) -> None:
    with closing(sqlite3.connect(places.ledger)) as database:
        database.execute("UPDATE meta SET value = '0' WHERE name = 'schema'")
        database.commit()
    with pytest.raises(Refused) as refused:
        open_ledger(places, clock)
    assert refused.value.next_step is not None
    assert "state upgrade" in refused.value.next_step.english()
    with pytest.raises(Refused, match="No way leads"):
        upgrade(places, clock)


def test_the_commands_say_what_they_did(
    places: Places,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPSBOOK_STATE", str(places.root))
    monkeypatch.setenv("OPSBOOK_LANG", "en")
    said: Callable[[], str] = lambda: capfd.readouterr().out  # noqa: E731
    assert opsbook(["state", "backup", str(tmp_path / "b")]) == 0
    assert "4 files" in said()
    assert opsbook(["state", "restore", str(tmp_path / "b")]) == 0
    assert "The former state lies in" in said()
    assert opsbook(["state", "upgrade"]) == 0
    assert "nothing to do" in said()
    assert opsbook(["state", "show", "--json"]) == 0
    assert json.loads(said())["events"] == 5
    prune = ["state", "prune", "--before", "2100-01-01", "--reason", "retention"]
    assert opsbook([*prune, "--dry-run"]) == 0
    assert "would be removed: 4" in said()
    assert opsbook(prune) == 0
    assert "Payloads removed: 4" in said()
    assert opsbook(["records", "verify"]) == 0
