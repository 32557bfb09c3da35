"""How far a run has come, folded from its events. Pure.

A run that is at work and a run that is read back after its process died go through the same
:meth:`Progress.follow`, so what is decided before a death and after it is decided from the same
facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsbook.model.exits import Exit
from opsbook.model.message import Message
from opsbook.model.outcome import Outcome

UNDO = "undo"
"""The phase of a host (``host.started``) and of a run (``run.opened``) that brings back."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run goes no further for now, and the exit code that this alone would give."""

    problem: Message
    exit: Exit = Exit.INTERRUPTED

    def to_json(self) -> dict[str, Any]:
        """As kept in ``run.stopped``."""
        return {"problem": self.problem.to_json(), "exit": int(self.exit)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Stop:
        """Read back what :meth:`to_json` wrote."""
        return cls(Message.from_json(data["problem"]), Exit(data.get("exit", Exit.INTERRUPTED)))


@dataclass(slots=True)
class Progress:
    """``outcomes`` are as they stand: after verification and after what was undone.

    ``begun`` are the hosts that may carry changes: their work was begun and they were not brought
    back. ``undone`` says how an attempt to bring a host back ended. ``wave`` are the hosts of the
    wave that was started and is not finished, ``waves`` the number of the last one, and ``ramp``
    how many were started since the ramp began. ``interrupted`` is true between a stop on purpose
    and the next resume; ``stopped`` is why, where it was not a signal. ``seconds`` is how long
    earlier processes were at work, each from its first event to its last.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    verified: dict[str, bool] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    undone: dict[str, Outcome] = field(default_factory=dict)
    wave: tuple[str, ...] = ()
    waves: int = 0
    ramp: int = 0
    stopped: Stop | None = None
    interrupted: bool = False
    state: str = ""
    seconds: float = 0.0

    def follow(self, kind: str, host: str, payload: Mapping[str, Any]) -> None:
        """Take one event of the run, in order; kinds that change nothing here are passed over."""
        step = _STEPS.get(kind)
        if step is not None:
            step(self, host, payload)

    def to_reopen(self, hosts: Iterable[str]) -> list[str]:
        """The ``hosts`` that a resume takes again: after a stop on purpose all that are not good,
        after a death none, so that the run ends as it would have without it.
        """
        if not self.interrupted:
            return []
        return [host for host in hosts if host in self.outcomes and not self.outcomes[host].good]

    def carrying_changes(self, hosts: Iterable[str]) -> list[str]:
        """The ``hosts`` that an undo has to bring back: changed, failed or caught midway."""
        unchanged = (Outcome.OK, Outcome.SKIPPED)
        return [h for h in hosts if h in self.begun and self.outcomes.get(h) not in unchanged]

    def _resumed(self, host: str, payload: Mapping[str, Any]) -> None:
        for name in payload.get("reopened") or ():
            self.outcomes.pop(name, None)
            self.verified.pop(name, None)
            self.undone.pop(name, None)
        if self.interrupted:
            self.interrupted, self.stopped, self.ramp = False, None, 0

    def _wave_started(self, host: str, payload: Mapping[str, Any]) -> None:
        self.wave, self.waves = tuple(payload["hosts"]), int(payload["number"])
        self.ramp += 1

    def _wave_finished(self, host: str, payload: Mapping[str, Any]) -> None:
        self.wave = ()

    def _host_started(self, host: str, payload: Mapping[str, Any]) -> None:
        if payload["phase"] != UNDO:
            self.begun.add(host)

    def _host_prepared(self, host: str, payload: Mapping[str, Any]) -> None:
        self.begun.add(host)

    def _host_finished(self, host: str, payload: Mapping[str, Any]) -> None:
        self.outcomes[host] = Outcome(payload["outcome"])

    def _host_verified(self, host: str, payload: Mapping[str, Any]) -> None:
        self.verified[host] = not payload["failed"]
        if payload["failed"]:
            self.outcomes[host] = Outcome.FAILED

    def _host_undone(self, host: str, payload: Mapping[str, Any]) -> None:
        became = Outcome(payload["outcome"])
        back = became in (Outcome.OK, Outcome.CHANGED)
        self.undone[host] = became
        if back:
            self.begun.discard(host)
        if self.outcomes.get(host) in (Outcome.CHANGED, None):
            self.outcomes[host] = Outcome.UNDONE if back else Outcome.FAILED

    def _host_examined(self, host: str, payload: Mapping[str, Any]) -> None:
        if payload["standing"] == "untouched":
            self.begun.discard(host)

    def _stopped(self, host: str, payload: Mapping[str, Any]) -> None:
        self.stopped = Stop.from_json(payload)

    def _interrupted(self, host: str, payload: Mapping[str, Any]) -> None:
        self.interrupted = True

    def _closed(self, host: str, payload: Mapping[str, Any]) -> None:
        self.state = str(payload["state"])


_STEPS = {
    "run.resumed": Progress._resumed,
    "run.stopped": Progress._stopped,
    "run.interrupted": Progress._interrupted,
    "run.closed": Progress._closed,
    "wave.started": Progress._wave_started,
    "wave.finished": Progress._wave_finished,
    "host.started": Progress._host_started,
    "host.prepared": Progress._host_prepared,
    "host.finished": Progress._host_finished,
    "host.verified": Progress._host_verified,
    "host.examined": Progress._host_examined,
    "host.undone": Progress._host_undone,
}
