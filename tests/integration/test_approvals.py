"""Deciding with real keys and the real command: every way to be let through that must not work."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from opsbook.approval.signatures import SshSignatures
from opsbook.ledger.audit import audit
from opsbook.model.canonical import canonical
from opsbook.model.exits import Exit
from opsbook.model.places import Places
from support.changes import APPROVER, OPSBOOK, SECOND, Site, account, make_site


@dataclass(frozen=True)
class Door:
    """A site with its policy in force and two planned changes, put back after every test."""

    site: Site
    change: str
    other: str

    def refused(self, *words: str | Path, code: Exit = Exit.REFUSED, **env: str) -> str:
        done = self.site.typed(*words, **env)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stderr

    def state(self, change: str) -> str:
        return str(self.site.json("records", "show", change)["state"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Door:
    site = make_site(tmp_path_factory.mktemp("whole") / "site", hosts=1)
    door = Door(site, site.plan("--set", "words=new"), site.plan("--set", "words=other"))
    site.keep()
    return door


@pytest.fixture
def door(whole: Door) -> Iterator[Door]:
    yield whole
    verdict, _ = audit(Places(whole.site.state))
    assert verdict.bad is None, "the ledger still verifies after all this"
    whole.site.rewind()


@pytest.fixture
def files(door: Door) -> list[Path]:
    """The policy's files."""
    return [door.site.estate / "approvers.yml", door.site.estate / "allowed_signers"]


def keygen(*words: str | Path, data: bytes = b"") -> None:
    subprocess.run(["ssh-keygen", *words], input=data, check=True, capture_output=True)


def test_an_exported_plan_is_signed_elsewhere_and_brought_back(door: Door, tmp_path: Path) -> None:
    change = door.change
    plan = tmp_path / "plan.json"
    door.site.good("plan", "export", change, "-o", plan)
    elsewhere = {"OPSBOOK_STATE": str(tmp_path / "other")}
    words = ["approve", plan, "--key", door.site.key(APPROVER), "--principal", APPROVER,
             "--role", "client", "--yes", "-o", tmp_path / "said.json"]  # fmt: skip
    assert "--principal" in door.refused(*words[:4], "--yes", code=Exit.USAGE, **elsewhere)
    done = door.site.typed(*words, **elsewhere)
    assert done.returncode == 0, done.stderr
    assert f"opsbook approve {change} --statement" in done.stdout
    assert not (tmp_path / "other" / "ledger.db").exists()
    brought = door.site.json("approve", change, "--statement", tmp_path / "said.json")
    assert brought == {"change": change, "state": "approved", "missing": []}


def test_stock_ssh_keygen_signs_and_checks_a_statement(door: Door, tmp_path: Path) -> None:
    change = door.change
    said = tmp_path / "said.json"
    told = door.site.good(
        "approve", change, "--statement-only", "--principal", APPROVER, "-o", said
    )
    assert f"ssh-keygen -Y sign -n opsbook-approval -f KEY {said}" in told
    keygen("-Y", "sign", "-n", "opsbook-approval", "-f", door.site.key(APPROVER), said)
    keygen("-Y", "verify", "-n", "opsbook-approval", "-f", door.site.estate / "allowed_signers",
           "-I", APPROVER, "-s", f"{said}.sig", data=said.read_bytes())  # fmt: skip
    door.site.good("approve", change, "--statement", said, "--signature", f"{said}.sig")
    assert door.state(change) == "approved"


