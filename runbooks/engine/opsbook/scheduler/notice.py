"""What a night job tells people when it did not end well: one paragraph. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from opsbook.model.errors import InputFault, OpsbookError
from opsbook.model.estate import Estate, Scheduled
from opsbook.model.event import Event
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome
from opsbook.scheduler.missed import Missed
from opsbook.text import tr, translate

NAMED = 12
"""The most hosts, faults or due times that are named; the rest is counted."""

REASON = 160
"""The most characters of one host's reason."""

_LEFT = (Outcome.REFUSED, Outcome.BUSY, Outcome.NOT_STARTED)

_MEANING = {
    Exit.HOST_FAILED: msg("some host failed"),
    Exit.HOST_UNREACHABLE: msg("some host could not be reached"),
    Exit.REFUSED: msg("refused"),
    Exit.BUSY: msg("something else is at work there"),
    Exit.INTERRUPTED: msg("interrupted"),
    Exit.FAULT: msg("the verification or the ledger has a fault"),
    Exit.USAGE: msg("something named in the estate does not exist"),
    Exit.BAD_INPUT: msg("a declaration is wrong"),
    Exit.OUR_BUG: msg("a fault of opsbook itself"),
}


@dataclass(frozen=True, slots=True)
class HostEnd:
    """What became of one host, and why."""

    host: str
    outcome: Outcome
    reason: Message


@dataclass(frozen=True, slots=True)
class Ending:
    """How one start of a night job ended. ``run`` is empty where none was opened."""

    exit: Exit
    run: str = ""
    hosts: Sequence[HostEnd] = ()
    problems: Sequence[Message] = ()
    untouched: Message | None = None
    next_step: Message | None = None
    missed: Sequence[Missed] = field(default=())

    @property
    def about(self) -> str:
        """The run that people should look at; empty where there is none."""
        if self.missed and self.exit in (Exit.DONE, Exit.CHANGED):
            return self.missed[0].run
        return self.run

    @property
    def good(self) -> bool:
        """Whether nobody needs to be told."""
        return self.exit in (Exit.DONE, Exit.CHANGED) and not self.missed


def of_error(error: OpsbookError) -> Ending:
    """The ending that an error makes, with all the faults of a wrong declaration."""
    problems = [error.problem]
    if isinstance(error, InputFault):
        problems += [
            msg("{file}:{line}: {path}: {problem}", file=fault.file, line=fault.line,
                path=fault.path, problem=translate(fault.problem))
            for fault in error.faults
        ]  # fmt: skip
    return Ending(
        error.exit, problems=problems, untouched=error.untouched, next_step=error.next_step
    )


def host_ends(events: Iterable[Event]) -> list[HostEnd]:
    """Every host's end from the events of one run; a failed verification is a failure."""
    ends: dict[str, HostEnd] = {}
    for event in events:
        payload = event.payload or {}
        if event.kind == "host.finished":
            reason = Message.from_json(payload["summary"])
            ends[event.host] = HostEnd(event.host, Outcome(payload["outcome"]), reason)
        elif event.kind == "host.verified" and payload["failed"]:
            reason = msg(
                "checks of its verification that failed: {number}", number=payload["failed"]
            )
            ends[event.host] = HostEnd(event.host, Outcome.FAILED, reason)
    return list(ends.values())


def paragraph(estate: Estate, job: Scheduled, ending: Ending) -> str:
    """The whole story in the language in use; empty when nobody needs to be told."""
    if ending.good:
        return ""
    sentences = _missed(estate, job, ending.missed)
    if ending.exit not in (Exit.DONE, Exit.CHANGED):
        sentences += _bad_end(estate, job, ending)
    *first, last = (translate(sentence) for sentence in sentences)
    return "".join(map(_closed, first)) + last


def _closed(sentence: str) -> str:
    """``sentence`` as it stands before another one."""
    if sentence.endswith(("。", "！", "？")):
        return sentence
    return sentence + (" " if sentence.endswith((".", "!", "?")) else tr("; "))


def _bad_end(estate: Estate, job: Scheduled, ending: Ending) -> list[Message]:
    result = [
        msg(
            "opsbook: the night job {schedule} ({runbook}) of estate {estate} ended with exit "
            "code {exit}: {meaning}.",
            schedule=job.name, runbook=job.runbook, estate=estate.name, exit=int(ending.exit),
            meaning=translate(_MEANING.get(ending.exit, msg("not done"))),
        )
    ]  # fmt: skip
    result += ending.problems[:NAMED]
    if not ending.problems or ending.hosts:
        result += _hosts(ending.hosts)
    if ending.untouched:
        result.append(ending.untouched)
    return [*result, *_next(estate, job, ending)]


def _hosts(hosts: Sequence[HostEnd]) -> list[Message]:
    by = {outcome: [end for end in hosts if end.outcome is outcome] for outcome in Outcome}
    left = [end for outcome in _LEFT for end in by[outcome]]
    result = []
    if by[Outcome.FAILED]:
        result.append(msg("Failed: {hosts}.", hosts=_named(by[Outcome.FAILED])))
    if by[Outcome.UNREACHABLE]:
        result.append(msg("Unreachable: {hosts}.", hosts=_named(by[Outcome.UNREACHABLE])))
    if left:
        result.append(msg("Left untouched: {hosts}.", hosts=_named(left)))
    done = sum(end.outcome.good for end in hosts)
    return [*result, msg("Hosts done: {number}.", number=done)]


def _named(ends: Sequence[HostEnd]) -> str:
    named = [_noted(_short(end.host), _short(translate(end.reason))) for end in ends[:NAMED]]
    return _some(named, len(ends))


def _short(text: str) -> str:
    return text if len(text) <= REASON else text[: REASON - 3] + "..."


def _some(named: Sequence[str], number: int) -> str:
    """Those that are named, and how many of all ``number`` are not."""
    told = tr("; ").join(named)
    if number <= NAMED:
        return told
    return tr("{named} and {number} more", named=told, number=number - NAMED)


def _next(estate: Estate, job: Scheduled, ending: Ending) -> list[Message]:
    if ending.next_step:
        return [ending.next_step]
    if not ending.run:
        return [
            msg(
                "Next: opsbook schedule run {schedule} -e {estate}",
                schedule=job.name, estate=shlex.quote(str(estate.directory)),
            )
        ]  # fmt: skip
    if ending.exit is Exit.INTERRUPTED:
        return [msg("Next: opsbook resume {run}", run=ending.run)]
    return [msg("Next: opsbook records show {run}", run=ending.run)]


def _missed(estate: Estate, job: Scheduled, misses: Sequence[Missed]) -> list[Message]:
    if not misses:
        return []
    named = [_miss(estate, miss) for miss in misses[:NAMED]]
    return [
        msg(
            "opsbook: night jobs of estate {estate} were due and did not start: {misses}.",
            estate=estate.name, misses=_some(named, len(misses)),
        )
    ]  # fmt: skip


def _miss(estate: Estate, miss: Missed) -> str:
    due = miss.due.astimezone(estate.zone).strftime("%Y-%m-%d %H:%M%z")
    return _noted(f"{miss.schedule} {due}", miss.run)


def _noted(name: str, note: str) -> str:
    return tr("{name} ({notes})", name=name, notes=note)
