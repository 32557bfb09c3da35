"""What can go wrong on the way to a host: each its own sentence and next step."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from doubles.sshd import Sshd, free_port, running_sshd
from opsbook.execution.reach.shell import HostShell
from opsbook.model.errors import HostUnreachable
from opsbook.model.estate import Host, Inventory
from opsbook.model.places import Places


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def host(sshd: Sshd) -> Host:
    return Host("web1", "127.0.0.1", sshd.port, sshd.user, str(sshd.key))


def trouble(host: Host, known_hosts: Path, state: Path, *jumps: Host) -> tuple[str, str]:
    inventory = Inventory((host,), "", known_hosts, jumps)
    with pytest.raises(HostUnreachable) as caught:
        HostShell(inventory, Places(state)).run(host, "true\n", timeout=20)
    assert caught.value.next_step is not None
    return caught.value.problem.english(), caught.value.next_step.english()


def other_key(directory: Path) -> Path:
    key = directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


def test_a_host_key_that_changed(host: Host, tmp_path: Path) -> None:
    public = other_key(tmp_path).with_suffix(".pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{host.port} {public[0]} {public[1]}\n")
    problem, mend = trouble(host, known, tmp_path)
    assert problem.startswith("The host key of web1 is not the one on file")
    assert str(known) in mend


def test_a_host_key_that_is_not_known(host: Host, tmp_path: Path) -> None:
    problem, mend = trouble(host, tmp_path / "missing", tmp_path)
    assert problem == "The host key of web1 is not on file."
    assert f"ssh-keyscan -p {host.port} 127.0.0.1" in mend


def test_a_key_that_is_refused(host: Host, sshd: Sshd, tmp_path: Path) -> None:
    stranger = replace(host, key_file=str(other_key(tmp_path)))
    problem, _ = trouble(stranger, sshd.known_hosts, tmp_path)
    assert problem == "web1 refused our key."


def test_a_key_file_that_is_missing(host: Host, sshd: Sshd, tmp_path: Path) -> None:
    host = replace(host, key_file=str(tmp_path / "missing"))
    problem, mend = trouble(host, sshd.known_hosts, tmp_path)
    assert problem.startswith("The key to log in to web1 with cannot be read: ")
    assert str(tmp_path / "missing") in problem
    assert "ansible_ssh_private_key_file" in mend


def test_a_key_with_a_passphrase_that_no_agent_holds(
    host: Host, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    key = other_key(tmp_path)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    host = replace(host, key_file=str(key))
    problem, mend = trouble(host, sshd.known_hosts, tmp_path)
    assert problem == "The key to log in to web1 with has a passphrase."
    assert "ssh-add" in mend


def test_a_port_where_nothing_listens(host: Host, sshd: Sshd, tmp_path: Path) -> None:
    port = free_port()
    problem, _ = trouble(replace(host, port=port), sshd.known_hosts, tmp_path)
    assert problem == f"Nothing listens at 127.0.0.1:{port} for web1."


def test_a_name_that_does_not_resolve(host: Host, sshd: Sshd, tmp_path: Path) -> None:
    problem, _ = trouble(replace(host, address="no.such.invalid"), sshd.known_hosts, tmp_path)
    assert problem == "The name no.such.invalid of web1 does not resolve."


def test_something_that_is_not_ssh(host: Host, sshd: Sshd, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            connection.sendall(b"\x1b[2JHTTP/1.1 200 OK\r\n" * 200)
            connection.close()

        threading.Thread(target=greet, daemon=True).start()
        port = server.getsockname()[1]
        problem, _ = trouble(replace(host, port=port), sshd.known_hosts, tmp_path)
    assert "web1" in problem
    assert "\x1b" not in problem


def test_a_host_is_reached_through_another_whose_key_is_checked_too(
    host: Host, sshd: Sshd, tmp_path: Path
) -> None:
    jump = replace(host, name="jump1", address="localhost")
    inner = replace(host, name="inner1", jump="jump1")
    problem, _ = trouble(inner, sshd.known_hosts, tmp_path, jump)
    assert "host key" in problem
    both = tmp_path / "both"
    both.write_text(sshd.host_line() + sshd.host_line().replace("127.0.0.1", "localhost"))
    inventory = Inventory((inner,), "", both, (jump,))
    done = HostShell(inventory, Places(tmp_path)).run(inner, "echo here\n", timeout=20)
    assert done.out == "here\n"


def test_a_jump_host_that_cannot_reach_the_host(host: Host, sshd: Sshd, tmp_path: Path) -> None:
    inner = replace(host, name="inner1", port=free_port(), jump="web1")
    problem, _ = trouble(inner, sshd.known_hosts, tmp_path, host)
    assert problem == "The jump host web1 cannot reach inner1."


def test_a_jump_host_that_is_down_is_named_instead_of_the_host_behind_it(
    host: Host, sshd: Sshd, tmp_path: Path
) -> None:
    port = free_port()
    jump = replace(host, name="jump1", port=port)
    inner = replace(host, name="inner1", jump="jump1")
    problem, mend = trouble(inner, sshd.known_hosts, tmp_path, jump)
    reason = f"Nothing listens at 127.0.0.1:{port} for jump1."
    assert problem == f"inner1 lies behind the jump host jump1: {reason}"
    assert mend == "Check that sshd runs there."
    written = replace(host, name="inner2", jump=f"{sshd.user}@localhost:{port}")
    problem, _ = trouble(written, sshd.known_hosts, tmp_path)
    assert f"Nothing listens at localhost:{port}" in problem
