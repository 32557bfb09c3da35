"""One start of a night job, as cron makes it: look for misses, take the job, run, tell."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from opsbook.execution.declared.declarations import find_schedule, load_estate
from opsbook.execution.requester import requester
from opsbook.ledger import resources
from opsbook.ledger.port import Ledger
from opsbook.ledger.process import this_process
from opsbook.lifecycle.refusal import record_refusal
from opsbook.lifecycle.request import RunRequest, RunResult, Watcher
from opsbook.model.clock import Clock
from opsbook.model.errors import Busy, OpsbookError
from opsbook.model.estate import Estate, Scheduled
from opsbook.model.event import NewEvent
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.scheduler import failure
from opsbook.scheduler.missed import Missed, due_now, record_missed
from opsbook.scheduler.notice import Ending, host_ends, of_error, paragraph
from opsbook.text import translate

Begin = Callable[[RunRequest], RunResult]
"""Runs a runbook to its end: the lifecycle, with places, clock and watcher given."""


Say = Callable[[str], None]
"""Prints one paragraph for whoever reads cron's mail."""


class Silent(Watcher):
    """A watcher for cron: the paragraph at the end says all that matters."""


def start_job(
    name: str,
    estate: str,
    places: Places,
    clock: Clock,
    watcher: Watcher,
    say: Say,
    *,
    if_due: bool,
) -> Exit:
    """Start the night job ``name`` of an estate, given by name or directory.

    With ``if_due`` it starts only when a due time waits for a start. Silent when all is well.
    Raises UsageFault and InputFault when there is no such estate or schedule; any later trouble
    is told through ``say`` and the estate's failure command, and only our own bugs are raised.
    """
    from opsbook.ledger.store import open_ledger
    from opsbook.lifecycle import run_runbook

    declared = load_estate(estate, places)
    job = find_schedule(declared, name)

    def begin(request: RunRequest) -> RunResult:
        return run_runbook(request, places, clock, watcher)

    tell = Teller(declared, job, say)
    return start(tell, lambda: open_ledger(places, clock), clock, begin, if_due=if_due)


@dataclass(frozen=True, slots=True)
class Teller:
    """A job and how its people are told."""

    estate: Estate
    job: Scheduled
    say: Say

    def tell(self, ending: Ending, ledger: Ledger | None) -> None:
        """Say the paragraph, then call the failure command; nothing when all is well."""
        story = paragraph(self.estate, self.job, ending)
        if not story:
            return
        self.say(story)
        problem = self._call(ending, story)
        if problem is None:
            return
        self.say(translate(problem))
        if ledger is not None:
            self._record(problem, ending, ledger)

    def _record(self, problem: Message, ending: Ending, ledger: Ledger) -> None:
        """A ledger that cannot take it must not change how the job ended."""
        payload = {"problem": problem.to_json(), "schedule": self.job.name}
        event = NewEvent("notice.failed", self.estate.name, ending.about, payload=payload)
        try:
            ledger.append([event])
        except OpsbookError as error:
            self.say(translate(error.problem))

    def _call(self, ending: Ending, story: str) -> Message | None:
        if not self.estate.on_failure:
            return None
        facts = {
            "OPSBOOK_RUN": ending.about,
            "OPSBOOK_EXIT": str(int(ending.exit)),
            "OPSBOOK_ESTATE": self.estate.name,
        }
        return failure.call(self.estate.on_failure, story, facts)


def start(
    teller: Teller,
    open_ledger: Callable[[], Ledger],
    clock: Clock,
    begin: Begin,
    *,
    if_due: bool = False,
) -> Exit:
    """What follows once the declaration was read; also a ledger that cannot be opened is told."""
    estate, job = teller.estate, teller.job
    ledger: Ledger | None = None
    misses: list[Missed] = []
    try:
        ledger = open_ledger()
        misses = record_missed(estate, ledger, clock)
        idle = if_due and not due_now(estate, job, ledger, clock.now())
        ending = Ending(Exit.DONE) if idle else _take_and_run(estate, job, ledger, clock, begin)
    except OpsbookError as error:
        ending = of_error(error)
    except Exception as bug:
        what = msg("{kind}: {reason}.", kind=type(bug).__name__, reason=str(bug))
        teller.tell(Ending(Exit.OUR_BUG, problems=[what], missed=misses), None)
        raise
    teller.tell(replace(ending, missed=misses), ledger)
    return ending.exit


def _take_and_run(
    estate: Estate, job: Scheduled, ledger: Ledger, clock: Clock, begin: Begin
) -> Ending:
    try:
        lease = ledger.take(resources.of_job(estate.name, job.name), this_process(""))
    except Busy:
        return _refuse_overlap(estate, job, ledger, clock)
    try:
        request = RunRequest(
            runbook=job.runbook,
            estate=str(estate.directory),
            limit=job.limit,
            origin="cron",
            schedule=job.name,
        )
        result = begin(request)
    finally:
        ledger.release(lease)
    if result.exit in (Exit.DONE, Exit.CHANGED):
        return Ending(Exit.DONE, result.run)
    ends = host_ends(ledger.events(run=result.run, kinds=("host.finished", "host.verified")))
    return Ending(result.exit, result.run, ends, result.problems)


def _refuse_overlap(estate: Estate, job: Scheduled, ledger: Ledger, clock: Clock) -> Ending:
    problem = msg(
        "An earlier start of {schedule} on estate {estate} is still at work; "
        "this start was refused.",
        schedule=job.name, estate=estate.name,
    )  # fmt: skip
    who = requester("cron", job.name, os.environ)
    told = record_refusal(estate, job.runbook, ledger, clock.now(), who, problem, Exit.BUSY)
    return Ending(Exit.BUSY, told.run, problems=[problem], untouched=told.untouched)
