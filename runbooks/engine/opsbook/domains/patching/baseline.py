"""Baselines: which updates a host takes, and under what conditions.

Declared as the variable ``opsbook_patching`` of groups and hosts, because production and test
differ by group. A parameter of the run (``--set``) overrides it, key by key; what neither names
is :data:`DEFAULTS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from opsbook.model.errors import InputFault
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

VARIABLE = "opsbook_patching"

_PATTERN = re.compile(r"[A-Za-z0-9*?\[\]][A-Za-z0-9*?\[\]+._-]{0,199}", re.ASCII)
_CVE = re.compile(r"CVE-(?:19|20)[0-9]{2}-[0-9]{4,7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The rules of one host.

    ``include`` and ``exclude`` are patterns (fnmatch) of binary or source package names; no
    ``include`` means all. ``soak_days`` is how old a version must be since it was first seen;
    one that closes any of ``override_cves`` need not wait. ``lists_days`` is the greatest age of
    package lists, ``tracker_days`` that of the tracker extract where ``severity`` needs one,
    ``backup_days`` that of a backup; 0 does not ask. ``free_mib`` must stay free. ``support_end``
    is the last day of support that was bought, empty where there is the distribution's own.
    """

    classification: str = "security"
    severity: str = "any"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    soak_days: int = 0
    override_cves: tuple[str, ...] = ()
    reboot: str = "if_needed"
    restart: str = "affected"
    lists_days: int = 7
    tracker_days: int = 14
    free_mib: int = 200
    backup_days: int = 0
    support_end: str = ""

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Baseline:
        """Read back what :meth:`to_json` wrote."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**values)


DEFAULTS = Baseline()

CHOICES = {
    "classification": ("all", "security"),
    "severity": ("any", "low", "medium", "high"),
    "reboot": ("never", "if_needed", "always"),
    "restart": ("affected", "none"),
}
GREATEST = {
    "soak_days": 365,
    "lists_days": 3650,
    "tracker_days": 3650,
    "free_mib": 2**30,
    "backup_days": 3650,
}
_NAMES = tuple(field.name for field in fields(Baseline))


def read_baseline(variables: Mapping[str, Any], parameters: Mapping[str, Any]) -> Baseline:
    """The baseline of a host with these ``variables`` in a run with these ``parameters``.

    Raises InputFault with every fault; the place of each is the variable or ``--set``.
    """
    declared = variables.get(VARIABLE)
    declared = {} if declared is None else declared
    faults: list[Fault] = []
    if not isinstance(declared, Mapping):
        faults.append(Fault(VARIABLE, 0, "", msg("it is a mapping of names and values")))
        declared = {}
    for name in sorted(set(map(str, declared)) - set(_NAMES)):
        faults.append(Fault(VARIABLE, 0, name, msg("unknown")))
    chosen: dict[str, Any] = {}
    for place, given in ((VARIABLE, declared), ("--set", parameters)):
        for name in _NAMES:
            if given.get(name) is not None:
                _take(chosen, name, given[name], place, faults)
    if faults:
        raise InputFault(
            msg("The baseline of patching is not right."),
            faults,
            untouched=msg("Nothing was touched."),
            next_step=msg("opsbook show patching lists what a baseline may say."),
        )
    return Baseline(**chosen)


def matches(patterns: tuple[str, ...], package: str, source: str) -> bool:
    """Whether any of ``patterns`` names the binary package or its source."""
    return any(
        fnmatchcase(package, pattern) or fnmatchcase(source, pattern) for pattern in patterns
    )


def is_plain(pattern: str) -> bool:
    """Whether ``pattern`` is one package's name and no pattern."""
    return not any(sign in pattern for sign in "*?[")


def _take(chosen: dict[str, Any], name: str, value: Any, place: str, faults: list[Fault]) -> None:
    try:
        chosen[name] = _value(name, value)
    except _NotSo as error:
        faults.append(Fault(place, 0, name, error.why))


class _NotSo(ValueError):
    def __init__(self, why: Message) -> None:
        super().__init__(why.english())
        self.why = why


def _value(name: str, value: Any) -> Any:
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise _NotSo(msg("one of {choices}", choices=", ".join(CHOICES[name])))
        return value
    if name in GREATEST:
        if type(value) is not int or not 0 <= value <= GREATEST[name]:
            raise _NotSo(msg("a whole number from 0 to {most}", most=GREATEST[name]))
        return value
    return _day(value) if name == "support_end" else _words(name, value)


def _day(value: Any) -> str:
    """A day as text; a day that YAML read is one as well."""
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise _NotSo(msg("a day such as 2027-06-30")) from None


def _words(name: str, value: Any) -> tuple[str, ...]:
    """A list, or one text with commas; sorted, each once."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise _NotSo(msg("a list of texts, or one text with commas"))
    found = sorted({word.strip() for word in words} - {""})
    pattern = _CVE if name == "override_cves" else _PATTERN
    wrong = [word for word in found if not pattern.fullmatch(word)]
    if wrong and name == "override_cves":
        raise _NotSo(msg("{word} is no CVE id such as CVE-2026-12345", word=wrong[0]))
    if wrong:
        raise _NotSo(msg("{word} is no pattern of package names", word=wrong[0]))
    return tuple(found)