def test_what_was_signed_otherwise_does_not_count(door: Door, tmp_path: Path) -> None:
    change, other = door.change, door.other
    said, sig = tmp_path / "said.json", tmp_path / "said.json.sig"
    door.site.good("approve", change, "--statement-only", "--principal", APPROVER, "-o", said)
    good = said.read_bytes()
    keygen("-Y", "sign", "-n", "opsbook-approval", "-f", door.site.key(APPROVER), said)
    whole = sig.read_text()

    def bring(to: str = change, code: Exit = Exit.REFUSED) -> str:
        return door.refused("approve", to, "--statement", said, code=code)

    assert f"made for {change}" in bring(other)
    said.write_bytes(good.replace(b'"reason":""', b'"reason":"x"'))
    assert "not the bytes that were signed" in bring()
    said.write_bytes(json.dumps(json.loads(good), indent=1).encode())
    assert "canonical" in bring(code=Exit.BAD_INPUT)
    said.write_bytes(good)
    other_kind = whole.replace("SSH SIGNATURE", "PGP SIGNATURE")
    for broken in ("", whole[:120], whole.replace("U1NI", "AAAA", 1), other_kind):
        sig.write_text(broken)
        assert "not a whole signature" in bring()
    sig.unlink()
    assert "cannot be read" in bring(code=Exit.BAD_INPUT)
    keygen("-Y", "sign", "-n", "file", "-f", door.site.key(APPROVER), said)
    assert "made for file, not for opsbook-approval" in bring()
    sig.unlink()
    keygen("-Y", "sign", "-n", "opsbook-approval", "-f", door.site.key(SECOND), said)
    assert f"is not allowed for {APPROVER}" in bring()
    assert door.state(change) == "planned"
    sig.write_text(whole)
    door.site.good("approve", change, "--statement", said)


def test_a_pretty_signature_over_pretty_json_is_none(door: Door, tmp_path: Path) -> None:
    change = door.change
    said = tmp_path / "said.json"
    door.site.good("approve", change, "--statement-only", "--principal", APPROVER, "-o", said)
    said.write_bytes(json.dumps(json.loads(said.read_bytes()), indent=1).encode())
    keygen("-Y", "sign", "-n", "opsbook-approval", "-f", door.site.key(APPROVER), said)
    told = door.refused("approve", change, "--statement", said, code=Exit.BAD_INPUT)
    assert "canonical" in told
    said.write_bytes(canonical(json.loads(said.read_bytes())))
    assert "not the bytes" in door.refused("approve", change, "--statement", said)


def test_two_approvers_at_once_from_two_terminals_are_both_heard(door: Door) -> None:
    with (door.site.estate / "approvers.yml").open("a", encoding="utf-8") as file:
        file.write("# more\n")
    asked = ("policy", "propose", "-e", door.site.estate, "--reason", "x")
    change = door.site.json(*asked)["change"]
    with ThreadPoolExecutor(2) as pool:
        words = [("approve", change, "--key", door.site.key(who), "--yes")
                 for who in (APPROVER, SECOND)]  # fmt: skip
        done = list(pool.map(lambda each: door.site.run(*each), words))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert door.state(change) == "approved"
    heard = [s["principal"] for s in door.site.json("records", "show", change)["statements"]]
    assert sorted(heard) == [APPROVER, SECOND]


def test_who_plans_does_not_approve(door: Door) -> None:
    site = door.site
    file = site.estate / "approvers.yml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("accounts: []", f"accounts: [{account()}]", 1), encoding="utf-8")
    change = site.json("policy", "propose", "-e", site.estate, "--reason", "own account")["change"]
    assert "in force" in site.typed("plan", "notice", "-e", site.estate, "--reason", "x").stderr
    for who in (APPROVER, SECOND):
        site.approve(change, who)
    site.good("apply", change)
    own = site.plan("--set", "words=new")
    done = site.typed("approve", own, "--key", site.key(APPROVER), "--yes")
    assert done.returncode == Exit.REFUSED
    assert f"asked for this change as {account()}" in done.stderr
    shown = site.json("policy", "show", "-e", site.estate)
    assert (shown["change"], shown["differences"]) == (change, [])


