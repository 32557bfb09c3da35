"""Versions and relations of Debian packages: deb-version(7), deb-control(5)."""

from __future__ import annotations

import functools
import re
import typing as t

_RELATION = re.compile(
    r"^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?"
)
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


class Relation(t.NamedTuple):
    """``libc6 (>= 2.36)``; ``operator`` is empty when any version will do."""

    name: str
    operator: str
    version: str

    def holds(self, version: str) -> bool:
        """Whether a package of that name in ``version`` is what this speaks of."""
        return not self.operator or _HOLDS[self.operator](compare(version, self.version))


_HOLDS: dict[str, t.Callable[[int], bool]] = {
    "<<": lambda sign: sign < 0,
    "<": lambda sign: sign <= 0,
    "<=": lambda sign: sign <= 0,
    "=": lambda sign: sign == 0,
    ">=": lambda sign: sign >= 0,
    ">": lambda sign: sign >= 0,
    ">>": lambda sign: sign > 0,
}


def relations(field: str) -> list[list[Relation]]:
    """The groups of a relation field; one alternative of each group is enough."""
    groups = []
    for group in field.replace("\n", " ").split(","):
        found = [_RELATION.match(one.strip()) for one in group.split("|")]
        kept = [Relation(m.group(1), m.group(3) or "", m.group(4) or "") for m in found if m]
        if kept:
            groups.append(kept)
    return groups


@functools.cache
def compare(one: str, other: str) -> int:
    """-1, 0 or 1, as ``dpkg --compare-versions`` orders them."""
    left, right = _split(one), _split(other)
    for mine, theirs in zip(left, right):
        sign = _compare_part(mine, theirs)
        if sign:
            return sign
    return 0


def _split(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if upstream else (epoch, revision, "0")


def _compare_part(one: str, other: str) -> int:
    mine, theirs = _PARTS.findall(one), _PARTS.findall(other)
    for index in range(max(len(mine), len(theirs))):
        text, number = mine[index] if index < len(mine) else ("", "")
        text_too, number_too = theirs[index] if index < len(theirs) else ("", "")
        for left, right in (
            (_weights(text), _weights(text_too)),
            ([int(number or 0)], [int(number_too or 0)]),
        ):
            if left != right:
                return 1 if left > right else -1
    return 0


def _weights(text: str) -> list[int]:
    """``~`` sorts before the end, the end before letters, letters before the rest."""
    return [_weight(char) for char in text] + [0]


def _weight(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 256
