"""What is live on a host and not in a file of ours: how it is, and the commands from here to there.

A way back is the same as a way there, so an undo and the guard's script need nothing of their own.
Accounts are changed field by field (chage(1), usermod(8)) and never by putting a kept shadow file
back: passwords that people set meanwhile stay.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Effect


class Command(t.NamedTuple):
    """A program of the host with what it is given to read."""

    argv: t.Tuple[str, ...]
    text: str = ""


Commands = t.List[Command]

_SHADOW = {"min_days": (3, "-m"), "max_days": (4, "-M"), "warn_days": (5, "-W"),
           "inactive": (6, "-I")}  # fmt: skip
_ENABLE = {"enabled": "enable", "disabled": "disable", "masked": "mask"}
_OPPOSITE = {"noexec": "exec", "nosuid": "suid", "nodev": "dev"}


def now(host: Host, kind: str, key: str) -> t.Any:
    """How it is, as JSON; None where it is not there or nobody can tell."""
    return _KINDS[kind][0](host, key)


def commands(kind: str, key: str, at: t.Any, wanted: t.Any) -> Commands:
    """What brings it from ``at`` to ``wanted``; nothing where that is not known."""
    return [] if at == wanted else _KINDS[kind][1](key, at, wanted)


def back(host: Host, effect: Effect) -> Commands:
    """What brings it back to what it was from what it is now."""
    return commands(effect.kind, effect.key, now(host, effect.kind, effect.key), effect.was)


def is_back(host: Host, effect: Effect) -> bool:
    """Whether it is what it was; what was not there is nobody's duty."""
    if effect.kind == "unit":
        return not back(host, effect)
    if effect.was is None or effect.kind == "nft":
        return True
    return bool(now(host, effect.kind, effect.key) == effect.was)


def elsewhere(host: Host, found: t.Iterable[Effect]) -> list[str]:
    """What somebody else has set since; units and rules change by themselves.

    Two stages may set one thing: it is ours with the value of either.
    """
    ours: dict[tuple[str, str], list[t.Any]] = {}
    for one in found:
        if one.kind in ("sysctl", "account"):
            ours.setdefault((one.kind, one.key), []).extend((one.was, one.wanted))
    return [" ".join(key) for key, values in ours.items() if now(host, *key) not in values]


def _sysctl_now(host: Host, key: str) -> str | None:
    text = host.live("/proc/sys/" + key)
    return None if text is None else " ".join(text.split())


def _sysctl(key: str, at: t.Any, wanted: t.Any) -> Commands:
    return [Command(("sysctl", "-q", "-w", f"{key}={wanted}"))] if wanted is not None else []


def _unit_now(host: Host, key: str) -> dict[str, str] | None:
    """Whether it starts at boot, and whether it runs: systemctl(1), also offline.

    One whose file has gone may be told as active still; that is ``not-found`` and active.
    """
    enabled = (host.run("systemctl", "is-enabled", "--", key).out.split() or ["not-found"])[0]
    active = host.run("systemctl", "is-active", "--", key).out.strip() if host.systemd else ""
    if enabled == "not-found" and active not in _RUNNING:
        return None
    return {"enabled": enabled, "active": "active" if active in _RUNNING else active and "inactive"}


_RUNNING = ("active", "reloading", "activating")


def _unit(key: str, at: t.Any, wanted: t.Any) -> Commands:
    if at is None:
        return []
    if not (wanted or {}).get("enabled"):
        # It was not there. Stopped only when its file has gone: its own stop may clear too much.
        return [Command(("systemctl", "stop", "--", key))] if at["enabled"] == "not-found" else []
    words = []
    if at["enabled"] != wanted["enabled"]:
        words += ["unmask"] if at["enabled"] == "masked" else []
        words += [_ENABLE[wanted["enabled"]]] if wanted["enabled"] in _ENABLE else []
    found = [Command(("systemctl", word, "--", key)) for word in words]
    if wanted["active"] and at["active"] != wanted["active"]:
        word = "start" if wanted["active"] == "active" else "stop"
        place = 0 if word == "stop" else len(found)
        found.insert(place, Command(("systemctl", word, "--", key)))
    return found


def _module_now(host: Host, key: str) -> bool | None:
    text = host.live("/proc/modules")
    loaded = {line.split(" ")[0] for line in (text or "").splitlines()}
    return None if text is None else key.replace("-", "_") in loaded