def test_files_changed_without_the_quorum_stop_approving_and_are_named(
    door: Door, files: list[Path]
) -> None:
    change = door.change
    signers = files[1].read_text("utf-8")
    files[1].write_text(signers.replace(f"{APPROVER} ", f"{SECOND} "), encoding="utf-8")
    words = ("approve", change, "--key", door.site.key(APPROVER), "--yes")
    assert "faulty" in door.refused(*words, code=Exit.BAD_INPUT)
    files[1].write_text(signers + signers.splitlines()[0] + " twice\n", encoding="utf-8")
    assert "not what is in force" in door.refused(*words)
    files[1].unlink()
    assert "nobody can approve" in door.refused(*words, code=Exit.BAD_INPUT)
    files[1].write_text(signers, encoding="utf-8")
    files[0].write_text(files[0].read_text("utf-8") + "emergency: {group: client}\n", "utf-8")
    assert "emergency changed" in door.refused(*words)
    assert door.refused("policy", "show", "-e", door.site.estate) == ""


def test_all_faults_of_the_files_are_told_at_once(door: Door, files: list[Path]) -> None:
    files[0].write_text(
        "schema: 1\nrules: [{quorum: [{groop: x}]}]\nextra: 1\npolicy: []\n", "utf-8"
    )
    found = json.loads(door.site.typed("policy", "check", "-e", door.site.estate, "--json").stdout)
    paths = {fault["path"] for fault in found["faults"]}
    assert paths == {"approvers", "rules.0.quorum.0.groop", "extra", "policy"}
    files[0].write_text("schema: 1\napprovers: [}", encoding="utf-8")
    words = ("policy", "propose", "-e", door.site.estate, "--reason", "x")
    assert "approvers.yml:2" in door.refused(*words, code=Exit.BAD_INPUT)
    assert "approvers.yml:2" in door.refused(
        "estate", "check", "-e", door.site.estate, code=Exit.BAD_INPUT
    )


def test_proposing_what_is_in_force_is_refused(door: Door) -> None:
    told = door.refused("policy", "propose", "-e", door.site.estate, "--reason", "x")
    assert "say what is in force" in told


def test_a_witness_that_does_not_hear_of_a_proposal_is_told_beside_its_json(door: Door) -> None:
    site = door.site
    for name, text in (
        ("approvers.yml", "# more\n"),
        ("estate.yml", f"witnesses: [{{kind: file, path: {site.root}}}]\n"),
    ):
        with (site.estate / name).open("a", encoding="utf-8") as file:
            file.write(text)
    done = site.typed("policy", "propose", "-e", site.estate, "--reason", "x", "--json")
    assert json.loads(done.stdout)["change"].startswith("CHG-")
    assert str(site.root) in done.stderr


def test_without_a_terminal_nothing_is_signed_unasked(door: Door) -> None:
    change = door.change
    told = door.refused("approve", change, "--key", door.site.key(APPROVER), code=Exit.USAGE)
    assert "--yes" in told
    assert "--key" in door.refused("approve", change, "--yes", code=Exit.USAGE)
    assert door.state(change) == "planned"


@pytest.mark.parametrize(("typed", "state"), [("yes", "approved"), ("no", "planned")])
def test_on_a_terminal_the_page_is_shown_before_one_is_asked(
    door: Door, typed: str, state: str
) -> None:
    change = door.change
    words = ["approve", change, "--key", str(door.site.key(APPROVER))]
    said = _at_terminal(door.site, words, {"Type yes": typed})
    assert change in said
    assert "Type yes" in said
    assert door.state(change) == state


def test_a_passphrase_is_asked_for_by_ssh_keygen_on_the_terminal(
    door: Door, tmp_path: Path
) -> None:
    change = door.change
    key = tmp_path / "locked"
    shutil.copy(door.site.key(APPROVER), key)
    keygen("-q", "-p", "-N", "open sesame", "-f", key)
    words = ["approve", change, "--yes", "--key", str(key)]
    _at_terminal(door.site, words, {"passphrase": "wrong"})
    assert door.state(change) == "planned"
    said = _at_terminal(door.site, words, {"passphrase": "open sesame"})
    assert door.state(change) == "approved", said
    told = door.refused("approve", change, "--key", key, "--yes", code=Exit.BAD_INPUT)
    assert "could not sign" in told


