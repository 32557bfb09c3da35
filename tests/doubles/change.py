"""ScriptedChange: changes on hosts that exist in memory and remember every touch.

    fleet = Fleet("a1", "a2", target={"openssl": "3.0.17"})
    fleet["a2"].trouble = Trouble(fails_after=1)
    work = ScriptedChange(fleet)

The fleet outlives the process that works on it: tests let that one die, and ask the hosts
themselves afterwards (``state``, ``touches``) what was done to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from opsbook.execution.verify.verification import SuiteTest, Verified
from opsbook.execution.work import Examined, HostReport, Job, Sink, Standing
from opsbook.model.errors import HostUnreachable, OpsbookError
from opsbook.model.estate import Host
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome
from opsbook.model.plan import HostPlan, Item, Outlook, UndoOutlook

BEFORE = {"openssl": "3.0.15", "nginx": "1.22.0", "curl": "7.88.0"}
TARGET = {"openssl": "3.0.17", "nginx": "1.22.1", "curl": "7.88.1"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one host.

    ``fails_after`` items were written the work fails; ``unreachable`` names the calls (forecast,
    perform, examine, undo) that do not get through, ``lost_after`` items the connection is lost.
    """

    fails_after: int | None = None
    lost_after: int | None = None
    unreachable: frozenset[str] = frozenset()
    repairable: bool = True
    fails_verification: bool = False
    fails_undo: bool = False
    forgotten: bool = False


@dataclass(slots=True)
class MemoryHost:
    """``state`` is what is installed; ``kept`` is what undo has to work with; ``touches`` are all
    writes in order: keep, ``set openssl 3.0.17``, ``back openssl 3.0.15``, dropped.
    """

    name: str
    state: dict[str, str]
    trouble: Trouble = Trouble()
    kept: dict[str, str] | None = None
    token: int = 0
    touches: list[str] = field(default_factory=list)

    @property
    def writes(self) -> list[str]:
        """Touches that changed something."""
        return [touch for touch in self.touches if touch.startswith(("set", "back"))]


def _nothing_happens(host: str, point: str) -> None:
    """Nobody is killed."""


class Fleet(dict[str, MemoryHost]):
    """Hosts by name. ``before_touch`` is called before everything that happens on a host."""

    def __init__(self, *names: str, target: Mapping[str, str] = TARGET) -> None:
        super().__init__({name: MemoryHost(name, dict(BEFORE)) for name in names})
        self.target = dict(target)
        self.before_touch: Callable[[str, str], None] = _nothing_happens

    def touch(self, host: MemoryHost, what: str) -> None:
        """Something is about to be written on ``host``."""
        self.before_touch(host.name, what)
        host.touches.append(what)

    def states(self) -> dict[str, dict[str, str]]:
        """What is on every host now."""
        return {name: dict(host.state) for name, host in self.items()}