def _module(key: str, at: t.Any, wanted: t.Any) -> Commands:
    return [Command(("modprobe", key) if wanted else ("modprobe", "-r", key))]


def _mount_now(host: Host, key: str) -> list[str] | None:
    found = None
    for line in (host.live("/proc/self/mounts") or "").splitlines():
        fields = line.split(" ")
        if len(fields) > 3 and fields[1] == key:
            found = [one for one in _OPPOSITE if one in fields[3].split(",")]
    return found


def _mount(key: str, at: t.Any, wanted: t.Any) -> Commands:
    if wanted is None or at is None:
        return []
    options = [one if one in wanted else _OPPOSITE[one] for one in _OPPOSITE]
    return [Command(("mount", "-o", ",".join(["remount", *options]), key))]


def _account_now(host: Host, key: str) -> str | None:
    user, _, field = key.partition(":")
    fields = _row(host, "/etc/passwd" if field == "shell" else "/etc/shadow", user)
    if not fields:
        return None
    if field == "shell":
        return fields[6]
    if field == "lock":
        word = fields[1]
        return "empty" if not word else "locked" if word[0] in "!*" else "open"
    return fields[_SHADOW[field][0]]


def _row(host: Host, path: str, name: str) -> list[str]:
    text = (host.read(path) or b"").decode("utf-8", "surrogateescape")
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 6:
            return fields
    return []


def _account(key: str, at: t.Any, wanted: t.Any) -> Commands:
    user, _, field = key.partition(":")
    if wanted is None:
        return []
    if field == "shell":
        return [Command(("usermod", "-s", wanted, "--", user))]
    if field == "lock":
        ways = {"locked": ("usermod", "-L"), "open": ("usermod", "-U"), "empty": ("passwd", "-d")}
        return [Command((*ways[wanted], "--", user))]
    return [Command(("chage", _SHADOW[field][1], str(wanted or -1), "--", user))]


def _group_now(host: Host, key: str) -> bool:
    text = (host.read("/etc/group") or b"").decode("utf-8", "surrogateescape")
    return any(line.split(":")[0] == key for line in text.splitlines())


def _group(key: str, at: t.Any, wanted: t.Any) -> Commands:
    return [Command(("groupadd" if wanted else "groupdel", "--", key))]


def _table_now(host: Host, key: str) -> str | None:
    """One table of nftables as a text that makes it, or everything for ``*``; None: no nft."""
    which = ("ruleset",) if key == "*" else ("table", *key.split(" "))
    if not host.has("nft"):
        return None
    done = host.run("nft", "-s", "list", *which)
    if done.status:
        return "" if "No such file" in done.err else None
    return str(done.out)


def _table(key: str, at: t.Any, wanted: t.Any) -> Commands:
    """``wanted`` is the text of before; one of a file to load begins with ``file:``."""
    if isinstance(wanted, str) and wanted.startswith("file:"):
        return [Command(("nft", "-f", wanted[len("file:") :]))]
    clear = "flush ruleset\n" if key == "*" else f"table {key}\ndelete table {key}\n"
    return [Command(("nft", "-f", "-"), clear + (wanted or ""))]


_KINDS: dict[str, tuple[t.Callable[..., t.Any], t.Callable[..., Commands]]] = {
    "sysctl": (_sysctl_now, _sysctl),
    "unit": (_unit_now, _unit),
    "module": (_module_now, _module),
    "mount": (_mount_now, _mount),
    "account": (_account_now, _account),
    "group": (_group_now, _group),
    "nft": (_table_now, _table),
}
ORDER = ("group", "account", "module", "sysctl", "mount", "nft", "unit")
"""In which order they are made; undone the other way round."""


def tables(lines: t.Iterable[str]) -> list[str]:
    """The tables that an nftables file defines; ``*`` where it clears everything first."""
    found = set()
    for line in lines:
        if re.match(r"\s*flush\s+ruleset\b", line):
            return ["*"]
        match = re.match(r"\s*(?:add\s+|create\s+)?table\s+(?:(\w+)\s+)?([\w-]+)\s*\{?", line)
        if match:
            found.add(f"{match.group(1) or 'ip'} {match.group(2)}")
    return sorted(found)
