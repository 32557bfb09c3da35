"""A run, on in-memory doubles: endings, budgets, leases, and death at every event."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from doubles.run import (
    ESTATE,
    NOW,
    Witnessed,
    holder,
    inventory,
    job_for,
    no_witness,
    plan_for,
    runbook,
)
from doubles.work import Script, ScriptedWork
from opsbook.execution.verify.verification import SuiteTest, Verified
from opsbook.ledger.port import Ledger
from opsbook.lifecycle.conduct.history import read_history
from opsbook.lifecycle.conduct.routine import routine
from opsbook.lifecycle.conduct.run import Run
from opsbook.lifecycle.conduct.stage import Ports
from opsbook.model.event import Event, NewEvent
from opsbook.model.exits import Exit
from opsbook.model.outcome import Outcome, RunState

HOSTS = inventory("a1", "a2", "a3", "a4", "a5")


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing after it happens."""


class MortalLedger:
    """Kills the process at the n-th append, before or after it became durable."""

    def __init__(self, ledger: MemoryLedger, at: int, *, durable: bool) -> None:
        self._ledger, self._left, self._durable = ledger, at, durable

    def __getattr__(self, name: str):
        return getattr(self._ledger, name)

    def append(self, events: list[NewEvent]) -> list[Event]:
        self._left -= 1
        if self._left < 0:
            raise Killed
        if self._left == 0:
            if self._durable:
                self._ledger.append(events)
            raise Killed
        return self._ledger.append(events)


def open_run(ledger: MemoryLedger, book, hosts) -> tuple[str, object]:
    plan = plan_for(book, hosts)
    payload = {
        "plan": plan.content,
        "plan_digest": plan.digest,
        "directory": "/nonexistent",
        "requested_by": {},
        "holder": {"pid": 1},
    }
    number = ledger.open_run(
        NOW.date(), lambda run: [NewEvent("run.opened", ESTATE.name, run, payload=payload)]
    )
    return number, plan


def carry_out(
    ledger: Ledger,
    number: str,
    work,
    *,
    book=None,
    hosts=HOSTS,
    verifier=None,
    pid=1,
):
    book = book or runbook()
    history = read_history(ledger, number)
    history.progress.follow("run.resumed", "", {})
    clock = FakeClock(NOW)
    job = job_for(number, book, hosts, clock)
    ports = Ports(ledger, routine(work), verifier, no_witness, Witnessed())
    return Run(job, history.plan, ports, holder(number, pid), history.progress).carry_out()


def fresh(book=None, hosts=HOSTS):
    ledger = MemoryLedger(FakeClock(NOW))
    number, _ = open_run(ledger, book or runbook(), hosts)
    return ledger, number


def kinds(ledger: MemoryLedger, number: str) -> Counter[tuple[str, str]]:
    return Counter((event.kind, event.host) for event in ledger.events(run=number))


def test_every_host_of_the_plan_ends_exactly_once() -> None:
    ledger, number = fresh()
    result = carry_out(ledger, number, ScriptedWork())
    assert result.state is RunState.CLOSED
    assert result.exit is Exit.DONE
    assert result.counts == {Outcome.OK: 5}
    seen = kinds(ledger, number)
    assert all(seen["host.finished", host.name] == 1 for host in HOSTS.hosts)
    assert seen["run.closed", ""] == 1


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((Outcome.CHANGED,), Exit.CHANGED),
        ((Outcome.UNREACHABLE, Outcome.REFUSED), Exit.HOST_UNREACHABLE),
        ((Outcome.UNREACHABLE, Outcome.FAILED), Exit.HOST_FAILED),
        ((Outcome.SKIPPED,), Exit.DONE),
    ],
)
def test_the_most_serious_host_gives_the_exit_code(outcomes, code) -> None:
    ledger, number = fresh()
    scripts = {f"a{n}": Script(outcome) for n, outcome in enumerate(outcomes, 1)}
    assert carry_out(ledger, number, ScriptedWork(scripts)).exit is code


def test_a_host_held_by_somebody_else_is_busy_and_the_others_go_on() -> None:
    ledger, number = fresh()
    ledger.take("small/host/a2", holder("RUN-other", pid=1))
    result = carry_out(ledger, number, ScriptedWork())
    assert result.counts == {Outcome.OK: 4, Outcome.BUSY: 1}
    assert result.exit is Exit.BUSY


def test_a_host_we_do_not_manage_is_skipped_with_its_reason() -> None:
    a1, *others = HOSTS.hosts
    unmanaged = replace(
        a1, vars={"opsbook_managed": False, "opsbook_managed_reason": "Windows without SSH"}
    )
    hosts = replace(HOSTS, hosts=(unmanaged, *others))
    ledger, number = fresh(hosts=hosts)
    work = ScriptedWork()
    result = carry_out(ledger, number, work, hosts=hosts)
    assert result.counts == {Outcome.OK: 4, Outcome.SKIPPED: 1}
    assert result.exit is Exit.DONE
    assert "a1" not in work.performed
    (end,) = (e for e in ledger.events(run=number, kinds=["host.finished"]) if e.host == "a1")
    assert end.payload["summary"]["params"]["reason"] == "Windows without SSH"


def test_leases_are_given_back_when_a_wave_ends() -> None:
    ledger, number = fresh()
    carry_out(ledger, number, ScriptedWork())
    for host in HOSTS.hosts:
        ledger.release(ledger.take(f"small/host/{host.name}", holder("RUN-next")))


