"""Everything that is wrong with an estate, at once: its declaration, hosts, variables, schedules,
stores. Reaches no host.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from opsbook.execution.declared.declarations import find_estate, load_runbook
from opsbook.execution.declared.explain import check, own_words
from opsbook.execution.declared.inventory import HOSTS, load_inventory, variable_files
from opsbook.execution.declared.yamlfile import Document, Where, read_yaml
from opsbook.model import names
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.estate import Estate, Inventory, Scheduled
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.runbook import Runbook


def check_estate(
    name: str, places: Places, lists: Mapping[str, type[BaseModel]]
) -> tuple[Estate, Inventory | None, list[Fault]]:
    """Read the estate and find all faults; those of one file do not hide those of another.

    Where ``estate.yml`` itself has faults, the estate that is returned is what is left of it
    without the settings at fault. ``lists`` says of what kind the items of variables are whose
    name begins so, such as ``{"opsbook_logs_": Source}``. Raises UsageFault when there is no such
    estate.
    """
    directory = find_estate(name, places)
    estate, faults = _declared(directory)
    faults += [*_stores(estate), *_failure_command(estate)]
    inventory = None
    try:
        faults += _variables(variable_files(estate), lists)
        inventory = load_inventory(estate, places, None)
    except InputFault as fault:
        faults += fault.faults or [_unplaced(str(directory / HOSTS), fault)]
    faults += _schedules(estate, places, inventory)
    if inventory is not None:
        faults += [*_known_hosts(inventory), *_twice(inventory, lists)]
    return estate, inventory, faults


def _declared(directory: Path) -> tuple[Estate, list[Fault]]:
    """The estate and its faults: settings at fault are left out until the others can be read."""
    file = directory / "estate.yml"
    try:
        document = read_yaml(file)
    except InputFault as fault:
        return _bare(directory), list(fault.faults) or [_unplaced(str(file), fault)]
    faults: list[Fault] = []
    while True:
        part = Document(file, document.data, document.lines, list(document.faults))
        estate = check(Estate, part)
        document.faults.clear()  # of the YAML: told once
        faults += part.faults
        if estate is not None:
            return estate.model_copy(update={"directory": directory}), faults
        rest = _without(document.data, part.faults)
        if rest is None:
            return _bare(directory), faults
        document.data = {**_least(directory), **rest}


def _without(data: Any, faults: Iterable[Fault]) -> dict[str, Any] | None:
    """``data`` without the settings at fault; None when there is nothing more to leave out.

    Left out are whole keys, never items of lists, so that lines stay those of the file.
    """
    rest = deepcopy(data) if isinstance(data, dict) else {}
    for fault in faults:
        first, *others = fault.path.split(".")
        inner = rest.get(first)
        if others and isinstance(inner, dict) and others[0] in inner:
            del inner[others[0]]
        else:
            rest.pop(first, None)
    return rest if rest != data and rest else None


def _bare(directory: Path) -> Estate:
    """An estate that says nothing but where it is."""
    return Estate.model_validate({**_least(directory), "directory": directory})


def _least(directory: Path) -> dict[str, Any]:
    name = directory.name if re.fullmatch(names.ESTATE, directory.name) else "estate"
    return {"schema": 1, "name": name, "title": {"zh": name, "en": name}, "timezone": "UTC"}


def _unplaced(file: str, fault: InputFault) -> Fault:
    return Fault(file, 0, "", fault.problem)


def _at(estate: Estate, path: Where, problem: Message) -> Fault:
    return read_yaml(estate.directory / "estate.yml").fault(path, problem)


def _stores(estate: Estate) -> Iterator[Fault]:
    for kind in ("logs", "archive"):
        path = getattr(estate.stores, kind)
        problem = _store_problem(Path(path)) if path else None
        if problem:
            yield _at(estate, ("stores", kind), problem)


def _store_problem(path: Path) -> Message | None:
    try:
        if path.is_dir():
            usable = os.access(path, os.W_OK | os.X_OK)
            return None if usable else msg("{path} cannot be written", path=path)
        if path.exists() or path.is_symlink():
            return msg("{path} is not a directory", path=path)
        above = next(parent for parent in path.parents if parent.exists())
        usable = above.is_dir() and os.access(above, os.W_OK | os.X_OK)
    except OSError as error:
        return msg("{path} cannot be reached: {reason}", path=path, reason=error.strerror)
    return None if usable else msg("{path} cannot be made", path=path)


def _known_hosts(inventory: Inventory) -> Iterator[Fault]:
    file = inventory.known_hosts
    if not file.is_file() and any(host.connection == "ssh" for host in inventory.hosts):
        problem = msg("is missing, so no host can be trusted; ssh-keyscan writes it, then compare")
        yield Fault(str(file), 0, "", problem)


def _failure_command(estate: Estate) -> Iterator[Fault]:
    command = estate.on_failure[:1]
    if command and shutil.which(command[0]) is None:
        problem = msg("there is no command {command}", command=command[0])
        yield _at(estate, ("on_failure", 0), problem)


def _schedules(estate: Estate, places: Places, inventory: Inventory | None) -> Iterator[Fault]:
    taken: set[str] = set()
    for place, scheduled in enumerate(estate.schedules):
        path: Where = ("schedules", place)
        if scheduled.name in taken:
            problem = msg("there is another schedule named {name}", name=scheduled.name)
            yield _at(estate, (*path, "name"), problem)
        taken.add(scheduled.name)
        yield from _of_runbook(estate, path, scheduled)
        if scheduled.limit is not None and inventory is not None:
            yield from _limit(estate, places, path, scheduled.limit)


def _of_runbook(estate: Estate, path: Where, scheduled: Scheduled) -> Iterator[Fault]:
    try:
        runbook = load_runbook(scheduled.runbook)
    except (UsageFault, InputFault) as fault:
        yield _at(estate, (*path, "runbook"), fault.problem)
        return
    for name, problem in _parameters(runbook, scheduled.parameters):
        yield _at(estate, (*path, "parameters", name), problem)


def _parameters(runbook: Runbook, given: Mapping[str, Any]) -> Iterator[tuple[str, Message]]:
    known = {parameter.name: parameter for parameter in runbook.parameters}
    for name, value in given.items():
        if name not in known:
            yield name, msg("runbook {runbook} has no parameter {name}",
                            runbook=runbook.name, name=name)  # fmt: skip
            continue
        try:
            known[name].check(value)
        except ValueError as error:
            yield name, own_words(error)
    for name in sorted(known.keys() - given.keys()):
        if known[name].required:
            yield name, msg("is missing: runbook {runbook} needs it", runbook=runbook.name)


def _limit(estate: Estate, places: Places, path: Where, limit: str) -> Iterator[Fault]:
    try:
        load_inventory(estate, places, limit)
    except InputFault as fault:
        yield _at(estate, (*path, "limit"), fault.problem)


def _variables(files: Iterable[Path], lists: Mapping[str, type[BaseModel]]) -> Iterator[Fault]:
    for file in files:
        if file.suffix not in (".yml", ".yaml", ""):
            continue
        try:
            document = read_yaml(file)
        except InputFault as fault:
            if not _vaulted(file):
                yield from fault.faults or [_unplaced(str(file), fault)]
            continue
        yield from document.twice()
        for path, value in _found(document.data, (), tuple(lists)):
            model = next(lists[start] for start in lists if str(path[-1]).startswith(start))
            yield from _items(document, path, value, model)


def _vaulted(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(15) == b"$ANSIBLE_VAULT;"


def _found(value: Any, path: Where, starts: tuple[str, ...]) -> Iterator[tuple[Where, Any]]:
    """Where variables of such names are set, at any depth (``hosts.yml`` nests them)."""
    for key, part in value.items() if isinstance(value, dict) else ():
        if key.startswith(starts):
            yield (*path, key), part
        else:
            yield from _found(part, (*path, key), starts)


def _items(document: Document, path: Where, value: Any, model: type[BaseModel]) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield document.fault(path, msg("must be a list"))
        return
    for place, item in enumerate(value):
        here = (*path, place)
        lines = {p[len(here) :]: n for p, n in document.lines.items() if p[: len(here)] == here}
        part = Document(document.file, item, lines)
        check(model, part)
        dotted = ".".join(map(str, here))
        for fault in part.faults:
            whole = f"{dotted}.{fault.path}" if fault.path else dotted
            yield Fault(fault.file, fault.line, whole, fault.problem)


def _twice(inventory: Inventory, lists: Mapping[str, Any]) -> Iterator[Fault]:
    """Items of one name from two lists on one host."""
    for host in inventory.hosts:
        seen: dict[str, str] = {}
        for variable, value in sorted(host.vars.items()):
            if not variable.startswith(tuple(lists)) or not isinstance(value, list):
                continue
            for name in [item.get("name") for item in value if isinstance(item, dict)]:
                if name in seen:
                    problem = msg("{name} is also in {other}", name=name, other=seen[name])
                    file = str(inventory.known_hosts.with_name(HOSTS))
                    yield Fault(file, 0, f"{host.name}.{variable}", problem)
                seen[str(name)] = variable
