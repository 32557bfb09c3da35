"""ChangeWork: the scripted double and real adapters keep the same promises to the lifecycle.

A further adapter joins by another maker in ``MAKERS`` (:class:`doubles.change_subjects.Subject`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from doubles.change_playbook import PlaybookSubject
from doubles.change_subjects import GONE, GOOD, OTHER, ScriptedSubject, Subject
from doubles.jobs import MemorySink
from opsbook.execution.work import Examined, Job, Standing
from opsbook.model.errors import HostUnreachable
from opsbook.model.outcome import Outcome
from opsbook.model.plan import HostPlan, Outlook

MAKERS: dict[str, Callable[[Path], Subject]] = {
    "scripted": lambda path: ScriptedSubject.new(),
    "playbook": PlaybookSubject.new,
}


@pytest.fixture(params=list(MAKERS))
def subject(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Subject:
    """Made anew for every test, always in the same place: see :func:`planned`."""
    home = tmp_path_factory.getbasetemp() / "subject"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(home / "catalog"))
    return MAKERS[request.param](home)


class PreparedSink(MemorySink):
    """Remembers what the host looked like when undo was declared to be prepared."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.states: dict[str, object] = {}
        self._subject = subject

    def prepared(self, host: str, material: Mapping[str, Any]) -> None:
        super().prepared(host, material)
        self.states.setdefault(host, self._subject.state(host))


def named(job: Job, *names: str) -> list[Any]:
    return [job.inventory[name] for name in names]


def plans(subject: Subject, *names: str) -> dict[str, HostPlan]:
    job = subject.job()
    found = subject.work.forecast(named(job, *names), job)
    assert all(isinstance(plan, HostPlan) for plan in found.values()), found
    return dict(found)  # type: ignore[arg-type]


FORESEEN: dict[tuple[type[Subject], tuple[str, ...]], dict[str, HostPlan]] = {}


def planned(subject: Subject, *names: str) -> Job:
    """A job with what is foreseen on hosts nobody has touched, which was asked once."""
    key = (type(subject), names)
    if key not in FORESEEN:
        FORESEEN[key] = plans(subject, *names)
    return subject.job(FORESEEN[key])


def done(subject: Subject, *names: str) -> tuple[Job, PreparedSink]:
    job = planned(subject, *names)
    sink = PreparedSink(subject)
    subject.work.perform(named(job, *names), job, sink)
    return job, sink


def test_what_is_foreseen_is_the_same_twice_and_changes_nothing(subject: Subject) -> None:
    before = subject.state(GOOD)
    first = planned(subject, GOOD).plans[GOOD]
    again = subject.work.forecast(named(subject.job(), GOOD), subject.job({GOOD: first}))[GOOD]
    assert first.outlook is Outlook.CHANGE
    assert len(first.items) >= 2
    assert isinstance(again, HostPlan)
    assert first.differences(again) == []
    assert subject.state(GOOD) == before


def test_a_host_that_cannot_be_reached_has_its_error_and_the_others_their_plan(
    subject: Subject,
) -> None:
    job = subject.job()
    found = subject.work.forecast(named(job, GONE, GOOD), job)
    assert isinstance(found[GONE], HostUnreachable)
    assert isinstance(found[GOOD], HostPlan)


def test_a_disturbed_host_is_foreseen_differently(subject: Subject) -> None:
    before = planned(subject, GOOD).plans[GOOD]
    subject.disturb(GOOD)
    assert before.differences(plans(subject, GOOD)[GOOD])


def test_undo_is_prepared_before_the_first_write_and_every_host_ends_once(
    subject: Subject,
) -> None:
    before = {host: subject.state(host) for host in (GOOD, OTHER)}
    _, sink = done(subject, GOOD, OTHER)
    assert sink.states == before
    assert {host: report.outcome for host, report in sink.reports.items()} == {
        GOOD: Outcome.CHANGED,
        OTHER: Outcome.CHANGED,
    }
    assert all(subject.state(host) != before[host] for host in before)


