"""Everything opsbook raises on purpose.

    OpsbookError                  has a sentence, what was left untouched, what to type next
    +-- UsageFault        64      the command line asks for something that does not exist
    +-- InputFault        65      a file or value given to us is wrong (all faults at once)
    +-- Refused           12      policy says no: window, drift, approval, limits
    +-- Busy              13      somebody else holds the host or the job
    +-- Interrupted       14      stopped on request; can be resumed
    +-- IntegrityFault    15      the ledger or a stored file does not verify
    +-- HostFault                 one host; never ends the run for the others
        +-- HostFailed        10
        +-- HostUnreachable   11
            +-- JumpUnreachable   a jump host on the way to it
        +-- HostRefused       12

Anything else that escapes is our own bug and ends with exit code 70.
"""

from __future__ import annotations

from collections.abc import Sequence

from opsbook.model.exits import Exit
from opsbook.model.faults import Fault
from opsbook.model.message import Message
from opsbook.model.outcome import Outcome


class OpsbookError(Exception):
    """One clear sentence; optionally what was left untouched and what to type next."""

    exit: Exit = Exit.OUR_BUG

    def __init__(
        self,
        problem: Message,
        *,
        untouched: Message | None = None,
        next_step: Message | None = None,
    ) -> None:
        super().__init__(problem.english())
        self.problem = problem
        self.untouched = untouched
        self.next_step = next_step


class UsageFault(OpsbookError):
    """The command line names something that does not exist or does not fit together."""

    exit = Exit.USAGE


class InputFault(OpsbookError):
    """A file or value given to us is wrong. ``faults`` lists every fault, not only the first."""

    exit = Exit.BAD_INPUT

    def __init__(
        self,
        problem: Message,
        faults: Sequence[Fault] = (),
        *,
        untouched: Message | None = None,
        next_step: Message | None = None,
    ) -> None:
        super().__init__(problem, untouched=untouched, next_step=next_step)
        self.faults = tuple(faults)


class Refused(OpsbookError):
    """Policy says no; nothing was touched."""

    exit = Exit.REFUSED


class Busy(OpsbookError):
    """Somebody else is at work there."""

    exit = Exit.BUSY


class Interrupted(OpsbookError):
    """Stopped on request; ``opsbook resume`` goes on."""

    exit = Exit.INTERRUPTED


class IntegrityFault(OpsbookError):
    """The ledger, a record or a stored log does not verify."""

    exit = Exit.FAULT


class HostFault(OpsbookError):
    """Something wrong with one host; the run goes on with the others."""

    outcome: Outcome = Outcome.FAILED


class HostFailed(HostFault):
    """The host was reached and the work on it failed."""

    exit = Exit.HOST_FAILED
    outcome = Outcome.FAILED


class HostUnreachable(HostFault):
    """The host could not be reached, or the connection was lost."""

    exit = Exit.HOST_UNREACHABLE
    outcome = Outcome.UNREACHABLE


class JumpUnreachable(HostUnreachable):
    """The host lies behind a jump host that could not be reached, for ``reason``."""

    def __init__(
        self, problem: Message, jump: str, reason: Message, *, next_step: Message | None = None
    ) -> None:
        super().__init__(problem, next_step=next_step)
        self.jump = jump
        self.reason = reason


class HostRefused(HostFault):
    """A precondition on this host does not hold; it was left untouched."""

    exit = Exit.REFUSED
    outcome = Outcome.REFUSED
