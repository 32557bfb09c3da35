"""What the estate and the command line ask for: baseline, limits, choices, values of controls.

Declared as the variable ``opsbook_hardening`` of groups and hosts; a parameter of the run
(``--set``) overrides it, key by key::

    opsbook_hardening:
      baseline: cis_l1
      exclude: [svc.off.*]
      firewall: nftables
      values:
        login_defs.pass_max_days: {max_days: 90}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.controls.site import VARIABLE, stated_values
from opsbook.model.errors import InputFault
from opsbook.model.faults import Fault, WrongValue
from opsbook.model.message import Message, msg

FINDINGS = "findings"
"""The baseline that is no baseline: what scanners found on the host."""

BASELINES = (FINDINGS, "cis_l1", "cis_l2", "mlps_3")
SEVERITIES = ("any", "low", "medium", "high")
GROUPS = ("firewall", "time", "log_pipeline")
"""Choices of which never two are made on one host."""

CONFIRM = (30, 3600)
"""The least and the most seconds that a host waits for a fresh login."""

_PATTERN = re.compile(r"[a-z0-9*?\[\]][a-z0-9*?\[\]_.:/-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for on one host. ``include`` and ``exclude`` are patterns of keys of controls,
    no ``include`` means all; ``choices`` maps a group to an option; ``values`` are stated values
    by control.
    """

    baseline: str = FINDINGS
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    severity: str = "any"
    confirm_seconds: int = 120
    choices: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def refuses(self, control: Control) -> Message | None:
        """Why a control is not wished for, if so."""
        if any(fnmatchcase(control.key, pattern) for pattern in self.exclude):
            return msg("it is among what is left out (exclude)")
        if self.include and not any(fnmatchcase(control.key, each) for each in self.include):
            return msg("it is not among what is asked for (include)")
        if SEVERITIES.index(control.severity) < SEVERITIES.index(self.severity):
            return msg("it is less severe than {severity}", severity=self.severity)
        return None


def read_wish(
    variables: Mapping[str, Any], parameters: Mapping[str, Any], controls: Mapping[str, Control]
) -> Wish:
    """The wish for a host with these ``variables`` in a run with these ``parameters``.

    Raises InputFault with every fault; the place of each is the variable or ``--set``.
    """
    values, faults = stated_values(variables, controls)
    declared = variables.get(VARIABLE)
    declared = declared if isinstance(declared, Mapping) else {}
    known = {*_READERS, *GROUPS, "values"}
    faults += [Fault(VARIABLE, 0, name, msg("unknown"))
               for name in sorted(set(map(str, declared)) - known)]  # fmt: skip
    wish = Wish(values=values)
    for place, given in ((VARIABLE, declared), ("--set", parameters)):
        wish = _with(wish, place, given, controls, faults)
    if faults:
        raise InputFault(
            msg("What is asked of hardening is not right."),
            faults,
            untouched=msg("Nothing was touched."),
            next_step=msg("opsbook controls list shows all controls, opsbook controls show KEY"
                          " the values of one."),
        )  # fmt: skip
    return wish


def options(
    controls: Mapping[str, Control], group: str, family: str | None = None
) -> tuple[str, ...]:
    """The ways that the catalogue knows in a group of which one is to be chosen, in all families
    or in one.
    """
    found = {
        one.choice.option
        for one in controls.values()
        if one.choice is not None and one.choice.group == group
        if family is None or family in one.families
    }
    return tuple(sorted(found))


def _with(
    wish: Wish,
    place: str,
    given: Mapping[str, Any],
    controls: Mapping[str, Control],
    faults: list[Fault],
) -> Wish:
    """``wish`` with what ``given`` says otherwise."""
    said: dict[str, Any] = {}
    choices = dict(wish.choices)
    for name in (*_READERS, *GROUPS):
        if given.get(name) is None:
            continue
        try:
            if name in GROUPS:
                choices[name] = _one_of(given[name], options(controls, name))
            else:
                said[name] = _READERS[name](given[name])
                faults += [Fault(place, 0, name, msg("no control is called {word}", word=word))
                           for word in _unmet(said[name], controls)]  # fmt: skip
        except WrongValue as wrong:
            faults.append(Fault(place, 0, name, wrong.problem))
    return replace(wish, choices=choices, **said)


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    typed = (value, value.replace("-", "_")) if isinstance(value, str) else ()
    found = [one for one in allowed if one in typed]
    if not found:
        raise WrongValue(msg("one of {choices}", choices=", ".join(allowed) or "-"))
    return found[0]


def _patterns(value: Any) -> tuple[str, ...]:
    """A list, or one text with commas; sorted, each once."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise WrongValue(msg("a list of texts, or one text with commas"))
    found = sorted({word.strip() for word in words} - {""})
    for word in found:
        if not _PATTERN.fullmatch(word):
            raise WrongValue(msg("{word} is no pattern of keys of controls", word=word))
    return tuple(found)


def _unmet(said: Any, controls: Mapping[str, Control]) -> list[str]:
    """Patterns that fit no control: one mistyped letter, and what was left out is done."""
    patterns = said if isinstance(said, tuple) else ()
    return [word for word in patterns if not any(fnmatchcase(key, word) for key in controls)]


def _seconds(value: Any) -> int:
    least, most = CONFIRM
    if type(value) is not int or not least <= value <= most:
        raise WrongValue(msg("a whole number from {least} to {most}", least=least, most=most))
    return value


_READERS: Mapping[str, Any] = {
    "baseline": lambda value: _one_of(value, BASELINES),
    "include": _patterns,
    "exclude": _patterns,
    "severity": lambda value: _one_of(value, SEVERITIES),
    "confirm_seconds": _seconds,
}
