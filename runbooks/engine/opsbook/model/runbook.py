"""``runbook.yml``: the one declaration of a runbook.

It is the single source for the command line's options, validation, the docs page, the
approver's page, the default schedule and the records owed.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from opsbook.model.base import Bilingual, Declared
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg
from opsbook.model.names import RunbookName

MOST_INTEGER = 2**53 - 1
"""The largest number that JSON carries exactly (RFC 8785, RFC 7493)."""

MOST_HOSTS = 1_000_000
"""More hosts than any wave has."""

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")


def duration(text: str) -> timedelta:
    """Read ``1h30m``, ``10m`` or ``45s``. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise WrongValue(msg("a duration looks like 1h30m, 10m or 45s"))
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _is_duration(text: str) -> str:
    duration(text)
    return text


Duration = Annotated[str, AfterValidator(_is_duration)]
_RELATIVE = re.compile(r"(?!/)(?!.*\.\.)[A-Za-z0-9_./-]+")


def _is_relative(text: str) -> str:
    if not _RELATIVE.fullmatch(text):
        raise WrongValue(msg("a path is relative to the runbook and stays below it"))
    return text


RelativePath = Annotated[str, AfterValidator(_is_relative)]


class RunbookClass(StrEnum):
    """How much approval a run needs."""

    ROUTINE = "routine"
    STANDARD = "standard"
    NORMAL = "normal"


class Risk(Declared):
    """What may go wrong, in words an approver understands."""

    level: Literal["low", "medium", "high"]
    why: Bilingual


class Parameter(Declared):
    """A typed value a run may be given with ``--set name=value``."""

    name: RunbookName
    type: Literal["string", "integer", "boolean", "duration", "choice"]
    help: Bilingual
    example: str
    default: str | int | bool | None = None
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _default_is_valid(self) -> Parameter:
        if self.default is not None:
            self.check(self.default)
        if self.required and self.default is not None:
            raise WrongValue(msg("a required parameter has no default"))
        return self

    def read(self, text: str) -> str | int | bool:
        """A value given as text on the command line, where a choice may be typed with dashes for
        its underscores. Raises ValueError saying what is allowed.
        """
        if text not in self.choices and text.replace("-", "_") in self.choices:
            text = text.replace("-", "_")
        return self.check(_READERS.get(self.type, str)(text))

    def check(self, value: str | int | bool) -> str | int | bool:
        """``value`` if this parameter may have it. Raises ValueError saying what is allowed."""
        if type(value) is not _TYPES[self.type]:
            raise WrongValue(msg("{name} must be of type {type}", name=self.name, type=self.type))
        if self.type == "choice" and value not in self.choices:
            raise WrongValue(
                msg("{name} must be one of: {allowed}",
                    name=self.name, allowed=", ".join(self.choices))
            )  # fmt: skip
        if self.type == "duration":
            duration(str(value))
        if self.type == "integer":
            self._check_range(int(value))
        return value

    def _check_range(self, value: int) -> None:
        least = max(-MOST_INTEGER, value if self.minimum is None else self.minimum)
        most = min(MOST_INTEGER, value if self.maximum is None else self.maximum)
        if value < least:
            raise too_small(self.name, least)
        if value > most:
            raise WrongValue(msg("{name} must be at most {limit}", name=self.name, limit=most))


def too_small(name: str, least: int) -> WrongValue:
    """The fault of a number of ``name`` below ``least``."""
    return WrongValue(msg("{name} must be at least {limit}", name=name, limit=least))


def _read_boolean(text: str) -> bool:
    values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in values:
        raise WrongValue(msg("must be true or false"))
    return values[text.lower()]


def _read_integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        raise WrongValue(msg("must be a whole number, in digits"))
    return int(text)


_READERS: dict[str, Any] = {"integer": _read_integer, "boolean": _read_boolean}
_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "duration": str,
    "choice": str,
}


class Work(Declared):
    """What a run does: an Ansible playbook, or a procedure of the engine for bulk work.

    ``without_python`` is the POSIX script that serves hosts on which Ansible cannot run; without
    it such hosts are skipped with that reason. A runbook that changes hosts may have a ``planner``
    (of a capability, ``patching.packages``), which makes the plan of each host from what the
    ``survey`` playbook reads there; without one the plan is made by check mode and diff.
    """

    playbook: RelativePath | None = None
    without_python: RelativePath | None = None
    procedure: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$")] | None = None
    survey: RelativePath | None = None
    planner: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$")] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Work:
        if (self.playbook is None) == (self.procedure is None):
            raise WrongValue(msg("state exactly one of playbook and procedure"))
        if self.procedure and self.without_python:
            raise WrongValue(msg("without_python goes with a playbook"))
        if (self.survey is None) != (self.planner is None):
            raise WrongValue(msg("survey and planner go together"))
        return self


class Verification(Declared):
    """A testinfra suite; ``on`` says whether it looks at the target or at the control host."""

    suite: RelativePath
    on: Literal["target", "control"] = "target"


class Waves(Declared):
    """How hosts are taken: the first wave, its growth, the cap, and how many may fail."""

    first: int | None = Field(default=None, ge=1, le=MOST_HOSTS)
    factor: int = Field(default=2, ge=1, le=10)
    cap: int = Field(default=50, ge=1, le=MOST_HOSTS)
    failure_budget: int | None = Field(default=None, ge=0, le=MOST_HOSTS)


class Undo(Declared):
    """How the work is undone, or why there is nothing to undo."""

    kind: Literal["none", "playbook"]
    why: Bilingual
    playbook: RelativePath | None = None


class RestorePoint(Declared):
    """What must exist before the first write."""

    kind: Literal["none", "undo_bundle", "backup"]
    why: Bilingual


class Schedule(Declared):
    """When a run is due by default; an estate may say otherwise."""

    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    days: Literal["daily", "workdays", "weekly", "monthly"] = "daily"


class Tool(Declared):
    """A tool used, as the contract wants it told."""

    name: str
    use: Bilingual


class Runbook(Declared):
    """The whole declaration."""

    schema_version: Literal[1] = Field(alias="schema")
    name: RunbookName
    title: Bilingual
    purpose: Bilingual
    class_: RunbookClass = Field(alias="class", strict=False)
    risk: Risk
    targets: str = "all"
    parameters: tuple[Parameter, ...] = Field(default=(), strict=False)
    preflight: tuple[Bilingual, ...] = Field(default=(), strict=False)
    restore_point: RestorePoint
    work: Work
    verification: Verification | None = None
    undo: Undo
    waves: Waves = Waves()
    predicted_duration: Duration
    timeout: Duration = "4h"
    method: Bilingual
    tools: tuple[Tool, ...] = Field(strict=False)
    records: tuple[str, ...] = Field(strict=False)
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _parameters_are_distinct(self) -> Runbook:
        names = [parameter.name for parameter in self.parameters]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise WrongValue(msg("parameters named twice: {names}", names=", ".join(twice)))
        return self