def test_when_it_is_done_there_is_nothing_left_to_do(subject: Subject) -> None:
    done(subject, GOOD)
    assert plans(subject, GOOD)[GOOD].outlook is Outlook.NOTHING


@pytest.mark.parametrize("standing", list(Standing))
def test_an_examination_sees_how_far_a_host_is_and_changes_nothing(
    subject: Subject, standing: Standing
) -> None:
    job = planned(subject, GOOD)
    if standing is Standing.DONE:
        subject.work.perform(named(job, GOOD), job, PreparedSink(subject))
    elif standing is Standing.MIDWAY:
        subject.leave_midway(GOOD, job)
    before = subject.state(GOOD)
    found = subject.work.examine(named(job, GOOD, GONE), job)
    assert isinstance(found[GOOD], Examined)
    assert found[GOOD].standing is standing
    assert isinstance(found[GONE], HostUnreachable)
    assert subject.state(GOOD) == before


def test_a_repairable_host_is_completed_by_doing_the_work_again(subject: Subject) -> None:
    done(subject, OTHER)
    job = planned(subject, GOOD)
    subject.leave_midway(GOOD, job)
    found = subject.work.examine(named(job, GOOD), job)[GOOD]
    assert isinstance(found, Examined)
    if found.repairable:
        sink = PreparedSink(subject)
        subject.work.perform(named(job, GOOD), job, sink)
        assert sink.reports[GOOD].outcome.good
        assert subject.state(GOOD) == subject.state(OTHER)


def test_undo_brings_back_exactly_what_was_and_a_second_one_finds_nothing(
    subject: Subject,
) -> None:
    before = subject.state(GOOD)
    job, sink = done(subject, GOOD)
    reports = subject.work.undo(named(job, GOOD), job, sink)
    assert reports[GOOD].outcome is Outcome.CHANGED
    assert (GOOD, "undo") in sink.begun
    assert subject.state(GOOD) == before
    assert subject.work.undo(named(job, GOOD), job, sink)[GOOD].outcome is Outcome.OK
    assert subject.state(GOOD) == before


def test_a_failed_host_is_told_and_can_be_brought_back(subject: Subject) -> None:
    before = subject.state(GOOD)
    subject.let_fail(GOOD)
    job, sink = done(subject, GOOD)
    assert sink.reports[GOOD].outcome is Outcome.FAILED
    assert sink.reports[GOOD].summary.english()
    assert subject.work.undo(named(job, GOOD), job, sink)[GOOD].outcome is Outcome.CHANGED
    assert subject.state(GOOD) == before


def test_a_host_caught_midway_can_be_brought_back(subject: Subject) -> None:
    before = subject.state(GOOD)
    job = planned(subject, GOOD)
    subject.leave_midway(GOOD, job)
    subject.work.undo(named(job, GOOD), job, PreparedSink(subject))
    assert subject.state(GOOD) == before


def test_on_an_untouched_host_there_is_nothing_to_undo(subject: Subject) -> None:
    before = subject.state(GOOD)
    job = planned(subject, GOOD)
    assert subject.work.undo(named(job, GOOD), job, MemorySink())[GOOD].outcome is Outcome.OK
    assert subject.state(GOOD) == before


def test_undo_answers_for_a_host_that_cannot_be_reached(subject: Subject) -> None:
    job = planned(subject, GOOD)
    sink = MemorySink()
    report = subject.work.undo(named(job, GONE), job, sink)[GONE]
    assert report.outcome is Outcome.UNREACHABLE
    assert sink.reports == {}


def test_work_that_was_cancelled_before_touches_nothing(subject: Subject) -> None:
    before = subject.state(GOOD)
    job = planned(subject, GOOD)
    job.cancelled.set()
    sink = PreparedSink(subject)
    subject.work.perform(named(job, GOOD), job, sink)
    assert sink.reports == {}
    assert subject.state(GOOD) == before
