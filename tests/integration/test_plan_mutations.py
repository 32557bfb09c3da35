"""One thing changed in a plan, in its place in the ledger, in the policy or in what was signed.

Generated from one seed; what was changed stands in the message of a failing case.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
from base64 import b64decode
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from doubles.approving import CLIENT, Office
from doubles.clock import FakeClock
from opsbook.approval.inforce import policy_in_force
from opsbook.approval.signatures import SshSignatures
from opsbook.approval.sshsig import BEGIN, END
from opsbook.approval.verdicts import standing_approval
from opsbook.documents import explain
from opsbook.ledger.audit import audit
from opsbook.ledger.chain import event_hash, genesis
from opsbook.ledger.dossier import read_dossier
from opsbook.ledger.store import open_ledger
from opsbook.lifecycle.change.comparing import differences, read_plan
from opsbook.lifecycle.deciding.approving import bring
from opsbook.model.canonical import canonical, digest, parse
from opsbook.model.errors import InputFault, IntegrityFault, Refused
from opsbook.model.event import NewEvent
from opsbook.model.places import Places
from support.mutations import (
    SEED,
    leaves,
    spoiled,
    with_leaf,
)

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports" / "examples" / "change" / "planned.json"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office")).with_policy()


def planned(office: Office) -> str:
    """A real plan with real packages, approved."""
    plan = json.loads(EXAMPLE.read_text(encoding="utf-8"))["dossier"]["plan"]
    kept = ("runbook", "requested_by", "made", "expires", "policy_digest", "estate", "emergency")
    change = office.planned(**{name: part for name, part in plan.items() if name not in kept})
    office.say(change)
    return change


@pytest.mark.parametrize("way", ["changed", "retyped", "taken out", "doubled"])
def test_one_leaf_of_the_plan_changed_is_another_digest_and_is_not_approved(
    office: Office, way: str
) -> None:
    change = planned(office)
    dossier = office.dossier(change)
    policy = policy_in_force(office.ledger, office.estate, office.signatures)
    now = office.clock.now()
    standing_approval(dossier, policy, now, office.signatures)
    every = [at for at, _ in leaves(dossier["plan"])]
    chosen = every if way == "changed" else random.Random(SEED).sample(every, 150)
    judged = {"made", "expires", "kind", "emergency", "estate", "policy_digest", "runbook"}
    for at in chosen:
        plan = with_leaf(dossier["plan"], at, way)
        made = digest(plan)
        assert made != dossier["plan_digest"], at
        if at[0] in judged and way != "changed":
            continue  # of another form than any plan: see the test of the ledger
        forged = {**dossier, "plan": plan, "plan_digest": made}
        with pytest.raises(Refused, match="is not approved"):
            standing_approval(forged, policy, now, office.signatures)


def test_a_plan_exchanged_in_memory_of_the_ledger_is_an_integrity_fault(office: Office) -> None:
    change = planned(office)
    whole = office.dossier(change)["plan"]
    by = random.Random(SEED)
    for at in by.sample([at for at, _ in leaves(whole)], 40):
        spoilt = Tampered(office.ledger, change, with_leaf(whole, at, "changed"))
        with pytest.raises(IntegrityFault, match="does not match its digest"):
            read_dossier(spoilt, change)  # type: ignore[arg-type]


class Tampered:
    """A ledger whose plan of one change reads otherwise than it was written."""

    def __init__(self, ledger: Any, change: str, plan: Any) -> None:
        self._ledger, self._change, self._plan = ledger, change, plan

    def events(self, **asked: Any) -> Any:
        from dataclasses import replace

        for event in self._ledger.events(**asked):
            if event.kind == "change.planned" and event.run == self._change:
                yield replace(event, payload={**event.payload, "plan": self._plan})
            else:
                yield event


@pytest.mark.parametrize("cunning", ["payload", "and its hash", "and the whole chain"])
def test_a_plan_edited_in_the_database_is_found_at_its_event(
    office: Office, tmp_path: Path, cunning: str
) -> None:
    places, clock = Places(tmp_path / "state"), FakeClock()
    ledger = open_ledger(places, clock)
    for event in office.ledger.events(run=planned(office)):
        ledger.append([NewEvent(event.kind, event.estate, event.run, payload=event.payload or {})])
    ledger.checkpoint()
    ledger.close()
    assert audit(places)[0].bad is None
    with closing(sqlite3.connect(places.ledger)) as database:
        (data,) = database.execute("SELECT payload FROM events WHERE seq = 1").fetchone()
        payload = json.loads(data)
        for at in random.Random(SEED).sample([at for at, _ in leaves(payload["plan"])], 25):
            plan = with_leaf(payload["plan"], at, "changed")
            forged = {**payload, "plan": plan, "plan_digest": digest(plan)}
            _forge(database, canonical(forged), cunning)
            bad = audit(places)[0].bad
            assert bad is not None, at
            assert bad.seq <= 3, at
        _forge(database, data, "and the whole chain")
    assert audit(places)[0].bad is None


def _forge(database: sqlite3.Connection, data: bytes, cunning: str) -> None:
    """Put ``data`` in the place of the first payload, and as many hashes as somebody thinks of."""
    database.execute("UPDATE events SET payload = ? WHERE seq = 1", (data,))
    if cunning != "payload":
        made = sha256(data).digest()
        database.execute("UPDATE events SET payload_hash = ? WHERE seq = 1", (made,))
    if cunning == "and the whole chain":
        (ledger,) = database.execute("SELECT value FROM meta WHERE name = 'ledger'").fetchone()
        head = genesis(ledger).hash
        rows = database.execute("SELECT * FROM events ORDER BY seq").fetchall()
        for seq, at, kind, estate, run, host, _, payload_hash, _, _ in rows:
            names = (kind.encode(), estate.encode(), run.encode(), host.encode())
            made = event_hash(seq, at, names, payload_hash, head)
            change = "UPDATE events SET prev = ?, hash = ? WHERE seq = ?"
            database.execute(change, (head, made, seq))
            head = made
    database.commit()


def test_any_byte_of_the_policy_files_stops_every_approval(tmp_path: Path) -> None:
    office = Office(tmp_path).with_policy()
    by = random.Random(SEED)
    for name in ("approvers.yml", "allowed_signers"):
        file = office.directory / name
        good = file.read_bytes()
        for _ in range(60):
            way, data = spoiled(good, by)
            file.write_bytes(data)
            with pytest.raises((Refused, InputFault)):
                policy_in_force(office.ledger, office.estate, office.signatures)
                pytest.fail(way)
        file.unlink()
        with pytest.raises((Refused, InputFault)):
            policy_in_force(office.ledger, office.estate, office.signatures)
        file.write_bytes(good)
        policy_in_force(office.ledger, office.estate, office.signatures)


def test_a_signed_statement_with_one_byte_changed_says_nothing(office: Office) -> None:
    change = office.planned()
    data = office.statement(change).to_bytes()
    armor = office.signatures.sign(data, office.keys[CLIENT])
    by = random.Random(SEED)
    for _ in range(150):
        way, said = spoiled(data, by)
        with pytest.raises((Refused, InputFault)):
            bring(office.desk(change), said, armor)
            pytest.fail(way)
    assert office.dossier(change)["state"] == "planned"
    assert not any(entry["counts"] for entry in office.dossier(change)["statements"])


def test_a_signature_with_one_byte_changed_is_none(tmp_path: Path) -> None:
    key, data = tmp_path / "key", b"{}"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", CLIENT, "-f", key]
    subprocess.run(words, check=True)
    signers = f"{CLIENT} {key.with_name('key.pub').read_text(encoding='utf-8')}"
    real, at = SshSignatures(), FakeClock().now()
    armor = real.sign(data, key).encode()
    by = random.Random(SEED)
    real.verify(data, armor.decode(), signers, CLIENT, at)
    for _ in range(100):
        way, signed = spoiled(armor, by)
        if _meaning(signed) == _meaning(armor):
            continue  # blanks, and bits of base64 that belong to no byte
        with pytest.raises(Refused):
            real.verify(data, signed.decode("ascii", "backslashreplace"), signers, CLIENT, at)
            pytest.fail(way)


def _meaning(armor: bytes) -> bytes | None:
    """The bytes inside an armor; None where it is none."""
    begin, end = BEGIN.encode(), END.encode()
    if not (armor.strip().startswith(begin) and armor.strip().endswith(end)):
        return None
    inside = b"".join(armor.strip().removeprefix(begin).removesuffix(end).split())
    try:
        return b64decode(inside, validate=True)
    except ValueError:
        return None


def test_a_plan_is_the_same_whatever_the_order_of_its_parts(office: Office) -> None:
    plan = office.dossier(planned(office))["plan"]
    by = random.Random(SEED)

    def mixed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: mixed(value[key]) for key in by.sample(sorted(value), len(value))}
        return [mixed(part) for part in value] if isinstance(value, list) else value

    for _ in range(20):
        again = json.loads(json.dumps(mixed(plan), ensure_ascii=by.random() < 0.5, indent=1))
        assert digest(again) == digest(plan)
        assert parse(canonical(again)) == plan


@pytest.mark.parametrize("way", ["changed", "retyped", "taken out", "doubled"])
def test_an_exported_plan_edited_by_a_program_is_shown_or_refused_in_words(
    tmp_path: Path, way: str
) -> None:
    plan = json.loads(EXAMPLE.read_text(encoding="utf-8"))["dossier"]["plan"]
    plan["change"], file, by = "CHG-20261121-001", tmp_path / "plan.json", random.Random(SEED)
    places, clock, refused = Places(tmp_path / "state"), FakeClock(), 0
    for at in by.sample([at for at, _ in leaves(plan)], 40):
        file.write_bytes(canonical(with_leaf(plan, at, way)))
        try:
            read = read_plan(str(file), places, clock)
        except InputFault:
            refused += 1
            continue
        assert explain(read, "text", "zh"), at
        assert explain(read, "md", "en", full=True), at
        assert list(differences(plan, read)) is not None, at
    assert refused or way in ("changed", "doubled")
