"""Shell: the in-memory double, this machine, and a real sshd keep the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from doubles.shell import MemoryShell
from doubles.sshd import free_port, running_sshd
from opsbook.execution.reach.shell import Completed, HostShell, Shell
from opsbook.model.errors import HostFailed, HostUnreachable
from opsbook.model.estate import Host, Inventory
from opsbook.model.message import msg
from opsbook.model.places import Places


@dataclass
class Subject:
    shell: Shell
    up: Host
    down: Host


def _memory() -> Subject:
    def answer(script: str) -> Completed:
        if "sleep" in script:
            raise HostFailed(msg("a script on {host} did not end", host="up"))
        if "exit 7" in script:
            return Completed(7, "out\n", "err\n")
        return Completed(0, script.removeprefix("cat <<'E'\n").removesuffix("E\n"), "")

    return Subject(MemoryShell({"up": answer}), Host("up", "up"), Host("down", "down"))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    directory = tmp_path_factory.mktemp("sshd")
    with running_sshd(directory) as server:
        key = str(server.key)
        up = Host("up", "127.0.0.1", port=server.port, user=server.user, key_file=key)
        down = Host("down", "127.0.0.1", port=free_port(), user=server.user, key_file=key)
        inventory = Inventory((up, down), "", server.known_hosts)
        yield Subject(HostShell(inventory, Places(directory / "state")), up, down)


@pytest.fixture(params=["memory", "local", "sshd"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "memory":
        return _memory()
    remote: Subject = request.getfixturevalue("sshd")
    if request.param == "sshd":
        return remote
    here = Host("up", "127.0.0.1", connection="local")
    return Subject(remote.shell, here, remote.down)


def test_a_script_ends_with_its_code_and_both_streams(subject: Subject) -> None:
    script = "echo out; echo err >&2; exit 7\n"
    assert subject.shell.run(subject.up, script, timeout=10) == Completed(7, "out\n", "err\n")


def test_quotes_dollars_and_newlines_in_a_script_stay_as_they_are(subject: Subject) -> None:
    hostile = "a'b\"c $HOME `id` \\ ; 中文\n"
    done = subject.shell.run(subject.up, f"cat <<'E'\n{hostile}E\n", timeout=10)
    assert (done.rc, done.out) == (0, hostile)


def test_much_input_and_much_output_at_once_do_not_block(subject: Subject) -> None:
    text = "0123456789abcdef" * 16384 + "\n"
    done = subject.shell.run(subject.up, f"cat <<'E'\n{text}E\n", timeout=20)
    assert (done.rc, done.out) == (0, text)


def test_a_script_that_does_not_end_is_a_failure_of_the_host(subject: Subject) -> None:
    with pytest.raises(HostFailed):
        subject.shell.run(subject.up, "sleep 30\n", timeout=0.5)


def test_a_host_that_is_down_is_unreachable(subject: Subject) -> None:
    with pytest.raises(HostUnreachable):
        subject.shell.run(subject.down, "true\n", timeout=5)
