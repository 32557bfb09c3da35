"""Options of sshd after which nobody of ours would be let in: the rules of sshd_config(5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from opsbook.domains.hardening.planning.way import Way, is_within
from opsbook.model.message import Message, msg


def shut_by(option: str, value: str, way: Way) -> Message | None:
    """Why ``option value`` would keep us, or those who go through the host, out; else None."""
    rule = _OPTIONS.get(option.lower())
    return rule(value, way) if rule and way.over_ssh else None


def _root_login(value: str, way: Way) -> Message | None:
    key = way.login.authentication in ("", "publickey")
    if "root" not in way.accounts or value == "yes":
        return None
    if value in ("prohibit-password", "without-password") and key:
        return None
    if "root" in way.passed_as and way.passed_by:
        return msg("{hosts} are reached through it as root: reach them through an account of its"
                   " own first (ansible_user of the jump host)",
                   hosts=", ".join(way.passed_by[:5]))  # fmt: skip
    return msg("opsbook itself comes in as root: make an account with a key and sudo on it, set"
               " ansible_user and ansible_become for the host, then plan again")  # fmt: skip


def _by_password(value: str, way: Way) -> Message | None:
    if value == "no" and way.login.authentication in ("password", "keyboard-interactive"):
        return msg("opsbook comes in by password: give {user} a key there first",
                   user=way.login.user or "-")  # fmt: skip
    return None


def _by_key(value: str, way: Way) -> Message | None:
    if value == "no" and way.login.authentication in ("", "publickey"):
        return msg("opsbook comes in by key, which would no longer be accepted")
    return None


def _methods(value: str, way: Way) -> Message | None:
    ours = way.login.authentication or "publickey"
    if any(each.split(":")[0] in (ours, "any") for each in value.split()):
        return None
    return msg("opsbook comes in by {method} alone, which {value} does not accept: except its"
               " account first (Match User in sshd_config)",
               method=ours, value=value)  # fmt: skip


def _allowed_users(value: str, way: Way) -> Message | None:
    lost = [user for user in way.accounts if not _matches(value, user, way.login.source)]
    return _not_among(lost, "AllowUsers", value)


def _denied_users(value: str, way: Way) -> Message | None:
    lost = [user for user in way.accounts if _matches(value, user, way.login.source)]
    return _among(lost, "DenyUsers", value)


def _allowed_groups(value: str, way: Way) -> Message | None:
    mine = any(fnmatchcase(group, each) for group in way.login.groups for each in value.split())
    return None if mine else _not_among([way.login.user or "-"], "AllowGroups", value)


def _denied_groups(value: str, way: Way) -> Message | None:
    mine = any(fnmatchcase(group, each) for group in way.login.groups for each in value.split())
    return _among([way.login.user or "-"], "DenyGroups", value) if mine else None


def _not_among(lost: list[str], option: str, value: str) -> Message | None:
    if not lost:
        return None
    return msg("{user}, by which the host is reached, is not among {option} {value}: put it among"
               " the site's values first",
               user=lost[0], option=option, value=value)  # fmt: skip


def _among(lost: list[str], option: str, value: str) -> Message | None:
    if not lost:
        return None
    return msg("{user}, by which the host is reached, is among {option} {value}: take it out of"
               " the site's values first",
               user=lost[0], option=option, value=value)  # fmt: skip


def _matches(patterns: str, user: str, source: str) -> bool:
    """Whether ``user`` from ``source`` is meant by PATTERNS of ssh_config(5)."""
    for pattern in patterns.split():
        name, at, where = pattern.partition("@")
        if fnmatchcase(user, name) and (not at or _from(where, source)):
            return True
    return False


def _from(where: str, source: str) -> bool:
    return fnmatchcase(source, where) or is_within(source, [where])


def _elsewhere(_: str, way: Way) -> Message | None:
    return msg("the host is reached where its sshd listens now (port {port}): that is moved by"
               " hand, together with the inventory",
               port=way.port)  # fmt: skip


def _all_forwarding(value: str, way: Way) -> Message | None:
    return _passage(way) if value == "yes" else None


def _tcp_forwarding(value: str, way: Way) -> Message | None:
    return None if value in ("yes", "all", "local") else _passage(way)


def _passage(way: Way) -> Message | None:
    if not way.passed_by:
        return None
    return msg("{hosts} are reached through it, which needs forwarding: except its account first"
               " (Match User in sshd_config)",
               hosts=", ".join(way.passed_by[:5]))  # fmt: skip


_OPTIONS: Mapping[str, Callable[[str, Way], Message | None]] = {
    "permitrootlogin": _root_login,
    "passwordauthentication": _by_password,
    "kbdinteractiveauthentication": _by_password,
    "challengeresponseauthentication": _by_password,
    "pubkeyauthentication": _by_key,
    "authenticationmethods": _methods,
    "allowusers": _allowed_users,
    "denyusers": _denied_users,
    "allowgroups": _allowed_groups,
    "denygroups": _denied_groups,
    "port": _elsewhere,
    "listenaddress": _elsewhere,
    "disableforwarding": _all_forwarding,
    "allowtcpforwarding": _tcp_forwarding,
}
