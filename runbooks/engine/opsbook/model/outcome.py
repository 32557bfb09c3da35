"""What became of one host in a run, and of a run."""

from __future__ import annotations

from enum import StrEnum

from opsbook.model.exits import Exit


class Outcome(StrEnum):
    """Distinct everywhere: in events, records, notices and exit codes."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNDONE = "undone"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    BUSY = "busy"
    SKIPPED = "skipped"
    NOT_STARTED = "not_started"

    @property
    def exit(self) -> Exit:
        """The exit code that this outcome alone would give."""
        return _EXITS[self]

    @property
    def good(self) -> bool:
        """True when the work was done (or there was nothing to do)."""
        return self in (Outcome.OK, Outcome.CHANGED, Outcome.SKIPPED)

    @property
    def needs_action(self) -> bool:
        """True when somebody has to act on the host."""
        return not self.good

    @property
    def spends_budget(self) -> bool:
        """True when the host counts against the failure budget of its run."""
        return self in (Outcome.FAILED, Outcome.UNREACHABLE)


_EXITS = {
    Outcome.OK: Exit.DONE,
    Outcome.CHANGED: Exit.CHANGED,
    Outcome.SKIPPED: Exit.DONE,
    Outcome.FAILED: Exit.HOST_FAILED,
    Outcome.UNDONE: Exit.HOST_FAILED,
    Outcome.UNREACHABLE: Exit.HOST_UNREACHABLE,
    Outcome.REFUSED: Exit.REFUSED,
    Outcome.BUSY: Exit.BUSY,
    Outcome.NOT_STARTED: Exit.INTERRUPTED,
}


class RunState(StrEnum):
    """Where a run stands. ``RUNNING`` with a dead process is what ``resume`` is for."""

    RUNNING = "running"
    CLOSED = "closed"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    MISSED = "missed"