def test_a_key_of_the_agent_signs(door: Door, tmp_path: Path) -> None:
    change = door.change
    public = shutil.copy(f"{door.site.key(APPROVER)}.pub", tmp_path / "only.pub")
    words = ("approve", change, "--key", public, "--yes")
    assert "could not sign" in door.refused(*words, code=Exit.BAD_INPUT, SSH_AUTH_SOCK="")
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if socket.exists():
                break
            subprocess.run(["sleep", "0.05"], check=True)
        env = {"SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", door.site.key(APPROVER)], env=os.environ | env, check=True)
        assert door.site.typed(*words, **env).returncode == 0
    finally:
        agent.kill()
        agent.wait()
    assert door.state(change) == "approved"


def test_a_missing_or_old_ssh_keygen_is_one_sentence(door: Door, tmp_path: Path) -> None:
    change = door.change
    words = ("approve", change, "--key", door.site.key(APPROVER), "--yes")
    told = door.refused(*words, code=Exit.BAD_INPUT, PATH=str(tmp_path))
    assert "there is no ssh-keygen" in told
    old = tmp_path / "ssh-keygen"
    old.write_text("#!/bin/sh\necho 'unknown option -- Y\nusage: ssh-keygen' >&2\nexit 1\n")
    old.chmod(0o755)
    assert "too old" in door.refused(*words, code=Exit.BAD_INPUT, PATH=f"{tmp_path}:/usr/bin:/bin")


def test_a_certificate_of_the_estates_authority_signs_for_its_person_only(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from opsbook.model.errors import Refused

    for name in ("authority", "person"):
        keygen("-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name)
    keygen("-q", "-s", tmp_path / "authority", "-I", "x", "-n", APPROVER, "-V",
           "20260101:20270101", tmp_path / "person.pub")  # fmt: skip
    public = (tmp_path / "authority.pub").read_text()
    allowed = f"*@example.invalid cert-authority {public}"
    real, at = SshSignatures(), datetime(2026, 11, 21, tzinfo=UTC)
    signature = real.sign(b"x", tmp_path / "person-cert.pub")
    assert real.verify(b"x", signature, allowed, APPROVER, at).key_type == "ED25519-CERT"
    assert real.principals(signature, allowed, at) == [APPROVER]
    for who, when in ((SECOND, at), (APPROVER, datetime(2027, 2, 1, tzinfo=UTC))):
        with pytest.raises(Refused, match="is not allowed for"):
            real.verify(b"x", signature, allowed, who, when)


def test_rejecting_and_cancelling_need_a_reason_and_end_a_change(door: Door) -> None:
    one, two = door.change, door.other
    key = ("--key", door.site.key(SECOND), "--yes")
    assert "reason is needed" in door.refused("reject", one, *key, code=Exit.USAGE)
    assert "reason is needed" in door.refused("cancel", two, code=Exit.USAGE)
    assert door.site.json("reject", one, *key, "--reason", "no")["state"] == "rejected"
    assert door.site.json("cancel", two, "--reason", "later")["state"] == "cancelled"
    for change in (one, two):
        told = door.refused("approve", change, "--key", door.site.key(APPROVER), "--yes")
        assert "cannot be done" in told
    assert "no change" in door.refused("approve", "CHG-20000101-001", *key, code=Exit.USAGE)
    assert "owes no review" in door.refused("review", one, *key, "--reason", "x", code=Exit.USAGE)


def _at_terminal(site: Site, words: list[str], answers: dict[str, str]) -> str:
    """What a command says on a terminal where every question is answered once."""
    child, terminal = pty.fork()
    if not child:
        os.execve(OPSBOOK, [OPSBOOK, *words], site.environment)
    said, waiting = "", dict(answers)
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk.decode("utf-8", "replace")
            for question in [q for q in waiting if q in said]:
                os.write(terminal, (waiting.pop(question) + "\n").encode())
    except OSError:
        pass
    os.waitpid(child, 0)
    os.close(terminal)
    return said
