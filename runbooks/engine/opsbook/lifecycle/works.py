"""Which work serves a runbook: a procedure of a capability by name, or its playbook."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from opsbook.execution.work import ChangeWork, Planner, Work
from opsbook.model.clock import Clock
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate, Inventory
from opsbook.model.message import msg
from opsbook.model.places import Places
from opsbook.model.runbook import Runbook

PROCEDURES = {
    "hardening.lynis": ("opsbook.domains.hardening.scan.installed", "lynis"),
    "hardening.oscap": ("opsbook.domains.hardening.scan.installed", "oscap"),
    "hardening.scan": ("opsbook.domains.hardening.scan.work", "scan"),
    "logs.collect": ("opsbook.domains.logs.collect.work", "collect"),
    "logs.retain": ("opsbook.domains.logs.retain.work", "retain"),
}
"""Procedure name -> (module, factory). A factory takes estate, inventory, places and clock."""

PLANNERS = {
    "hardening.controls": ("opsbook.domains.hardening.planning.planner", "controls"),
    "patching.packages": ("opsbook.domains.patching.planner", "packages"),
}
"""Planner name -> (module, factory). A factory takes estate, inventory, places and clock."""


def work_for(
    runbook: Runbook, estate: Estate, inventory: Inventory, places: Places, clock: Clock
) -> Work:
    """The work behind ``runbook.work``. Raises InputFault for an unknown procedure."""
    if runbook.work.procedure is None:
        from opsbook.execution.ansible.playbook import PlaybookWork

        return PlaybookWork()
    if runbook.work.procedure not in PROCEDURES:
        raise InputFault(
            msg("Runbook {runbook} names the procedure {procedure}, which does not exist.",
                runbook=runbook.name, procedure=runbook.work.procedure)
        )  # fmt: skip
    module, factory = PROCEDURES[runbook.work.procedure]
    return cast(Work, getattr(import_module(module), factory)(estate, inventory, places, clock))


def change_work_for(
    runbook: Runbook, estate: Estate, inventory: Inventory, places: Places, clock: Clock
) -> ChangeWork:
    """The work of a runbook that changes hosts: its playbook, and its planner where it has one.

    Raises InputFault for an unknown planner, and for a procedure: those only read.
    """
    from opsbook.execution.ansible.change import PlaybookChange

    if runbook.work.procedure is not None:
        raise InputFault(
            msg("Runbook {runbook} is done by the procedure {procedure}, which changes no hosts.",
                runbook=runbook.name, procedure=runbook.work.procedure)
        )  # fmt: skip
    return PlaybookChange(_planner(runbook, estate, inventory, places, clock))


def _planner(
    runbook: Runbook, estate: Estate, inventory: Inventory, places: Places, clock: Clock
) -> Planner | None:
    name = runbook.work.planner
    if name is None:
        return None
    if name not in PLANNERS:
        raise InputFault(
            msg("Runbook {runbook} names the planner {planner}, which does not exist.",
                runbook=runbook.name, planner=name)
        )  # fmt: skip
    module, factory = PLANNERS[name]
    return cast(Planner, getattr(import_module(module), factory)(estate, inventory, places, clock))