class ScriptedChange:
    """A :class:`opsbook.execution.work.ChangeWork` on a fleet, host after host in this thread."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.calls: list[tuple[str, tuple[str, ...]]] = []

    def forecast(self, hosts: Sequence[Host], job: Job) -> Mapping[str, HostPlan | OpsbookError]:
        """Every item that is not at its target."""
        self._call("forecast", hosts)
        return {h.name: self._reached("forecast", h.name) or self._plan(h.name) for h in hosts}

    def examine(self, hosts: Sequence[Host], job: Job) -> Mapping[str, Examined | OpsbookError]:
        """Held against the approved plan."""
        self._call("examine", hosts)
        return {
            host.name: self._reached("examine", host.name) or self._standing(host.name, job)
            for host in hosts
        }

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """Keep what undo needs, then write item after item."""
        self._call("perform", hosts)
        for host in hosts:
            if job.cancelled.is_set():
                return
            self._perform(self.fleet[host.name], job, sink)

    def undo(self, hosts: Sequence[Host], job: Job, sink: Sink) -> Mapping[str, HostReport]:
        """Write back what was kept, last item first."""
        self._call("undo", hosts)
        return {host.name: self._undo(self.fleet[host.name], job, sink) for host in hosts}

    def _call(self, name: str, hosts: Sequence[Host]) -> None:
        self.calls.append((name, tuple(host.name for host in hosts)))
        for host in hosts:
            self.fleet.before_touch(host.name, name)

    def _reached(self, call: str, name: str) -> HostUnreachable | None:
        if call not in self.fleet[name].trouble.unreachable:
            return None
        return HostUnreachable(msg("{host} does not answer.", host=name))

    def _plan(self, name: str) -> HostPlan:
        state = self.fleet[name].state
        items = tuple(
            Item(f"package:{item}", msg("{item}", item=item), state[item], wanted)
            for item, wanted in self.fleet.target.items()
            if state[item] != wanted
        )
        if not items:
            return HostPlan(name, Outlook.NOTHING, msg("Everything is up to date."))
        undo = UndoOutlook(len(items), len(items))
        return HostPlan(name, Outlook.CHANGE, None, items, undo, seconds=10)

    def _standing(self, name: str, job: Job) -> Examined:
        host = self.fleet[name]
        wanted = _wanted(job.plans[name])
        at_target = [host.state[item] == after for item, (_, after) in wanted.items()]
        if all(at_target):
            actual = {f"package:{item}": {"changed": True} for item in wanted}
            done = msg("Everything is done.")
            return Examined(Standing.DONE, done, evidence={"actual": actual})
        if not any(at_target):
            return Examined(Standing.UNTOUCHED, msg("Nothing was done."))
        return Examined(Standing.MIDWAY, msg("It is half done."), host.trouble.repairable)

    def _perform(self, host: MemoryHost, job: Job, sink: Sink) -> None:
        self._fence(host, job)
        if host.trouble.forgotten:
            return
        if "perform" in host.trouble.unreachable:
            sink.finished(_report(host, Outcome.UNREACHABLE))
            return
        sink.started(host.name, "apply")
        if host.kept is None:
            self.fleet.touch(host, "keep")
            host.kept = dict(host.state)
        sink.prepared(host.name, {"items": sorted(host.kept)})
        for written, (item, (_, after)) in enumerate(_wanted(job.plans[host.name]).items()):
            if job.cancelled.is_set():
                return
            if written in (host.trouble.fails_after, host.trouble.lost_after):
                lost = written == host.trouble.lost_after
                sink.finished(_report(host, Outcome.UNREACHABLE if lost else Outcome.FAILED))
                return
            self._write(host, item, after, sink)
        sink.finished(_report(host, Outcome.CHANGED))

    def _write(self, host: MemoryHost, item: str, after: str, sink: Sink) -> None:
        if host.state[item] != after:
            self.fleet.touch(host, f"set {item} {after}")
            host.state[item] = after
        sink.task(host.name, item, "changed", {"changed": True})

    def _undo(self, host: MemoryHost, job: Job, sink: Sink) -> HostReport:
        self._fence(host, job)
        if "undo" in host.trouble.unreachable:
            return _report(host, Outcome.UNREACHABLE)
        sink.started(host.name, "undo")
        if host.kept is None:
            return _report(host, Outcome.OK)
        for item, former in reversed(host.kept.items()):
            if host.state[item] != former:
                self.fleet.touch(host, f"back {item} {former}")
                host.state[item] = former
            if host.trouble.fails_undo:
                return _report(host, Outcome.FAILED)
        self.fleet.touch(host, "dropped")
        host.kept = None
        return _report(host, Outcome.CHANGED)

    def _fence(self, host: MemoryHost, job: Job) -> None:
        """A host lets nobody in whose lease is older than one it has seen."""
        token = job.tokens[host.name]
        assert token >= host.token, f"{host.name} was reached under the stale lease {token}"
        host.token = token


def suite(fleet: Fleet) -> Callable[[Sequence[Host], Job], Mapping[str, Verified]]:
    """A verification suite that looks at the hosts of ``fleet``."""

    def verify(hosts: Sequence[Host], job: Job) -> Mapping[str, Verified]:
        return {host.name: _verified(fleet[host.name], job) for host in hosts}

    return verify


def _verified(host: MemoryHost, job: Job) -> Verified:
    wanted = _wanted(job.plans[host.name])
    right = all(host.state[item] == after for item, (_, after) in wanted.items())
    if right and not host.trouble.fails_verification:
        return Verified(1, 0, (SuiteTest("versions", "passed"),))
    return Verified(0, 1, (SuiteTest("versions", "failed", "not as planned"),))


def _wanted(plan: HostPlan) -> dict[str, tuple[str, str]]:
    return {
        item.key.removeprefix("package:"): (item.before or "", item.after or "")
        for item in plan.items
    }


def _report(host: MemoryHost, outcome: Outcome) -> HostReport:
    return HostReport(host.name, outcome, msg("scripted: {outcome}", outcome=str(outcome)))
