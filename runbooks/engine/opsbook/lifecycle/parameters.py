"""Parameters of a run: every value, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from opsbook.execution.declared.explain import own_words
from opsbook.model.errors import InputFault
from opsbook.model.faults import Fault, WrongValue
from opsbook.model.message import Message, msg
from opsbook.model.runbook import Parameter, Runbook


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and its source."""

    value: str | int | bool | None
    source: Literal["command line", "schedule", "default"]


def resolve(
    runbook: Runbook, settings: Mapping[str, str], scheduled: Mapping[str, Any]
) -> dict[str, Setting]:
    """Every parameter of ``runbook``: ``--set`` wins over the schedule, that over the default.

    Raises InputFault with every unknown, missing or wrong parameter at once.
    """
    known = {parameter.name: parameter for parameter in runbook.parameters}
    faults = [_unknown(name, known) for name in (*settings, *scheduled) if name not in known]
    result: dict[str, Setting] = {}
    for parameter in runbook.parameters:
        try:
            result[parameter.name] = _one(parameter, settings, scheduled)
        except ValueError as error:
            faults.append(_fault(parameter.name, own_words(error)))
    if faults:
        raise InputFault(
            msg("The parameters of {runbook} are not right.", runbook=runbook.name),
            faults,
            untouched=msg("Nothing was started."),
            next_step=msg("opsbook show {runbook} lists the parameters.", runbook=runbook.name),
        )
    return result


def _one(
    parameter: Parameter, settings: Mapping[str, str], scheduled: Mapping[str, Any]
) -> Setting:
    if parameter.name in settings:
        return Setting(parameter.read(_text(settings[parameter.name])), "command line")
    if parameter.name in scheduled:
        return Setting(parameter.check(scheduled[parameter.name]), "schedule")
    if parameter.required:
        raise WrongValue(msg("{name} is required", name=parameter.name))
    return Setting(parameter.default, "default")


def _text(value: str) -> str:
    """Raises ValueError for bytes that are no text: no plan can hold them."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise WrongValue(msg("must be text in UTF-8")) from error
    return value


def _unknown(name: str, known: Mapping[str, Parameter]) -> Fault:
    near = get_close_matches(name, known, n=1)
    if near:
        return _fault(name, msg("unknown; did you mean {near}?", near=near[0]))
    return _fault(name, msg("unknown"))


def _fault(name: str, problem: Message) -> Fault:
    return Fault("--set", 0, name, problem)
