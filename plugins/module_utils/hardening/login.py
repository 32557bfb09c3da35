"""Who is logged in here and how: the account before become, and the way it came.

Read from proc(5): the chain of parents up to the sshd process that carries the session.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    boot_id,
    read,
)

_UNSET = 4294967295
_METHODS = re.compile(r"Accepted ([\w/-]+) for (\S+) from (\S+) port (\d+)")


def session() -> dict[str, t.Any]:
    """The session this module came by: its account, and the sshd process with its start.

    ``started`` is in clock ticks since boot, ``boot`` which boot that is; ``sshd`` 0: not over SSH.
    """
    number = _sshd()
    return {
        "uid": _login_uid(),
        "sshd": number,
        "started": _started(number) if number else 0,
        "now": _ticks(),
        "boot": boot_id(),
    }


def whole(host: Host) -> dict[str, t.Any]:
    """Everything a plan must know not to shut this account out."""
    uid = _login_uid()
    user, groups = _account(uid)
    source, port = _connection(_sshd())
    return {
        "user": user,
        "uid": uid,
        "groups": groups,
        "source": source,
        "tty": _terminal(),
        "authentication": _authentication(host, user, source, port),
        "password": _password(host, user),
        "sudo": _sudo(host, user),
    }


def _ancestors() -> list[int]:
    """Process numbers from this one up to the first of all."""
    found, pid = [], os.getpid()
    while pid > 0 and pid not in found:
        found.append(pid)
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        pid = int(fields[1]) if len(fields) > 1 else 0
    return found


def _sshd() -> int:
    """The outermost process of our own session: the child of the listening daemon; 0 for none."""
    ours = [pid for pid in _ancestors() if read(f"/proc/{pid}/comm").startswith("sshd")]
    sessions = [pid for pid in ours if "[listener]" not in read(f"/proc/{pid}/cmdline")
                and " -D" not in read(f"/proc/{pid}/cmdline").replace("\0", " ")]  # fmt: skip
    return sessions[-1] if sessions else 0


def _started(pid: int) -> int:
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


def _ticks() -> int:
    up = float((read("/proc/uptime").split() or ["0"])[0])
    return int(up * os.sysconf("SC_CLK_TCK"))


def _login_uid() -> int:
    """The account that logged in: pam_loginuid(8), else sudo's word, else ours."""
    text = read("/proc/self/loginuid").strip()
    if text.isdigit() and int(text) != _UNSET:
        return int(text)
    text = os.environ.get("SUDO_UID", "")
    return int(text) if text.isdigit() else os.getuid()


def _account(uid: int) -> tuple[str, list[str]]:
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return str(uid), []
    names = []
    for gid in os.getgrouplist(found.pw_name, found.pw_gid):
        try:
            names.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            names.append(str(gid))
    return found.pw_name, sorted(set(names))


def _connection(number: int) -> tuple[str, str]:
    """Address and port of the other side, from the session's own surroundings: ssh(1)."""
    words = os.environ.get("SSH_CONNECTION", "")
    chain = _ancestors()
    inside = chain[: chain.index(number)] if number in chain else chain
    for pid in inside:
        if words:
            break
        for one in read(f"/proc/{pid}/environ").split("\0"):
            if one.startswith("SSH_CONNECTION="):
                words = one.partition("=")[2]
    fields = words.split()
    return (fields[0], fields[1]) if len(fields) == 4 else ("", "")


def _terminal() -> str:
    """The controlling terminal, as proc(5) numbers it; empty without one."""
    fields = read("/proc/self/stat").rpartition(")")[2].split()
    number = int(fields[4]) if len(fields) > 4 else 0
    major, minor = number >> 8 & 0xFFF, number & 0xFF
    return f"pts/{minor}" if 136 <= major <= 143 else f"tty{minor}" if major == 4 else ""


def _authentication(host: Host, user: str, source: str, port: str) -> str:
    """How the login was proven, by the words of sshd about this very connection."""
    if not source:
        return ""
    text = ""
    if host.systemd:
        said_by = ("SYSLOG_IDENTIFIER=sshd", "+", "SYSLOG_IDENTIFIER=sshd-session")
        text = host.run("journalctl", "-q", "-o", "cat", "-n", "2000", "-r", *said_by).out
    for path in ("/var/log/auth.log", "/var/log/secure"):
        text = text or _tail(path)
    found = [one for one in _METHODS.findall(text) if one[1:] == (user, source, port)]
    return found[0][0].partition("/")[0] if found else ""


def _tail(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - (1 << 20)))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _password(host: Host, user: str) -> dict[str, t.Any]:
    """Whether the account has a password, and the day it was set (days since 1970)."""
    try:
        text = (host.read("/etc/shadow") or b"").decode("utf-8", "surrogateescape")
    except OSError:
        return {"state": "", "changed": None}
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) > 2:
            state = "empty" if not fields[1] else "locked" if fields[1][0] in "!*" else "set"
            return {"state": state, "changed": int(fields[2]) if fields[2].isdigit() else None}
    return {"state": "", "changed": None}


def _sudo(host: Host, user: str) -> dict[str, bool]:
    """Whether root was reached by sudo, and whether sudo asks this account for no password."""
    used = any(read(f"/proc/{pid}/comm").strip() == "sudo" for pid in _ancestors())
    listed = host.run("sudo", "-n", "-l", "-U", user).out if user and user != "root" else ""
    return {"used": used, "nopasswd": "NOPASSWD:" in listed or user == "root"}
