"""What would shut the door behind us: steps after which opsbook could not come back to a host.

Asked of every resolved step with the way by which the host was reached just now. A control of
which one step would do that is left out of the plan, with what to do first; whatever only might is
applied under the host's own dead-man undo. Rules follow sshd_config(5), shadow(5), sudoers(5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsbook.domains.hardening.planning.sshdoor import shut_by
from opsbook.domains.hardening.planning.way import Way, is_within
from opsbook.model.message import Message, msg

Step = Mapping[str, Any]

_DOORS = ("ssh", "sshd", "ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
_NETWORK = ("networking", "systemd-networkd", "NetworkManager", "network")
_NEEDED = ("openssh-server", "openssh-sftp-server", "sudo", "python3", "python3-minimal")
_HIDDEN = ("/etc/hosts.deny", "/etc/hosts.allow", "/etc/security/access.conf", "/etc/nologin")
_SOURCES = ("management_sources", "sources", "ssh_from")
"""Names of values that say from where a host may be reached."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One step, the values of its control, and the way in."""

    step: Step
    way: Way
    values: Mapping[str, Any] = field(default_factory=dict)


def lockout(steps: Iterable[Step], values: Mapping[str, Any], way: Way) -> Message | None:
    """Why these steps would keep us out and what to do first; None where none of them would."""
    for step in steps:
        rule = _RULES.get(str(step.get("kind")))
        why = rule(Asked(step, way, values)) if rule else None
        if why is not None:
            return why
    return None


def unknown(way: Way, *, local: bool) -> Message | None:
    """Why nothing that may lock out can be judged: nobody knows who we are there."""
    if way.login.user or (local and not way.passed_by):
        return None
    return msg("the host does not tell by which account opsbook comes in, so nothing that may lock"
               " it out is done")  # fmt: skip


def _sshd(asked: Asked) -> Message | None:
    value = asked.step["value"]
    words = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return shut_by(str(asked.step["option"]), words, asked.way)


def _account(asked: Asked) -> Message | None:
    step, way = asked.step, asked.way
    names = [str(name) for name in step.get("users", ())]
    ours = [user for user in way.accounts if user in names]
    if not ours:
        return None
    if step.get("lock") or "shell" in step:
        return msg("{user}, by which the host is reached, would be among the accounts that are"
                   " shut: give opsbook another account first",
                   user=ours[0])  # fmt: skip
    if "max_days" in step:
        return _too_old(ours[0], int(step["max_days"]), way)
    return None


def _too_old(user: str, days: int, way: Way) -> Message | None:
    """A password past its age keeps everybody out who has no terminal, key or not."""
    if user != way.login.user or way.login.changed is None or not way.day:
        return msg("it is not known when the password of {user}, by which the host is reached, was"
                   " last changed: past {days} days nobody comes in, also by key",
                   user=user, days=days)  # fmt: skip
    if way.day - way.login.changed < days:
        return None
    return msg("the password of {user}, by which the host is reached, is {age} days old and would"
               " be past its age, also for logins by key: change it first (passwd {user})",
               user=user, age=way.day - way.login.changed)  # fmt: skip


def _sudo(asked: Asked) -> Message | None:
    step, login = asked.step, asked.way.login
    file = str(step.get("file", ""))
    if not file.startswith("/etc/sudoers") or not (login.sudo and login.nopasswd):
        return None
    told = " ".join(str(step.get(key, "")) for key in ("line", "match", "lines")).lower()
    removed = step.get("kind") == "file_absent" or step.get("absent") is True
    if not (removed or "authenticate" in told or "nopasswd" in told):
        return None
    return msg("{user} becomes root by sudo without a password: give opsbook its password in the"
               " vault (ansible_become_password) first",
               user=login.user or "-")  # fmt: skip


def _file(asked: Asked) -> Message | None:
    file = str(asked.step.get("file", ""))
    if file in _HIDDEN and asked.way.over_ssh:
        return msg("{file} decides who comes in at all: that is changed by hand, with somebody at"
                   " the console",
                   file=file)  # fmt: skip
    return _sudo(asked)


def _firewall(asked: Asked) -> Message | None:
    source = asked.way.login.source
    sources = next((asked.values[name] for name in _SOURCES if name in asked.values), None)
    if not source or sources is None or is_within(source, map(str, sources)):
        return None
    return msg("opsbook comes from {source}, which is not among the management sources: put it"
               " among the site's values first",
               source=source)  # fmt: skip


def _service(asked: Asked) -> Message | None:
    unit, step = str(asked.step["unit"]), asked.step
    shut = step.get("active") is False or step.get("enabled") in (False, "false", "masked")
    if not shut or not asked.way.over_ssh:
        return None
    if unit in _DOORS or unit.removesuffix(".service") in _NETWORK:
        return msg("the host is reached by {unit}", unit=unit)
    return None


def _removal(asked: Asked) -> Message | None:
    lost = sorted(set(map(str, asked.step["names"])) & set(_NEEDED))
    if asked.step.get("state") != "absent" or not lost:
        return None
    return msg("opsbook needs {package} on the host", package=lost[0])


_RULES: Mapping[str, Callable[[Asked], Message | None]] = {
    "sshd_option": _sshd,
    "account": _account,
    "sudoers": _sudo,
    "line": _file,
    "drop_in": _file,
    "conf_value": _file,
    "file_absent": _file,
    "nftables": _firewall,
    "ufw": _firewall,
    "unit": _service,
    "package": _removal,
}
