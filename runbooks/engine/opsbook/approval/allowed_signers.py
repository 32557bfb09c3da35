"""Reading ``allowed_signers`` (ssh-keygen(1), "ALLOWED SIGNERS"), to check and compare it.

Whether a key may sign is decided by ``ssh-keygen`` alone; this reading only tells people what
stands in the file: which key is whose, what changed, and what could never work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from opsbook.approval import sshsig
from opsbook.model.message import Message, msg

_WORD = re.compile(r'(?:"[^"]*"|[^\s"])+')
_OPTION = re.compile(r'([A-Za-z-]+)(?:=(?:"([^"]*)"|([^,"]*)))?(?:,|$)')
_KEY = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+")
_OPTIONS = ("cert-authority", "namespaces", "valid-after", "valid-before")


@dataclass(frozen=True, slots=True)
class Signer:
    """One line: the key of some principals. ``options`` in small letters, flags as ``""``."""

    line: int
    principals: tuple[str, ...]
    key_type: str
    fingerprint: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def authority(self) -> bool:
        """Whether the key certifies the keys of others."""
        return "cert-authority" in self.options

    def signs(self, namespace: str) -> bool:
        """Whether the line allows ``namespace`` at all."""
        patterns = self.options.get("namespaces")
        return patterns is None or any(fnmatchcase(namespace, p) for p in patterns.split(","))

    def is_for(self, principal: str) -> bool:
        """Whether the line speaks of ``principal``."""
        return any(fnmatchcase(principal, pattern) for pattern in self.principals)


@dataclass(frozen=True, slots=True)
class Signers:
    """All lines that could be read, and (line, problem) of all others."""

    lines: tuple[Signer, ...]
    problems: tuple[tuple[int, Message], ...]

    def principals_of(self, fingerprint: str) -> list[str]:
        """Who has that key."""
        found = {p for each in self.lines if each.fingerprint == fingerprint
                 for p in each.principals}  # fmt: skip
        return sorted(found)


def read_signers(text: str) -> Signers:
    """Every line of ``text``; never raises."""
    lines, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            lines.append(_read(number, _WORD.findall(line)))
        except _Wrong as wrong:
            problems.append((number, wrong.reason))
    return Signers(tuple(lines), tuple(problems))


def differences(was: Signers, now: Signers) -> Iterator[Message]:
    """Keys added, removed, or allowed for something else."""
    before, after = _by_key(was), _by_key(now)
    for key in sorted(before.keys() | after.keys()):
        place = {"key": key[0], "principal": key[1]}
        if key not in before:
            yield msg("key {key} added for {principal}", **place)
        elif key not in after:
            yield msg("key {key} of {principal} removed", **place)
        elif before[key] != after[key]:
            yield msg("key {key} of {principal}: options were {before} and are {after}", **place,
                      before=before[key] or "-", after=after[key] or "-")  # fmt: skip


def _by_key(signers: Signers) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for each in signers.lines:
        told = ",".join(f"{name}={value}" if value else name
                        for name, value in sorted(each.options.items()))  # fmt: skip
        for principal in each.principals:
            key = (each.fingerprint, principal)
            found[key] = f"{found[key]}; {told}" if key in found else told
    return found


class _Wrong(Exception):
    """A line that cannot be read, and why."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.english())
        self.reason = reason


def _read(number: int, words: list[str]) -> Signer:
    if len(words) < 3:
        raise _Wrong(msg("the line has no key"))
    principals, *rest = words
    options = {} if _KEY.fullmatch(rest[0]) else _options(rest.pop(0))
    if len(rest) < 2 or not _KEY.fullmatch(rest[0]):
        raise _Wrong(msg("the line has no key"))
    names = tuple(name for name in principals.strip('"').split(",") if name)
    return Signer(number, names, rest[0], _fingerprint(rest[0], rest[1]), options)


def _fingerprint(kind: str, encoded: str) -> str:
    try:
        key = sshsig.read_key(encoded)
        if sshsig.key_type(key) == kind:
            return sshsig.fingerprint(key)
    except ValueError as error:
        raise _Wrong(msg("the key cannot be read; it may be cut off")) from error
    raise _Wrong(msg("the key is of another kind than the line says"))


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _OPTION.match(text, place)
        if match is None or match[1].lower() not in _OPTIONS:
            raise _Wrong(msg("unknown option: {option}", option=text[place:][:60]))
        found[match[1].lower()] = match[2] or match[3] or ""
        place = match.end()
    return found
