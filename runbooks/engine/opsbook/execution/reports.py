"""From what was raised about one host to the host's end."""

from __future__ import annotations

from opsbook.execution.work import HostReport
from opsbook.model.errors import Busy, HostFault, OpsbookError, Refused
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome


def faulty(host: str, error: OpsbookError) -> HostReport:
    """The report of a host that was given up; nothing of what was done there is kept."""
    outcome = Outcome.FAILED
    if isinstance(error, HostFault):
        outcome = error.outcome
    elif isinstance(error, Busy):
        outcome = Outcome.BUSY
    elif isinstance(error, Refused) or error.exit.name in ("BAD_INPUT", "USAGE"):
        outcome = Outcome.REFUSED
    return HostReport(host, outcome, error.problem, {}, _advice(error))


def _advice(error: OpsbookError) -> tuple[Message, ...]:
    faults = [
        msg("{place}: {problem}", place=fault.path, problem=fault.problem)
        for fault in getattr(error, "faults", ())
    ]
    return (*faults, *(part for part in (error.untouched, error.next_step) if part))
