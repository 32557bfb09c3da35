"""The sources a host declares: every variable ``opsbook_logs_*`` together, checked at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from opsbook.domains.logs.model import Source
from opsbook.model.errors import InputFault
from opsbook.model.estate import Host
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

PREFIX = "opsbook_logs_"
_UNIT = re.compile(r"[A-Za-z0-9@:._\\-]{1,256}")


def sources_of(host: Host) -> tuple[Source, ...]:
    """The sources of ``host`` in name order. Raises InputFault with every fault."""
    faults: list[Fault] = []
    found: dict[str, Source] = {}
    for place, data in _declared(host, faults):
        source = _read(place, data, faults)
        if source is None:
            continue
        if found.setdefault(source.name, source) != source:
            faults.append(_fault(place, msg("{name} is declared twice, differently",
                                            name=source.name)))  # fmt: skip
    if faults:
        raise InputFault(
            msg("The log sources of {host} are not right.", host=host.name),
            faults,
            untouched=msg("Nothing was collected from {host}.", host=host.name),
            next_step=msg("Mend the variables opsbook_logs_* of the group or host."),
        )
    return tuple(found[name] for name in sorted(found))


def _declared(host: Host, faults: list[Fault]) -> Iterator[tuple[str, Any]]:
    for variable, value in sorted(host.vars.items()):
        if not variable.startswith(PREFIX):
            continue
        place = f"{host.name}.{variable}"
        if not isinstance(value, list):
            faults.append(_fault(place, msg("a list of sources is expected")))
            continue
        yield from ((f"{place}.{number}", data) for number, data in enumerate(value))


def _read(place: str, data: Any, faults: list[Fault]) -> Source | None:
    try:
        source = Source.model_validate(data)
    except ValidationError as error:
        for fault in error.errors():
            where = ".".join([place, *map(str, fault["loc"])])
            faults.append(_fault(where, msg("not valid: {reason}", reason=fault["msg"])))
        return None
    wrong = list(_wrong_values(place, source))
    faults += wrong
    return None if wrong else source


def _wrong_values(place: str, source: Source) -> Iterator[Fault]:
    for number, pattern in enumerate(source.files):
        if not pattern.startswith("/") or "//" in pattern or not pattern.isprintable():
            yield _fault(
                f"{place}.files.{number}", msg("a pattern is an absolute path in one line")
            )
    for number, unit in enumerate(source.journal or ()):
        if not _UNIT.fullmatch(unit) or unit.startswith("-"):
            yield _fault(f"{place}.journal.{number}", msg("not the name of a systemd unit"))
    if source.command is not None and not source.command.isprintable():
        yield _fault(f"{place}.command", msg("a command is one line"))


def _fault(path: str, problem: Message) -> Fault:
    return Fault("", 0, path, problem)
