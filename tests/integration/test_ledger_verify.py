"""Attacks on a ledger that lies on a disk: each is found, and the first bad event is named."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import START, FakeClock
from doubles.estate_of_runs import opened, whole_run
from doubles.witness import MemoryWitness
from opsbook.ledger import witness as witnesses
from opsbook.ledger.audit import audit
from opsbook.ledger.chain import Head, event_hash, genesis
from opsbook.ledger.claims import WitnessLines
from opsbook.ledger.listing import Written, open_reader
from opsbook.ledger.pruned import PrunedRanges
from opsbook.ledger.signing import Signer, public_keys, to_line
from opsbook.ledger.store import open_ledger
from opsbook.ledger.verdict import Level, Verdict, What
from opsbook.ledger.verify import verify
from opsbook.ledger.witness import read_lines
from opsbook.model.errors import IntegrityFault, OpsbookError, UsageFault
from opsbook.model.estate import Witness
from opsbook.model.event import NewEvent
from opsbook.model.places import Places

RUNS = 6
WITNESS = Witness(kind="file", path="/far/away")


class Scene:
    """A ledger of a few runs with a checkpoint and a witness line each."""

    def __init__(self, root: Path) -> None:
        self.places = Places(root / "state")
        self.clock = FakeClock()
        self.witness = MemoryWitness()
        ledger = open_ledger(self.places, self.clock, alive=lambda holder: False)
        for _ in range(RUNS):
            whole_run(ledger)
            self.clock.advance(3600)
            witnesses.testify(ledger.checkpoint(), [WITNESS], lambda witness: self.witness)
        ledger.close()
        self.settle()

    def settle(self) -> None:
        """Everything into the one file, so that bytes can be changed in it."""
        with closing(sqlite3.connect(self.places.ledger)) as database:
            database.execute("PRAGMA journal_mode=DELETE")

    def verify(self, *, witnessed: bool = True) -> Verdict:
        keys = public_keys(self.places.keys / "checkpoint.pub")
        lines = WitnessLines("far", tuple(read_lines(self.witness.lines())))
        with open_reader(self.places.ledger) as reader:
            return verify(reader, keys, [lines] if witnessed else [])

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.places.ledger)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.places.ledger)) as database:
            return database.execute(query).fetchall()

    def rewrite(self, *, keep_to: int) -> None:
        """Make every event behind ``keep_to`` anew, as somebody with the key would."""
        head = genesis(self.rows("SELECT value FROM meta WHERE name = 'ledger'")[0][0])
        with closing(sqlite3.connect(self.places.ledger)) as database:
            for row in database.execute("SELECT * FROM events ORDER BY seq").fetchall():
                seq, at, kind, estate, run, host, _, payload_hash, _, hash_ = row
                if seq > keep_to:
                    names = (kind.encode(), estate.encode(), run.encode(), host.encode())
                    hash_ = event_hash(seq, at, names, payload_hash, head.hash)
                    change = "UPDATE events SET prev = ?, hash = ? WHERE seq = ?"
                    database.execute(change, (head.hash, hash_, seq))
                head = Head(seq, at, hash_)
            self._sign_again(database, keep_to)
            database.commit()

    def _sign_again(self, database: sqlite3.Connection, keep_to: int) -> None:
        signer = Signer.kept_in(self.places.keys)
        (ledger,) = database.execute("SELECT value FROM meta WHERE name = 'ledger'").fetchone()
        for (seq,) in database.execute("SELECT seq FROM checkpoints").fetchall():
            if seq > keep_to:
                query = "SELECT hash FROM events WHERE seq = ?"
                (head,) = database.execute(query, (seq,)).fetchone()
                made = signer.checkpoint(ledger, Head(seq, 0, head), START)
                change = "UPDATE checkpoints SET head = ?, at = ?, signature = ? WHERE seq = ?"
                at = "2026-11-21T08:41:00.000000Z"
                database.execute(change, (head, at, made.signature, seq))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("original"))


@pytest.fixture
def scene(original: Scene, tmp_path: Path) -> Scene:
    """A fresh copy to spoil."""
    copied = object.__new__(Scene)
    copied.places, copied.clock = Places(tmp_path / "state"), FakeClock(original.clock.wall)
    copied.witness = MemoryWitness()
    copied.witness.kept = list(original.witness.kept)
    shutil.copytree(original.places.root, copied.places.root)
    return copied


def test_an_untouched_ledger_is_verified_and_witnessed(scene: Scene) -> None:
    verdict = scene.verify()
    assert verdict.level is Level.WITNESSED
    assert (verdict.events, verdict.checkpoints) == (RUNS * 5, RUNS)
    assert verdict.witnessed_to == verdict.signed_to == verdict.events


def test_without_a_witness_it_is_only_consistent(scene: Scene) -> None:
    assert scene.verify(witnessed=False).level is Level.CONSISTENT


def test_a_witness_that_lags_behind_does_not_witness(scene: Scene) -> None:
    scene.witness.kept.pop()
    verdict = scene.verify()
    assert verdict.level is Level.CONSISTENT
    assert verdict.witnessed_to == (RUNS - 1) * 5


SPOILS: dict[str, tuple[tuple[str, ...], int, What]] = {
    "payload": (
        ("UPDATE events SET payload = replace(payload, 'web2', 'web3') WHERE seq = 8",),
        8,
        What.PAYLOAD_ALTERED,
    ),
    "payload and its hash": (
        ("UPDATE events SET payload_hash = zeroblob(32) WHERE seq = 8",),
        8,
        What.ALTERED,
    ),
    "time": (("UPDATE events SET at = at + 1 WHERE seq = 9",), 9, What.ALTERED),
    "time as a fraction": (("UPDATE events SET at = at + 0.5 WHERE seq = 9",), 9, What.ALTERED),
    "host": (("UPDATE events SET host = 'db1' WHERE seq = 7",), 7, What.ALTERED),
    "host as bytes": (
        ("UPDATE events SET host = CAST('web1' AS BLOB) WHERE seq = 7",),
        7,
        What.ALTERED,
    ),
    "kind and run exchanged in length": (
        ("UPDATE events SET kind = 'host.finishedc', estate = 'ity' WHERE seq = 7",),
        7,
        What.ALTERED,
    ),
    "removed": (("DELETE FROM events WHERE seq = 12",), 12, What.MISSING),
    "removed and renumbered": (
        (
            "DELETE FROM events WHERE seq = 12",
            "UPDATE events SET seq = seq - 1 WHERE seq > 12",
        ),
        12,
        What.MOVED,
    ),
    "the first removed": (("DELETE FROM events WHERE seq = 1",), 1, What.MISSING),
    "swapped": (
        (
            "UPDATE events SET seq = 1000 WHERE seq = 7",
            "UPDATE events SET seq = 7 WHERE seq = 8",
            "UPDATE events SET seq = 8 WHERE seq = 1000",
        ),
        7,
        What.MOVED,
    ),
    "put in": (
        (
            "UPDATE events SET seq = -seq - 1 WHERE seq > 11",
            "UPDATE events SET seq = -seq WHERE seq < 0",
            "INSERT INTO events SELECT 12, at, kind, estate, run, host, payload,"  # noqa: ISC004
            " payload_hash, prev, hash FROM events WHERE seq = 11",
        ),
        12,
        What.MOVED,
    ),
    "payload deleted by hand": (
        ("UPDATE events SET payload = NULL WHERE seq = 13",),
        13,
        What.PAYLOAD_MISSING,
    ),
    "tail cut, checkpoints left": (
        ("DELETE FROM events WHERE seq > 27",),
        28,
        What.CUT,
    ),
    "tail and checkpoints cut": (
        (
            "DELETE FROM events WHERE seq > 27",
            "DELETE FROM checkpoints WHERE seq > 27",
        ),
        28,
        What.CUT,
    ),
    "everything cut": (
        ("DELETE FROM events", "DELETE FROM checkpoints", "DELETE FROM runs"),
        1,
        What.CUT,
    ),
    "checkpoint signature": (
        ("UPDATE checkpoints SET signature = zeroblob(64) WHERE seq = 10",),
        10,
        What.CHECKPOINT_UNSIGNED,
    ),
    "checkpoint time": (
        ("UPDATE checkpoints SET at = 'yesterday' WHERE seq = 10",),
        10,
        What.CHECKPOINT_UNSIGNED,
    ),
    "checkpoint head": (
        ("UPDATE checkpoints SET head = 'text' WHERE seq = 10",),
        10,
        What.CHECKPOINT_UNSIGNED,
    ),
    "run's line": (
        ("UPDATE runs SET exit = 0, state = 'missed' WHERE run = 'RUN-20261121-002'",),
        6,
        What.RUNS_DISAGREE,
    ),
    "run's line removed": (
        ("DELETE FROM runs WHERE run = 'RUN-20261121-002'",),
        6,
        What.RUNS_DISAGREE,
    ),
    "run's line invented": (
        (
            "INSERT INTO runs SELECT 'RUN-20261121-000', estate, runbook, state, exit,"  # noqa: ISC004
            " opened, closed, 3, recorded, NULL, NULL, NULL FROM runs LIMIT 1",
        ),
        3,
        What.RUNS_DISAGREE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILS)
def test_the_first_bad_event_is_named(scene: Scene, name: str) -> None:
    statements, seq, what = SPOILS[name]
    scene.sql(*statements)
    verdict = scene.verify()
    assert verdict.level is Level.FAULT
    assert verdict.bad is not None
    assert (verdict.bad.seq, verdict.bad.what) == (seq, what)


def test_another_ledger_id_breaks_the_first_event(scene: Scene) -> None:
    scene.sql("UPDATE meta SET value = 'feed' WHERE name = 'ledger'")
    verdict = scene.verify()
    assert verdict.bad is not None
    assert (verdict.bad.seq, verdict.bad.what) == (1, What.BROKEN_LINK)


def test_a_history_rewritten_with_the_key_is_consistent_until_a_witness_is_asked(
    scene: Scene,
) -> None:
    scene.sql("UPDATE events SET host = 'db9' WHERE seq = 12")
    scene.rewrite(keep_to=11)
    assert scene.verify(witnessed=False).level is Level.CONSISTENT
    verdict = scene.verify()
    assert verdict.bad is not None
    assert (verdict.bad.seq, verdict.bad.what) == (15, What.REWRITTEN)
    assert verdict.bad.problem.params["sound"] == 10


def test_a_checkpoint_signed_by_another_key_is_a_fault(scene: Scene) -> None:
    made = Signer.new().checkpoint(
        scene.rows("SELECT value FROM meta WHERE name = 'ledger'")[0][0],
        Head(10, 0, scene.rows("SELECT hash FROM events WHERE seq = 10")[0][0]),
        START,
    )
    scene.witness.kept.append(to_line(made))
    verdict = scene.verify()
    assert verdict.bad is not None
    assert (verdict.bad.seq, verdict.bad.what) == (10, What.WITNESS_UNSIGNED)


def test_exchanging_the_key_does_not_get_past_the_witness(scene: Scene) -> None:
    for path in scene.places.keys.iterdir():
        path.unlink()
    scene.rewrite(keep_to=0)
    signer = Signer.kept_in(scene.places.keys)
    scene.sql(f"UPDATE checkpoints SET key_id = '{signer.key_id}'")
    assert scene.verify(witnessed=False).level is Level.CONSISTENT
    assert scene.verify().level is Level.FAULT


def test_a_new_ledger_in_the_place_of_the_old_one_is_not_witnessed(
    scene: Scene, tmp_path: Path
) -> None:
    other = Scene(tmp_path / "other")
    other.witness.kept = scene.witness.kept
    verdict = other.verify()
    assert verdict.level is Level.CONSISTENT
    assert verdict.notes[0].params["number"] == RUNS


def test_lines_of_a_witness_that_were_cut_off_are_left_out(scene: Scene) -> None:
    scene.witness.kept.insert(2, scene.witness.kept[2][:40])
    scene.witness.kept.insert(0, "<109>1 2026-11-21 ops1 opsbook - - - " + scene.witness.kept[0])
    assert scene.verify().level is Level.WITNESSED


def _verdict_or_none(scene: Scene) -> bool:
    """Whether the flip was found; a database that cannot even be opened is found."""
    try:
        return scene.verify().level is Level.FAULT
    except OpsbookError:
        return True


def test_no_flipped_byte_of_the_file_goes_unnoticed(scene: Scene) -> None:
    """Seeded sample of the whole file: a flip is a fault, or it changed no event at all."""
    path = scene.places.ledger
    before, sound = _content_of(scene), path.read_bytes()
    chosen = random.Random(20261121).sample(range(len(sound)), 400)
    unnoticed = []
    for place in chosen:
        spoiled = bytearray(sound)
        spoiled[place] ^= 1 << (place % 8)
        path.write_bytes(spoiled)
        if not _verdict_or_none(scene) and _content_of(scene) != before:
            unnoticed.append(place)
    assert unnoticed == []


def _content_of(scene: Scene) -> list[Any]:
    query = (
        "SELECT seq, at, kind, estate, run, host, payload, payload_hash, prev, hash,"
        " typeof(kind), typeof(estate), typeof(run), typeof(host) FROM events ORDER BY seq"
    )
    return scene.rows(query)


@pytest.mark.parametrize("value", ["one", "", "1\n", "-1"])
def test_a_schema_that_is_no_number_is_a_fault(scene: Scene, value: str) -> None:
    scene.sql(f"UPDATE meta SET value = '{value}' WHERE name = 'schema'")
    with pytest.raises(IntegrityFault):
        scene.verify()


@pytest.mark.parametrize("begun", ["", "PRAGMA journal_mode=WAL"])
def test_a_file_left_by_a_disk_without_room_is_no_ledger_yet(tmp_path: Path, begun: str) -> None:
    places = Places(tmp_path)
    with closing(sqlite3.connect(places.ledger)) as db:
        db.execute(begun)
    places.ledger.touch()
    with pytest.raises(UsageFault, match="no ledger"):
        open_reader(places.ledger)
    assert list(Written(places.ledger).events()) == []
    with closing(open_ledger(places, FakeClock())):
        open_reader(places.ledger).close()


@pytest.mark.parametrize("table", ["meta", "events", "runs", "checkpoints"])
def test_a_table_that_is_gone_is_a_fault(scene: Scene, table: str) -> None:
    scene.sql(f"DROP TABLE {table}")
    assert _verdict_or_none(scene)


@pytest.mark.parametrize("table", ["meta", "events", "runs", "checkpoints"])
def test_text_that_is_no_utf_8_is_a_fault(scene: Scene, table: str) -> None:
    column = {"meta": "value", "events": "host", "runs": "estate", "checkpoints": "at"}[table]
    scene.sql(f"UPDATE {table} SET {column} = CAST(x'ff' AS TEXT)")
    assert _verdict_or_none(scene)


def test_every_byte_of_an_event_counts(scene: Scene) -> None:
    """All bytes of one stored payload and of its hashes, one after the other."""
    path = scene.places.ledger
    sound = path.read_bytes()
    columns = scene.rows("SELECT payload, payload_hash, prev, hash FROM events WHERE seq = 7")[0]
    for stored in columns:
        start = sound.index(stored)
        for place in range(start, start + len(stored)):
            spoiled = bytearray(sound)
            spoiled[place] ^= 0x01
            path.write_bytes(spoiled)
            assert _verdict_or_none(scene), (stored, place - start)


def _prune(scene: Scene, *, hours: float, dry_run: bool = False) -> int:
    ledger = open_ledger(scene.places, scene.clock, alive=lambda holder: False)
    before = START + timedelta(hours=hours)
    count = ledger.prune(before, reason="retention", dry_run=dry_run)
    ledger.close()
    return count


def test_pruned_payloads_are_gone_and_the_ledger_still_verifies(scene: Scene) -> None:
    assert _prune(scene, hours=3.5, dry_run=True) == 16
    assert _prune(scene, hours=3.5) == 16
    verdict = scene.verify()
    assert (verdict.level, verdict.pruned) == (Level.WITNESSED, 16)
    (fact,) = scene.rows("SELECT payload FROM events WHERE kind = 'payloads.pruned'")
    assert b'"count":16' in fact[0]
    scene.settle()
    assert scene.places.ledger.read_bytes().count(b"bytes collected") == _records_left(scene)


def _records_left(scene: Scene) -> int:
    """How often the sentence still stands: two hosts in every sealed record, and unpruned."""
    left = scene.rows("SELECT payload FROM events WHERE payload IS NOT NULL")
    return sum(payload.count(b"bytes collected") for (payload,) in left)


def test_records_survive_pruning_byte_for_byte(scene: Scene) -> None:
    run = "RUN-20261121-001"
    with open_reader(scene.places.ledger) as reader:
        before = reader.record(run)
    _prune(scene, hours=3.5)
    with open_reader(scene.places.ledger) as reader:
        assert reader.record(run) == before


def test_a_late_deviation_of_a_pruned_run_keeps_its_record_whole(scene: Scene) -> None:
    _prune(scene, hours=3.5)
    ledger = open_ledger(scene.places, scene.clock)
    late = {"message": {"text": "found later", "params": {}}}
    ledger.append([NewEvent("run.deviation", "city", "RUN-20261121-001", payload=late)])
    record = ledger.record("RUN-20261121-001")
    ledger.close()
    assert record is not None
    assert [host["outcome"] for host in record["hosts"]] == ["ok", "ok"]
    assert record["who"]["user"] == "lin"
    assert [each["message"] for each in record["deviations"]] == [late["message"]]


def test_pruning_twice_still_verifies(scene: Scene) -> None:
    _prune(scene, hours=1.5)
    assert _prune(scene, hours=4.5) == 12
    assert scene.verify().level is Level.WITNESSED


def test_a_payload_deleted_beside_pruned_ones_is_a_fault(scene: Scene) -> None:
    _prune(scene, hours=3.5)
    scene.sql("UPDATE events SET payload = NULL WHERE kind = 'run.recorded' AND seq = 10")
    verdict = scene.verify()
    assert verdict.bad is not None
    assert (verdict.bad.seq, verdict.bad.what) == (10, What.PAYLOAD_MISSING)


def test_runs_that_have_not_ended_are_not_pruned(scene: Scene) -> None:
    ledger = open_ledger(scene.places, scene.clock)
    run = ledger.open_run(scene.clock.now().date(), lambda run: [opened(run)])
    ledger.close()
    _prune(scene, hours=10_000)
    with open_reader(scene.places.ledger) as reader:
        assert next(reader.events(run=run)).payload


def test_a_broken_tail_gets_no_signature(scene: Scene) -> None:
    ledger = open_ledger(scene.places, scene.clock)
    whole_run(ledger)
    scene.sql("UPDATE events SET host = 'db1' WHERE seq = 32")
    with pytest.raises(IntegrityFault, match="Event 32"):
        ledger.checkpoint()
    ledger.close()


def test_a_changed_head_under_the_last_checkpoint_gets_no_signature(scene: Scene) -> None:
    ledger = open_ledger(scene.places, scene.clock)
    scene.sql("UPDATE events SET hash = zeroblob(32) WHERE seq = 30")
    with pytest.raises(IntegrityFault, match="Event 30"):
        ledger.checkpoint()
    ledger.close()


def test_a_copy_verifies_elsewhere_with_the_public_key_alone(scene: Scene, tmp_path: Path) -> None:
    elsewhere = tmp_path / "auditor"
    elsewhere.mkdir()
    shutil.copy(scene.places.ledger, elsewhere / "ledger.db")
    shutil.copy(scene.places.keys / "checkpoint.pub", elsewhere / "key.pub")
    (elsewhere / "lines").write_text("\n".join(scene.witness.kept))
    verdict, unread = audit(
        Places(tmp_path / "nothing"),
        ledger=elsewhere / "ledger.db",
        key=elsewhere / "key.pub",
        files=[elsewhere / "lines"],
    )
    assert (verdict.level, unread) == (Level.WITNESSED, [])
    assert sorted(path.name for path in elsewhere.iterdir()) == ["key.pub", "ledger.db", "lines"]


def test_verifying_changes_no_byte(scene: Scene) -> None:
    before = scene.places.ledger.read_bytes()
    scene.verify()
    assert scene.places.ledger.read_bytes() == before


def test_a_verification_that_was_cut_off_skips_nothing_the_next_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops in the middle as if the process had died; the next one names an earlier event."""
    scene.sql("UPDATE events SET payload = NULL WHERE seq = 20")

    def die(self: PrunedRanges, seq: int) -> bool:
        raise SystemExit(137)

    kept: Callable[..., bool] = PrunedRanges.covers
    monkeypatch.setattr(PrunedRanges, "covers", die)
    with pytest.raises(SystemExit):
        scene.verify()
    monkeypatch.setattr(PrunedRanges, "covers", kept)
    scene.sql("UPDATE events SET host = 'db1' WHERE seq = 7")
    verdict = scene.verify()
    assert verdict.bad is not None
    assert verdict.bad.seq == 7
