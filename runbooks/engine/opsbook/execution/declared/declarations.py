"""Estates and runbooks: where they are found, and reading them with all their faults at once.

Runbooks are looked for in the content that comes with opsbook, then in the folders of
``$OPSBOOK_RUNBOOKS``, then in ``./runbooks/catalog``; the first of a name counts, so that a
folder in the working directory never takes the place of a runbook that came with opsbook.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from opsbook.execution.declared.explain import check
from opsbook.execution.declared.yamlfile import Document, read_yaml
from opsbook.model import names
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.estate import Estate, Scheduled
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.runbook import Runbook


def load_estate(name_or_path: str, places: Places) -> Estate:
    """The estate of that name, or in that directory.

    Raises UsageFault when there is none, InputFault with every fault of its ``estate.yml``.
    """
    directory = find_estate(name_or_path, places)
    document = read_yaml(directory / "estate.yml")
    estate = check(Estate, document)
    if estate is None:
        raise _faulty(document)
    return estate.model_copy(update={"directory": directory})


def find_estate(name: str, places: Places) -> Path:
    """The directory of the estate of that name, or in that directory. Raises UsageFault."""
    if name == "lab":
        return _lab(places)
    if (Path(name) / "estate.yml").is_file():
        return Path(name).absolute()
    if re.fullmatch(names.ESTATE, name):
        for parent in _estate_parents():
            if (parent / name / "estate.yml").is_file():
                return parent / name
    known = list(list_estates(places))
    if os.sep in name and Path(name).is_dir():
        raise UsageFault(msg("{directory} is no estate: it has no estate.yml.", directory=name))
    raise UsageFault(
        msg("There is no estate named {name}.", name=name),
        next_step=_nearest(name, known) or msg("opsbook estate list lists all estates."),
    )


def list_estates(places: Places) -> dict[str, Path]:
    """All estates that can be given by name, in the order of their names, and their directories."""
    found: dict[str, Path] = {}
    for parent in _estate_parents():
        for file in sorted(parent.glob("*/estate.yml")):
            found.setdefault(file.parent.name, file.parent.absolute())
    found.pop("lab", None)  # a repository has only its pattern; the lab's own is below our state
    with suppress(PermissionError):  # a state that is not ours: its lab is not ours either
        if (places.lab / "estate" / "estate.yml").is_file():
            found["lab"] = places.lab / "estate"
    return dict(sorted(found.items()))


def load_runbook(name: str) -> Runbook:
    """The runbook of that name; a dash stands for an underscore.

    Raises UsageFault when there is none, InputFault with every fault of its declaration.
    """
    directory = runbook_directory(name)
    document = read_yaml(directory / "runbook.yml")
    runbook = check(Runbook, document)
    if runbook is not None:
        _check_files(runbook, directory, document)
    if runbook is None or document.faults:
        raise _faulty(document)
    return runbook


def find_schedule(estate: Estate, name: str) -> Scheduled:
    """The schedule of that name; a dash stands for an underscore. Raises UsageFault."""
    wanted = name.replace("-", "_")
    for job in estate.schedules:
        if job.name == wanted:
            return job
    known = ", ".join(job.name for job in estate.schedules)
    raise UsageFault(
        msg("Estate {estate} has no schedule named {name}.", estate=estate.name, name=name),
        next_step=msg("Its schedules are: {known}", known=known) if known else None,
    )


def runbook_directory(name: str) -> Path:
    """Where the runbook of that name is declared. Raises UsageFault when there is none."""
    wanted = name.replace("-", "_")
    if re.fullmatch(names.RUNBOOK, wanted):
        for parent in _runbook_parents():
            if (parent / wanted / "runbook.yml").is_file():
                return parent / wanted
    known = [directory.name for directory in list_runbooks()]
    raise UsageFault(
        msg("There is no runbook named {name}.", name=name),
        next_step=_nearest(wanted, known) or msg("opsbook runbooks lists all runbooks."),
    )


def list_runbooks() -> list[Path]:
    """The directories of all runbooks, in the order of their names."""
    found: dict[str, Path] = {}
    for parent in _runbook_parents():
        for file in sorted(parent.glob("*/runbook.yml")):
            if re.fullmatch(names.RUNBOOK, file.parent.name):
                found.setdefault(file.parent.name, file.parent)
    return [found[name] for name in sorted(found)]


def content() -> Path:
    """The directory to be put first in Ansible's collection path.

    In a checkout it holds links to ``roles``, ``plugins`` and ``runbooks/catalog``.
    """
    import opsbook

    return Path(opsbook.__file__).parent / "_content"


def collection() -> Path:
    """The directory of the collection ``opsbook.runbooks``."""
    return content() / "ansible_collections" / "opsbook" / "runbooks"


def ships_with_us(directory: Path) -> bool:
    """Whether a runbook belongs to our collection and is so called by its collection name."""
    return directory.parent == collection() / "playbooks"


def _runbook_parents() -> Iterator[Path]:
    yield collection() / "playbooks"
    yield from _path_list("OPSBOOK_RUNBOOKS")
    yield Path("runbooks", "catalog").absolute()


def _estate_parents() -> Iterator[Path]:
    yield Path("inventories").absolute()
    yield from _path_list("OPSBOOK_INVENTORIES")


def _path_list(variable: str) -> list[Path]:
    parts = os.environ.get(variable, "").split(os.pathsep)
    return [Path(part).expanduser().absolute() for part in parts if part]


def _lab(places: Places) -> Path:
    if not (places.lab / "estate" / "estate.yml").is_file():
        raise UsageFault(
            msg("The lab is not up."), next_step=msg("opsbook lab up brings it up.")
        )  # fmt: skip
    return places.lab / "estate"


def _nearest(name: str, known: list[str]) -> Message | None:
    nearest = get_close_matches(name, known, 1, 0.6)
    return msg("Did you mean {name}?", name=nearest[0]) if nearest else None


def _check_files(runbook: Runbook, directory: Path, document: Document) -> None:
    """The declaration names itself rightly, and the files it names are there."""
    if runbook.name != directory.name:
        document.faults.append(
            document.fault(("name",), msg("must be {name}, as its folder", name=directory.name))
        )
    named = {
        ("work", "playbook"): runbook.work.playbook,
        ("work", "without_python"): runbook.work.without_python,
        ("work", "survey"): runbook.work.survey,
        ("verification", "suite"): runbook.verification and runbook.verification.suite,
        ("undo", "playbook"): runbook.undo.playbook,
    }
    for path, value in named.items():
        if value and not (directory / value).exists():
            document.faults.append(document.fault(path, msg("there is no {file}", file=value)))


def _faulty(document: Document) -> InputFault:
    count = len(document.faults)
    return InputFault(
        msg("{file} has {count} faults.", file=document.file, count=count)
        if count > 1
        else msg("{file} has a fault.", file=document.file),
        document.faults,
        untouched=msg("Nothing was touched."),
    )
