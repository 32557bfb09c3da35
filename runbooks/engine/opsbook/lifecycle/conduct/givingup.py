"""Giving up a run that was stopped: nothing more is done, and every host has its end on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsbook.execution.work import HostReport
from opsbook.lifecycle.conduct.stage import Conduct, Stage, Stopwatch
from opsbook.model.change import ChangeState
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome, RunState


def giving_up(reason: str, becomes: ChangeState | None) -> Callable[[Stage], Conduct]:
    """The conduct of a run that is closed as it stands; its change, if it has one, ``becomes``."""
    return lambda stage: GiveUpConduct(stage, reason, becomes)


class GiveUpConduct:
    """Touches no host."""

    def __init__(self, stage: Stage, reason: str, becomes: ChangeState | None) -> None:
        self._stage = stage
        self._reason = reason
        self._becomes = becomes

    def begin(self) -> None:
        """End every host that is left; one that was caught midway has failed."""
        for name in self._stage.left:
            self._stage.sink.finished(self._ending(name))

    def may_begin(self, wave: Sequence[str]) -> bool:
        """No wave begins."""
        return False

    def take(self, hosts: Sequence[Host], watch: Stopwatch) -> None:
        """No host is left to be taken."""

    def too_late(self) -> None:
        """Nothing here takes time."""

    def becomes(self, state: RunState, exit_code: Exit) -> ChangeState | None:
        """What it was told."""
        return self._becomes

    def _ending(self, name: str) -> HostReport:
        if name in self._stage.so_far.begun:
            why = msg("The run was given up while {host} was at work: {reason}",
                      host=name, reason=self._reason)  # fmt: skip
            return HostReport(name, Outcome.FAILED, why)
        why = msg("The run was given up before {host} was begun: {reason}",
                  host=name, reason=self._reason)  # fmt: skip
        return HostReport(name, Outcome.NOT_STARTED, why)
