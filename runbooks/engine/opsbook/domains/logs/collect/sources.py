"""The sources a host declares: every variable ``opsbook_logs_*`` together, checked at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from opsbook.domains.logs.model import Source
from opsbook.execution.declared.explain import explain
from opsbook.execution.declared.yamlfile import Document
from opsbook.model.errors import InputFault
from opsbook.model.estate import Host
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

PREFIX = "opsbook_logs_"


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
        return Source.model_validate(data)
    except ValidationError as error:
        found = explain(Source, Document(Path()), error.errors(), below=(place,))
        faults += [_fault(fault.path, fault.problem) for fault in found]
        return None


def _fault(path: str, problem: Message) -> Fault:
    return Fault("", 0, path, problem)
