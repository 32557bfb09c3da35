"""What is asked of the lifecycle, what it answers, and who watches meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from opsbook.execution.work import HostReport
from opsbook.model.exits import Exit
from opsbook.model.message import Message
from opsbook.model.outcome import Outcome, RunState

Origin = Literal["terminal", "cron"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A wish to run a runbook on an estate; ``settings`` are ``--set`` words, still text."""

    runbook: str
    estate: str
    limit: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = "terminal"
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended. ``problems`` are sentences for whoever must act."""

    run: str
    state: RunState
    exit: Exit
    counts: Mapping[Outcome, int]
    problems: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class Adopted:
    """A change of the approver policy is in force: there was no run. ``problems`` as above."""

    change: str
    problems: Sequence[Message] = ()


class Watcher(Protocol):
    """Sees a run as it goes, from any thread; nothing it does changes the run.

    A class that derives from it passes over what it has no method for.
    """

    def opened(self, run: str, plan: Mapping[str, Any]) -> None:
        """The run has a number and a plan."""
        return

    def wave_started(self, number: int, hosts: Sequence[str]) -> None:
        """A wave begins, or is taken up again where a process left it."""
        return

    def wave_ended(
        self, number: int, outcomes: Mapping[str, Outcome], verified: int | None
    ) -> None:
        """A wave is through: how its hosts stand after verification and undo, and how many passed
        their verification; None where none is declared.
        """
        return

    def host_started(self, host: str, phase: str) -> None:
        """A phase begins on a host."""
        return

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Bytes so far on a host."""
        return

    def host_finished(self, report: HostReport) -> None:
        """A host is done."""
        return

    def closed(self, result: RunResult) -> None:
        """The run has ended."""
        return
