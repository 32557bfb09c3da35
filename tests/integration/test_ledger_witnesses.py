"""Witnesses at real places: files, git repositories, syslog sockets."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.clock import FakeClock
from doubles.estate_of_runs import whole_run
from doubles.ledger import MemoryLedger
from doubles.witness import MemoryWitness
from opsbook.ledger import witness as witnesses
from opsbook.ledger.port import Checkpoint
from opsbook.ledger.signing import from_line, to_line
from opsbook.ledger.witness import WitnessPlace, place_of, read_lines
from opsbook.model.estate import Witness


@pytest.fixture
def checkpoints() -> list[Checkpoint]:
    ledger = MemoryLedger(FakeClock())
    made = []
    for _ in range(3):
        whole_run(ledger)
        made.append(ledger.checkpoint())
    return made


@pytest.fixture(params=["memory", "file", "git", "git with address"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> WitnessPlace:
    if request.param == "memory":
        return MemoryWitness()
    if request.param == "git with address":
        far = tmp_path / "far.git"
        subprocess.run(["git", "init", "-q", "--bare", str(far)], check=True)
        return place_of(Witness(kind="git", path=str(tmp_path / "near"), address=str(far)))
    return place_of(Witness(kind=request.param, path=str(tmp_path / "witness")))


def test_what_a_witness_was_told_can_be_read_back(
    place: WitnessPlace, checkpoints: list[Checkpoint]
) -> None:
    for checkpoint in checkpoints:
        place.keep(to_line(checkpoint), checkpoint)
    assert list(read_lines(place.lines())) == checkpoints


def test_a_checkpoint_told_twice_is_kept_twice_and_harms_nothing(
    place: WitnessPlace, checkpoints: list[Checkpoint]
) -> None:
    for _ in range(2):
        place.keep(to_line(checkpoints[0]), checkpoints[0])
    assert set(map(to_line, read_lines(place.lines()))) == {to_line(checkpoints[0])}


def test_every_checkpoint_is_a_commit(tmp_path: Path, checkpoints: list[Checkpoint]) -> None:
    for checkpoint in checkpoints:
        assert witnesses.testify(checkpoint, [Witness(kind="git", path=str(tmp_path / "w"))]) == []
    log = ["git", "-C", str(tmp_path / "w"), "log", "--format=%s"]
    subjects = subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(subjects) == 3
    assert subjects[-1].startswith("Checkpoint 5 of ledger")


def test_a_hook_of_the_witness_repository_is_not_run(
    tmp_path: Path, checkpoints: list[Checkpoint]
) -> None:
    repository, trace = tmp_path / "w", tmp_path / "trace"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    hook = repository / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\ntouch {trace}\n")
    hook.chmod(0o755)
    assert witnesses.testify(checkpoints[0], [Witness(kind="git", path=str(repository))]) == []
    assert not trace.exists()


def test_two_processes_can_tell_one_git_witness_at_once(
    tmp_path: Path, checkpoints: list[Checkpoint]
) -> None:
    place = Witness(kind="git", path=str(tmp_path / "w"))
    problems: list[object] = []

    def tell() -> None:
        for checkpoint in checkpoints:
            problems.extend(witnesses.testify(checkpoint, [place]))

    threads = [threading.Thread(target=tell) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(list(place_of(place).lines())) == 9


def test_a_line_cut_off_by_a_full_disk_does_not_spoil_the_next(
    tmp_path: Path, checkpoints: list[Checkpoint]
) -> None:
    path = tmp_path / "witness"
    place = place_of(Witness(kind="file", path=str(path)))
    place.keep(to_line(checkpoints[0]), checkpoints[0])
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 9)
    place.keep(to_line(checkpoints[1]), checkpoints[1])
    assert list(read_lines(place.lines())) == [checkpoints[1]]


BROKEN = {
    "no path": Witness(kind="file"),
    "relative path": Witness(kind="file", path="here"),
    "no such directory": Witness(kind="file", path="/nonexistent/dir/file"),
    "a directory": Witness(kind="file", path="/tmp"),
    "a device": Witness(kind="file", path="/dev/null"),
    "git below a file": Witness(kind="git", path="/etc/passwd/x"),
    "git with an option as address": Witness(kind="git", path="/tmp/x", address="--upload-pack=x"),
    "no such socket": Witness(kind="syslog", path="/nonexistent/log"),
    "strange address": Witness(kind="syslog", address="http://loghost"),
    "port out of range": Witness(kind="syslog", address="udp://127.0.0.1:99999"),
    "nobody listens": Witness(kind="syslog", address="tcp://127.0.0.1:9"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_witness_that_fails_is_told_and_the_next_one_still_hears(
    tmp_path: Path, checkpoints: list[Checkpoint], name: str
) -> None:
    good = Witness(kind="file", path=str(tmp_path / "good"))
    (problem,) = witnesses.testify(checkpoints[0], [BROKEN[name], good])
    assert problem.params["seq"] == checkpoints[0].seq
    assert problem.params["reason"]
    assert len(list(place_of(good).lines())) == 1


def test_an_account_in_an_address_stays_out_of_messages(checkpoints: list[Checkpoint]) -> None:
    secret = Witness(kind="syslog", address="http://user:canary@loghost")
    (problem,) = witnesses.testify(checkpoints[0], [secret])
    assert "canary" not in problem.english()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(5)
        yield path, server


SYSLOG = re.compile(
    rb"<109>1 2026-11-21T08:41:00\.000000Z \S+ opsbook \d+ checkpoint - (\{.*\})", re.DOTALL
)


def test_the_local_syslog_gets_one_message_of_rfc_5424(
    listening: tuple[str, socket.socket], checkpoints: list[Checkpoint]
) -> None:
    path, server = listening
    assert witnesses.testify(checkpoints[0], [Witness(kind="syslog", path=path)]) == []
    match = SYSLOG.fullmatch(server.recv(8192))
    assert match
    assert from_line(match[1]) == checkpoints[0]


def test_a_syslog_server_gets_it_by_udp(checkpoints: list[Checkpoint]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert witnesses.testify(checkpoints[0], [Witness(kind="syslog", address=address)]) == []
        assert SYSLOG.fullmatch(server.recv(8192))


def test_a_syslog_server_gets_it_by_tcp_with_its_length_before(
    checkpoints: list[Checkpoint],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert witnesses.testify(checkpoints[0], [Witness(kind="syslog", address=address)]) == []
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            length, _, message = stream.read().partition(b" ")
    assert int(length) == len(message)
    assert SYSLOG.fullmatch(message)


def test_lines_exported_from_a_syslog_server_are_read_with_what_it_put_before_them(
    checkpoints: list[Checkpoint],
) -> None:
    exported = [
        "Nov 21 08:41:00 ops1 opsbook[77]: " + to_line(checkpoints[0]) + "\n",
        "Nov 21 08:41:01 ops1 sshd[78]: a line of somebody else {not json}\n",
        json.dumps({"format": "opsbook.checkpoint/1", "seq": -1}) + "\n",
    ]
    assert list(read_lines(iter(exported))) == [checkpoints[0]]


def test_a_file_witness_is_private_unless_its_owner_says_otherwise(
    tmp_path: Path, checkpoints: list[Checkpoint]
) -> None:
    witnesses.testify(checkpoints[0], [Witness(kind="file", path=str(tmp_path / "w"))])
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o600