def test_past_the_failure_budget_the_rest_is_left_untouched() -> None:
    book = runbook(waves={"first": 1, "factor": 2, "cap": 4, "failure_budget": 0})
    ledger, number = fresh(book)
    work = ScriptedWork({"a1": Script(Outcome.UNREACHABLE)})
    result = carry_out(ledger, number, work, book=book)
    assert work.performed == ["a1"]
    assert result.counts == {Outcome.UNREACHABLE: 1, Outcome.NOT_STARTED: 4}


def test_a_host_that_fails_its_verification_has_failed() -> None:
    def verifier(hosts, job):
        bad = (SuiteTest("t", "failed", "no"),)
        return {
            host.name: Verified(0, 1, bad) if host.name == "a3" else Verified(1, 0, ())
            for host in hosts
        }

    ledger, number = fresh()
    result = carry_out(ledger, number, ScriptedWork(), verifier=verifier)
    assert result.counts == {Outcome.OK: 4, Outcome.FAILED: 1}
    assert result.exit is Exit.HOST_FAILED


def test_a_stopped_run_stays_open_and_resume_takes_only_the_rest() -> None:
    ledger, number = fresh(runbook(waves={"first": 1, "cap": 1}))
    book = runbook(waves={"first": 1, "cap": 1})
    first = ScriptedWork()

    class StopsAfterTwo(ScriptedWork):
        def perform(self, hosts, job, sink):
            first.perform(hosts, job, sink)
            if len(first.performed) == 2:
                job.cancelled.set()

    result = carry_out(ledger, number, StopsAfterTwo(), book=book)
    assert result.state is RunState.INTERRUPTED
    assert result.exit is Exit.INTERRUPTED
    assert "opsbook resume" in result.problems[0].english()
    second = ScriptedWork()
    result = carry_out(ledger, number, second, book=book)
    assert first.performed == ["a1", "a2"]
    assert second.performed == ["a3", "a4", "a5"]
    assert result.counts == {Outcome.OK: 5}


def test_stopped_before_verification_the_host_is_verified_on_resume() -> None:
    seen: list[str] = []

    def verifier(hosts, job):
        seen.extend(host.name for host in hosts)
        return {host.name: Verified(1, 0, ()) for host in hosts}

    class StopsAtTheEnd(ScriptedWork):
        def perform(self, hosts, job, sink):
            super().perform(hosts, job, sink)
            job.cancelled.set()

    ledger, number = fresh()
    result = carry_out(ledger, number, StopsAtTheEnd(), verifier=verifier)
    assert result.state is RunState.INTERRUPTED
    assert seen == []
    result = carry_out(ledger, number, ScriptedWork(), verifier=verifier)
    assert result.state is RunState.CLOSED
    assert seen == ["a1", "a2", "a3", "a4", "a5"]


def test_work_that_forgets_a_host_does_not_lose_it_in_the_record() -> None:
    class Forgetful(ScriptedWork):
        def perform(self, hosts, job, sink):
            super().perform(hosts[1:], job, sink)

    ledger, number = fresh()
    assert carry_out(ledger, number, Forgetful()).counts == {Outcome.OK: 4, Outcome.FAILED: 1}


def test_the_time_limit_ends_the_run_and_says_which_hosts_it_cut_off() -> None:
    book = runbook(timeout="1s", waves={"first": 2, "cap": 2})
    ledger, number = fresh(book)
    work = ScriptedWork({"a1": Script(delay=30)})
    result = carry_out(ledger, number, work, book=book)
    assert result.state is RunState.CLOSED
    assert result.counts == {Outcome.OK: 1, Outcome.FAILED: 1, Outcome.NOT_STARTED: 3}


def appends_of_a_whole_run() -> int:
    ledger, number = fresh(ONE_BY_ONE)
    counting = MortalLedger(ledger, 10_000, durable=True)
    carry_out(counting, number, sequential(), book=ONE_BY_ONE)
    return 10_000 - counting._left


class Sequential(ScriptedWork):
    """Hosts one after the other in this thread, so that a death stops everything at once."""

    def perform(self, hosts, job, sink):
        for host in hosts:
            self._one(host, job, sink)


def sequential(done=None) -> Sequential:
    return Sequential(remembers=True, reports=done)


ONE_BY_ONE = runbook(waves={"first": 2, "cap": 2})


@pytest.mark.parametrize("durable", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("at", range(1, appends_of_a_whole_run() + 1))
def test_death_at_any_event_then_resume_ends_in_the_same_state(at: int, durable: bool) -> None:
    ledger, number = fresh(ONE_BY_ONE)
    first = sequential()
    with pytest.raises(Killed):
        carry_out(MortalLedger(ledger, at, durable=durable), number, first, book=ONE_BY_ONE)
    ledger.alive = lambda holder: holder.pid != 1
    if read_history(ledger, number).state:
        return
    second = sequential(first.done)
    result = carry_out(ledger, number, second, book=ONE_BY_ONE, pid=2)
    assert result.counts == {Outcome.OK: 5}
    assert sorted(first.performed + second.performed) == ["a1", "a2", "a3", "a4", "a5"]
    seen = kinds(ledger, number)
    assert all(seen["host.finished", host.name] == 1 for host in HOSTS.hosts)
    assert seen["run.closed", ""] == 1


def test_a_process_that_lost_its_lease_can_no_longer_write() -> None:
    ledger, number = fresh()

    class Frozen(ScriptedWork):
        def perform(self, hosts, job, sink):
            ledger.alive = lambda holder: holder.pid != 1
            ledger.take("small/host/a1", holder("RUN-other", pid=2))
            super().perform(hosts, job, sink)

    from opsbook.model.errors import Refused

    with pytest.raises(Refused):
        carry_out(ledger, number, Frozen())
    assert kinds(ledger, number)["host.finished", "a1"] == 0
