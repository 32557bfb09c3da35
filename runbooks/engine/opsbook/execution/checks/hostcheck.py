"""Is a host fit for work: reached, clock, compressor, root, Python, journal; one script each."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opsbook.execution.checks.check import Check
from opsbook.execution.reach.records import read_records
from opsbook.execution.reach.shell import Shell
from opsbook.model.errors import HostFault, HostUnreachable, JumpUnreachable
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg

AT_ONCE = 20
SECONDS = 30
MOST_OFFSET = 5
"""A host's clock may differ from ours by so many seconds."""

OLDEST_PYTHON = (3, 8)
"""The oldest Python that modules of ansible-core 2.19 run on."""

PROBE = r"""
say() { printf 'text\t%s\t%s\n' "$1" "$(printf '%s' "$2" | tr -d '\000-\037\177')"; }
say epoch "$(date +%s)"
for tool in zstd gzip journalctl; do
  if command -v "$tool" >/dev/null 2>&1; then say "$tool" yes; else say "$tool" no; fi
done
if [ "$(id -u)" = 0 ]; then say root yes
elif sudo -n true >/dev/null 2>&1; then say root sudo
else say root no; fi
for python in python3 /usr/libexec/platform-python python; do
  if found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
    say python "$found"; break
  fi
done
"""


def check_hosts(hosts: Sequence[Host], shell: Shell) -> list[Check]:
    """All hosts at once, told in the order in which they were given.

    Hosts behind a jump host that cannot be reached are told once, under the name of the jump
    host. Hosts that are not managed are not asked.
    """
    asking = _Asking(hosts, shell)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        nearest_first = sorted(hosts, key=lambda host: len(asking.way(host)))
        answers = dict(pool.map(lambda host: (host.name, asking.ask(host)), nearest_first))
    return [check for host in hosts for check in answers[host.name]] + asking.told_of_jumps()


class _Asking:
    """Asks hosts from several threads and remembers the jump hosts that were not reached."""

    def __init__(self, hosts: Sequence[Host], shell: Shell) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._shell = shell
        self._down: dict[str, Message] = {}
        self._told: set[str] = set()
        self._behind: dict[str, list[str]] = {}

    def way(self, host: Host) -> list[str]:
        """The jump hosts before ``host`` as the inventory names them, the nearest to it first."""
        found: list[str] = []
        at: Host | None = host
        while at is not None and at.jump and at.jump not in found:
            found.append(at.jump)
            at = self._hosts.get(at.jump)
        return found

    def ask(self, host: Host) -> list[Check]:
        """What is found on ``host``; nothing when a jump host is in between that is not reached."""
        if host.left_alone is not None:
            what = msg("not managed by opsbook and so not asked: {reason}", reason=host.left_alone)
            return [Check(host.name, what)]
        jump = next((jump for jump in self.way(host) if jump in self._down), None)
        if jump is None:
            try:
                return list(_host(host, self._shell))
            except JumpUnreachable as fault:
                jump = fault.jump
                self._down.setdefault(jump, fault.reason)
            except HostFault as fault:
                if isinstance(fault, HostUnreachable):
                    self._down.setdefault(host.name, fault.problem)
                    self._told.add(host.name)
                return [Check(host.name, fault.problem, fault.exit, fault.next_step)]
        self._behind.setdefault(jump, []).append(host.name)
        return []

    def told_of_jumps(self) -> list[Check]:
        """Once per jump host: why it is not reached, unless that was told, and what is behind."""
        checks = []
        for jump, hosts in sorted(self._behind.items()):
            if jump not in self._told:
                checks.append(Check(jump, self._down[jump], Exit.HOST_UNREACHABLE))
            behind = msg("behind it and so not asked: {hosts}", hosts=", ".join(sorted(hosts)))
            checks.append(Check(jump, behind, Exit.HOST_UNREACHABLE))
        return checks


def _host(host: Host, shell: Shell) -> Iterator[Check]:
    begun = time.time()
    done = shell.run(host, PROBE, timeout=SECONDS, become=False)
    ended = time.time()
    facts, _ = read_records(done.out)
    yield Check(host.name, msg("reached in {seconds} s", seconds=round(ended - begun, 2)))
    yield _clock(host, str(facts.get("epoch", "")), begun, ended)
    yield _compressor(host, facts)
    if host.become:
        yield _root(host, facts)
    if host.python:
        yield _python(host, str(facts.get("python", "")))
    yield _journal(host, facts)


def _check(host: Host, good: bool, fine: Message, bad: Message, mend: Message) -> Check:
    return Check(host.name, fine) if good else Check(host.name, bad, Exit.HOST_FAILED, mend)


def _clock(host: Host, epoch: str, begun: float, ended: float) -> Check:
    """The host's time lies between ours before and after, give or take."""
    told = int(epoch) if re.fullmatch(r"[0-9]{1,12}", epoch) else 0
    offset = round(max(begun - told - 1, told - ended, 0) * (1 if told > begun else -1))
    return _check(
        host,
        abs(offset) <= MOST_OFFSET,
        msg("the clock agrees with ours"),
        msg("the clock differs from ours by {seconds} s", seconds=offset),
        msg("Set up chrony or systemd-timesyncd there."),
    )


def _compressor(host: Host, facts: dict[str, Any]) -> Check:
    """Logs travel compressed where the host can; without, they travel as they are."""
    tools = [tool for tool in ("zstd", "gzip") if facts.get(tool) == "yes"]
    if not tools:
        return Check(host.name, msg("no compressor: logs will travel uncompressed"))
    return Check(host.name, msg("compresses with {tool}", tool=tools[0]))


def _root(host: Host, facts: dict[str, Any]) -> Check:
    return _check(
        host,
        facts.get("root") in ("yes", "sudo"),
        msg("root without a password"),
        msg("sudo asks for a password"),
        msg("Let {user} run sudo without a password there, or set ansible_become to false.",
            user=host.user or "the user"),
    )  # fmt: skip


def _python(host: Host, version: str) -> Check:
    parts = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,3})", version)
    found = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    return _check(
        host,
        found >= OLDEST_PYTHON,
        msg("Python {version}", version=version),
        msg("no Python 3.8 or newer (found: {version})", version=version or "-"),
        msg("Install Python there, or say opsbook_python: false in the inventory."),
    )


def _journal(host: Host, facts: dict[str, Any]) -> Check:
    if facts.get("journalctl") == "yes":
        return Check(host.name, msg("journald can be read"))
    return Check(host.name, msg("no journald: only files and commands can be collected"))
