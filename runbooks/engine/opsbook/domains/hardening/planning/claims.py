"""What a resolved step settles on its host: objects and the values they get.

Two controls that settle one object differently cannot both hold; what a step settles is also what
another control's check will see afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Thing = tuple[str, ...]
"""``("sshd", "permitrootlogin")``, ``("package", "telnet")``: what is settled."""

Claims = dict[Thing, str]

PRESENT, ABSENT = "present", "absent"


def claims_of(steps: Iterable[Mapping[str, Any]]) -> Claims:
    """Everything that ``steps`` settle, later ones over earlier ones. Kinds that settle nothing
    that can be compared (modes, lists of accounts) are left out.
    """
    return {thing: value for step in steps for thing, value in _claims(step)}


def packages(claims: Mapping[Thing, str], state: str) -> set[str]:
    """Names of packages that are brought into ``state``."""
    return {thing[1] for thing, now in claims.items() if thing[0] == "package" and now == state}


def at_odds(one: Mapping[Thing, str], other: Mapping[Thing, str]) -> list[Thing]:
    """What the two settle differently."""
    return sorted(thing for thing in one.keys() & other.keys() if one[thing] != other[thing])


def named(thing: Thing) -> str:
    """As people read it: ``sshd permitrootlogin``."""
    return " ".join(part for part in thing if part)


def _claims(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    kind = _KINDS.get(str(step.get("kind")))
    if kind is not None:
        yield from kind(step)


def _assigned(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    key = str(step["key"]).lower()
    yield ("conf", str(step["file"]), str(step.get("section") or ""), key), _said(step["value"])


def _option(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("sshd", str(step["option"]).lower()), _said(step["value"])


def _sysctl(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("sysctl", str(step["name"])), _said(step["value"])


def _module(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("module", str(step["module"])), ABSENT


def _package(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    for name in step["names"]:
        yield ("package", str(name)), str(step["state"])


def _unit(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    for about in ("enabled", "active"):
        if about in step:
            yield ("unit", str(step["unit"]), about), _said(step[about])


def _whole_file(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("file", str(step["file"])), "\n".join(map(str, step.get("lines", ())))


def _no_file(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("file", str(step["file"])), ABSENT


def _line(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    if "line" in step:
        state = ABSENT if step.get("absent") is True else PRESENT
        yield ("line", str(step["file"]), str(step["line"])), state


def _pam(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    at = ("pam", str(step["file"]), str(step.get("type") or ""), str(step["module"]))
    for about, state in (("add", PRESENT), ("remove", ABSENT)):
        for option in step.get(about) or ():
            name, _, value = str(option).partition("=")
            yield (*at, name), f"{state} {value}".strip() if value else state


def _profile(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    lines = "\n".join(map(str, step.get("lines", ())))
    yield ("pam profile", str(step["name"])), lines


def _mount(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    for option in step["options"]:
        name = str(option)
        yield ("mount", str(step["mount"]), name.removeprefix("no")), name


def _grub(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("grub", str(step["argument"])), _said(step.get("value", ""))


def _group(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    yield ("group", str(step["name"])), _said(step.get("present", True))


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[tuple[Thing, str]]]] = {
    "conf_value": _assigned,
    "sshd_option": _option,
    "sysctl": _sysctl,
    "kernel_module_off": _module,
    "package": _package,
    "unit": _unit,
    "drop_in": _whole_file,
    "audit_rules": _whole_file,
    "nftables": _whole_file,
    "sudoers": _whole_file,
    "file_absent": _no_file,
    "line": _line,
    "pam_option": _pam,
    "pam_profile": _profile,
    "mount_option": _mount,
    "grub_argument": _grub,
    "group": _group,
}


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)
