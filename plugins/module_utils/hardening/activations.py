"""Which service reads which file, and how it is made to read it again: each service once."""

from __future__ import annotations

import fnmatch
import os
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run

_FILES = (
    ("/etc/ssh/sshd_config*", ("ssh", "sshd"), "reload"),
    ("/etc/systemd/journald.conf*", ("systemd-journald",), "restart"),
    ("/etc/systemd/timesyncd.conf*", ("systemd-timesyncd",), "restart"),
    ("/etc/systemd/logind.conf*", ("systemd-logind",), "reload"),
    ("/etc/systemd/journal-upload.conf*", ("systemd-journal-upload",), "restart"),
    ("/etc/rsyslog.*", ("rsyslog",), "restart"),
    ("/etc/chrony*", ("chrony", "chronyd"), "restart"),
    ("/etc/audit/auditd.conf", ("auditd",), "hangup"),
    ("/etc/fail2ban/*", ("fail2ban",), "reload"),
    ("/etc/snmp/*", ("snmpd",), "restart"),
    ("/etc/postfix/*", ("postfix",), "reload"),
    ("/etc/vsftpd*", ("vsftpd",), "restart"),
)
_MANAGER = ("/etc/systemd/system/*", "/etc/fstab")
_LIVE_RULES = ("/etc/audit/rules.d/*", "/etc/audit/audit.rules")
_SETTLING_SECONDS = 20.0


class Activation(t.NamedTuple):
    """One service made to read its files again; ``how``: reload, restart, hangup, rules, manager.

    ``units`` are its names in different families; that which runs is meant.
    """

    units: t.Tuple[str, ...]
    how: str


def of(paths: t.Iterable[str], asked: t.Iterable[tuple[str, str]] = ()) -> list[Activation]:
    """What must be told of these files, and what steps ask for themselves; each unit once."""
    paths = list(paths)
    found = {}
    if any(fnmatch.fnmatch(path, one) for path in paths for one in _MANAGER):
        found["manager"] = Activation((), "manager")
    if any(fnmatch.fnmatch(path, one) for path in paths for one in _LIVE_RULES):
        found["rules"] = Activation(("auditd",), "rules")
    for pattern, units, how in _FILES:
        if any(fnmatch.fnmatch(path, pattern) for path in paths):
            found[units[0]] = Activation(units, how)
    for unit, how in sorted(asked):
        if found.get(unit, Activation((), "")).how != "restart":
            found[unit] = Activation((unit,), how)
    return [found[key] for key in sorted(found, key=_order)]


def _order(name: str) -> tuple[int, str]:
    """systemd's own view first, the way in last."""
    return ({"manager": 0, "ssh": 2}.get(name, 1), name)


def told(host: Host, found: t.Iterable[Activation]) -> list[str]:
    """The services that would be told, in words for the plan: ``ssh.service reload``."""
    names = [f"{unit}.service {one.how}" for one in found for unit in _running(host, one)]
    return sorted(names)


def commands(host: Host, one: Activation) -> list[tuple[str, ...]]:
    """The commands of an activation on this host; none where nothing runs that could read."""
    if one.how == "rules":
        usable = host.has("augenrules") and host.run("auditctl", "-s").status == 0
        return [("augenrules", "--load")] if usable else []
    if one.how == "manager":
        return [("systemctl", "daemon-reload")] if host.systemd else []
    if not host.systemd:
        return _without_systemd(host, one)
    words = {"hangup": ("kill", "-s", "HUP"), "reload": ("reload-or-restart",)}
    word = words.get(one.how, ("restart",))
    return [("systemctl", *word, "--", f"{unit}.service") for unit in _running(host, one)]


def _without_systemd(host: Host, one: Activation) -> list[tuple[str, ...]]:
    """sshd alone is looked after where there is no systemd: its own number is in a file."""
    number = host.live("/run/sshd.pid") if "ssh" in one.units else None
    return [("kill", "-HUP", number)] if number and number.isdigit() else []


def _running(host: Host, one: Activation) -> list[str]:
    if not host.systemd:
        return []
    found = []
    for unit in one.units:
        shown = host.run(
            "systemctl", "show", "-p", "Id", "-p", "ActiveState", "--", f"{unit}.service"
        )
        values = dict(line.split("=", 1) for line in shown.out.splitlines() if "=" in line)
        name = values.get("Id", "").rpartition(".")[0]
        if values.get("ActiveState") in ("active", "reloading") and name not in found:
            found.append(name)
    return found


def perform(host: Host, found: t.Iterable[Activation]) -> tuple[list[str], list[str]]:
    """Tell them; what was told, and what went wrong in words. One that dies of it went wrong."""
    done, wrong = [], []
    for one in found:
        for argv in commands(host, one):
            before = _pid_file_time()
            result = run(*argv, timeout=300)
            trouble = result.words if result.status else _down(host, one, before)
            if trouble and one.how == "rules" and "immutable" in result.out + result.err:
                trouble = (
                    ""  # audit rules that are locked until the next boot are told by the check
                )
            (wrong if trouble else done).append(
                " ".join(argv) + (f": {trouble}" if trouble else "")
            )
    return done, wrong


def _down(host: Host, one: Activation, before: float) -> str:
    """Whether a service does not run any more, or sshd has not read anything again."""
    end = time.monotonic() + _SETTLING_SECONDS
    while True:
        dead = [unit for unit in one.units if _is_dead(host, unit)]
        unread = "ssh" in one.units and before and _pid_file_time() <= before
        if not dead and not unread:
            return ""
        if time.monotonic() > end:
            return "it does not run any more" if dead else "it has not read its files again"
        time.sleep(0.1)


def _is_dead(host: Host, unit: str) -> bool:
    if not host.systemd:
        return False
    return host.run("systemctl", "is-active", "--", f"{unit}.service").out.strip() == "failed"


def _pid_file_time() -> float:
    """sshd writes its number down again when it reads its configuration again."""
    try:
        return os.stat("/run/sshd.pid").st_mtime
    except OSError:
        return 0.0
