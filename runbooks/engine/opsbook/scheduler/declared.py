"""The schedules of an estate, with all their faults at once: unknown runbooks, wrong parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.lifecycle.parameters import resolve
from opsbook.model.errors import InputFault, OpsbookError
from opsbook.model.estate import Estate, Scheduled
from opsbook.model.faults import Fault
from opsbook.model.message import msg
from opsbook.model.places import Places


def load_schedules(estate_name: str, places: Places) -> Estate:
    """The estate of that name or directory, its schedules checked.

    Raises UsageFault when there is no such estate, InputFault with every fault.
    """
    estate = load_estate(estate_name, places)
    check_schedules(estate)
    return estate


def check_schedules(estate: Estate) -> None:
    """Raise InputFault with every fault that ``estate.yml`` alone does not show."""
    faults = [
        fault
        for number, job in enumerate(estate.schedules)
        for fault in _faults(estate, number, job)
    ]
    if faults:
        raise InputFault(
            msg("The schedules of estate {estate} are not right.", estate=estate.name),
            faults,
            untouched=msg("Nothing was started."),
        )


def _faults(estate: Estate, number: int, job: Scheduled) -> Iterator[Fault]:
    file, path = str(estate.directory / "estate.yml"), f"schedules.{number}"
    if job.name in _names(estate.schedules[:number]):
        yield Fault(file, 0, f"{path}.name", msg("{name} is named twice", name=job.name))
    try:
        resolve(load_runbook(job.runbook), {}, job.parameters)
    except InputFault as error:
        for fault in error.faults:
            yield Fault(file, 0, f"{path}.parameters.{fault.path}", fault.problem)
    except OpsbookError as error:
        yield Fault(file, 0, f"{path}.runbook", error.problem)


def _names(jobs: Sequence[Scheduled]) -> set[str]:
    return {job.name for job in jobs}
