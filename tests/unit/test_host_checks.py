"""What the doctor tells of hosts, without hosts."""

from __future__ import annotations

from doubles.shell import MemoryShell
from opsbook.execution.checks.hostcheck import check_hosts
from opsbook.execution.reach.shell import Completed
from opsbook.model.errors import HostFailed, JumpUnreachable
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import msg

GOOD = Completed(0, "", "")
CLOSED = msg("Nothing listens there.")


def behind(host: str, jump: str) -> JumpUnreachable:
    return JumpUnreachable(msg("behind"), jump, CLOSED)


def told(hosts: list[Host], shell: MemoryShell) -> list[tuple[str, str]]:
    bad = [check for check in check_hosts(hosts, shell) if not check.good]
    return [
        (check.subject, check.what.english()) for check in bad if "clock" not in check.what.text
    ]


def asked(shell: MemoryShell) -> set[str]:
    return {name for name, _, _ in shell.scripts}


def test_a_host_that_is_not_managed_is_not_asked_and_no_fault() -> None:
    shell = MemoryShell({})
    away = {"opsbook_managed": False, "opsbook_managed_reason": "Windows"}
    (check,) = check_hosts([Host("w1", "192.0.2.1", vars=away)], shell)
    assert check.good
    assert "Windows" in check.what.english()
    assert shell.scripts == []


def test_a_jump_host_that_is_down_is_told_once_with_all_hosts_behind_it() -> None:
    inner = [Host(f"inner{n}", "192.0.2.2", jump="jump1", python=False) for n in range(60)]
    deep = Host("deep", "192.0.2.3", jump="inner7", python=False)
    answers = {host.name: behind(host.name, "jump1") for host in inner}
    shell = MemoryShell({**answers, "deep": behind("deep", "inner7")})
    found = told([deep, *inner, Host("jump1", "192.0.2.1", python=False)], shell)
    assert [subject for subject, _ in found] == ["jump1", "jump1"]
    assert "cannot be reached" in found[0][1]
    assert found[1][1] == "behind it and so not asked: " + ", ".join(
        sorted(["deep", *answers])
    )  # fmt: skip
    assert len(asked(shell)) < 40, "hosts behind a jump host known to be down are not tried"


def test_a_jump_host_outside_the_inventory_is_told_with_its_reason() -> None:
    hosts = [Host(name, "192.0.2.2", jump="ops@192.0.2.1", python=False) for name in ("a", "b")]
    shell = MemoryShell({name: behind(name, "ops@192.0.2.1") for name in ("a", "b")})
    assert told(hosts, shell) == [
        ("ops@192.0.2.1", CLOSED.english()),
        ("ops@192.0.2.1", "behind it and so not asked: a, b"),
    ]


def test_hosts_behind_a_jump_host_that_is_only_ill_are_asked() -> None:
    hosts = [
        Host("jump1", "192.0.2.1", python=False),
        Host("a", "192.0.2.2", jump="jump1", python=False),
    ]
    shell = MemoryShell({"jump1": HostFailed(msg("too slow")), "a": GOOD})
    assert told(hosts, shell) == [("jump1", "too slow")]
    assert asked(shell) == {"jump1", "a"}


def test_faults_of_hosts_keep_their_exit_codes() -> None:
    shell = MemoryShell({"a": HostFailed(msg("too slow"))})
    hosts = [Host(name, "192.0.2.1", python=False) for name in ("a", "b")]
    codes = {check.exit for check in check_hosts(hosts, shell)}
    assert codes == {Exit.HOST_FAILED, Exit.HOST_UNREACHABLE}
