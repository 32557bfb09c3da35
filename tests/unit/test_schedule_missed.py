"""Runs that were due and did not happen are found and recorded, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from opsbook.ledger.process import this_process
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.scheduler.missed import CHECKED, Missed, due_now, record_missed

BOTH = {"zh": "文", "en": "text"}
NIGHT = datetime(2026, 11, 20, 18, 10, tzinfo=UTC)
"""02:10 on 21 November in Shanghai: the schedule's first due time."""

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def job(name: str = "night", at: str = "02:10", **more: Any) -> dict[str, Any]:
    return {"name": name, "runbook": "look", "when": {"at": at}, **more}


def estate(*jobs: dict[str, Any], name: str = "small") -> Estate:
    declared = {"schema": 1, "name": name, "title": BOTH, "timezone": "Asia/Shanghai"}
    return Estate.model_validate(declared | {"schedules": list(jobs)})


class World:
    """An estate with one night job, a ledger, and a clock just before it is due."""

    def __init__(self) -> None:
        self.clock = FakeClock(NIGHT - 30 * MINUTE)
        self.ledger = MemoryLedger(self.clock)
        self.estate = estate(job())

    def look(self, moment: datetime) -> list[Missed]:
        self.clock.wall = moment
        return record_missed(self.estate, self.ledger, self.clock)

    def start(self, moment: datetime, schedule: str = "night", kind: str = "run.opened") -> str:
        self.clock.wall = moment
        payload = {"requested_by": {"origin": "cron", "schedule": schedule}, "runbook": "look"}
        name = self.estate.name
        return self.ledger.open_run(
            moment.date(), lambda run: [NewEvent(kind, name, run, payload=payload)]
        )

    def recorded(self) -> list[str]:
        return [
            f"{event.payload['schedule']} {event.payload['due'][:16]}"
            for event in self.ledger.events(kinds=["run.missed"])
            if event.payload
        ]


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_look_starts_the_count(world: World) -> None:
    assert world.look(NIGHT + 10 * DAY) == []
    assert world.recorded() == []


def test_a_due_time_without_a_start_is_recorded_with_a_number_of_its_own(world: World) -> None:
    world.look(NIGHT - MINUTE)
    (miss,) = world.look(NIGHT + 61 * MINUTE)
    assert (miss.schedule, miss.runbook, miss.due, miss.run) == (
        "night", "look", NIGHT, "RUN-20261121-001",
    )  # fmt: skip
    record = world.ledger.record(miss.run)
    assert record is not None
    assert (record["state"], record["missed"]["due"]) == ("missed", "2026-11-20T18:10:00.000000Z")
    assert record["when"]["timezone"] == "Asia/Shanghai"


def test_a_miss_is_recorded_once_however_often_one_looks(world: World) -> None:
    world.look(NIGHT - MINUTE)
    for minutes in (61, 62, 600, 1400):
        world.look(NIGHT + minutes * MINUTE)
    assert world.recorded() == ["night 2026-11-20T18:10"]


def test_every_night_of_a_long_absence_is_recorded(world: World) -> None:
    world.look(NIGHT - MINUTE)
    assert len(world.look(NIGHT + 30 * DAY)) == 30
    assert len(set(world.recorded())) == 30


@pytest.mark.parametrize(("minutes", "misses"), [(-1, 1), (0, 0), (60, 0), (61, 1)])
def test_a_start_counts_within_the_grace(world: World, minutes: int, misses: int) -> None:
    world.look(NIGHT - 10 * MINUTE)
    world.start(NIGHT + minutes * MINUTE)
    assert len(world.look(NIGHT + 120 * MINUTE)) == misses


def test_a_refused_start_has_its_record_and_is_not_missed_besides(world: World) -> None:
    world.look(NIGHT - MINUTE)
    world.start(NIGHT, kind="run.refused")
    assert world.look(NIGHT + DAY - MINUTE) == []


def test_a_run_by_hand_or_of_another_schedule_does_not_count(world: World) -> None:
    world.look(NIGHT - MINUTE)
    world.start(NIGHT, schedule="")
    world.start(NIGHT + MINUTE, schedule="other")
    assert len(world.look(NIGHT + 61 * MINUTE)) == 1


def test_a_run_of_another_estate_does_not_count(world: World) -> None:
    world.look(NIGHT - MINUTE)
    here, world.estate = world.estate, estate(job(), name="elsewhere")
    world.start(NIGHT)
    world.estate = here
    assert len(world.look(NIGHT + 61 * MINUTE)) == 1


def test_a_night_in_which_someone_looked_too_early_is_still_judged_by_its_start(
    world: World,
) -> None:
    """The start lies before the look that closes an earlier schedule's count."""
    world.estate = estate(job(), job("later", "02:40", grace_minutes=5))
    world.look(NIGHT - MINUTE)
    world.start(NIGHT)
    assert [miss.schedule for miss in world.look(NIGHT + 40 * MINUTE)] == ["later"]
    assert world.look(NIGHT + 61 * MINUTE) == []


def test_another_time_of_day_starts_the_count_of_that_schedule_anew(world: World) -> None:
    world.estate = estate(job(), job("other", "03:00"))
    world.look(NIGHT - MINUTE)
    world.estate = estate(job(at="01:00"), job("other", "03:00"))
    assert [miss.schedule for miss in world.look(NIGHT + 12 * 60 * MINUTE)] == ["other"]


def test_a_schedule_that_was_gone_for_a_while_missed_nothing_meanwhile(world: World) -> None:
    world.look(NIGHT - MINUTE)
    with_job, without = world.estate, estate()
    world.estate = without
    world.look(NIGHT + MINUTE)
    world.estate = with_job
    assert world.look(NIGHT + 10 * DAY) == []
    assert len(world.look(NIGHT + 12 * DAY)) == 1


def test_looking_when_nothing_is_new_writes_nothing(world: World) -> None:
    world.look(NIGHT - MINUTE)
    before = len(world.ledger.tables.entries)
    world.look(NIGHT)
    world.look(NIGHT + 60 * MINUTE)
    assert len(world.ledger.tables.entries) == before


def test_a_clock_that_was_far_ahead_for_a_moment_does_not_stop_the_count(world: World) -> None:
    world.look(NIGHT - MINUTE)
    world.look(NIGHT + 700 * DAY)
    found = len(world.recorded())
    world.clock.wall = NIGHT + DAY - MINUTE
    record_missed(world.estate, world.ledger, world.clock)
    world.clock.wall = NIGHT + 3 * DAY + 90 * MINUTE
    record_missed(world.estate, world.ledger, world.clock)
    assert len(world.recorded()) == found
    assert found == 700


def test_while_another_process_looks_this_one_leaves_it_to_that(world: World) -> None:
    world.look(NIGHT - MINUTE)
    lease = world.ledger.take("small/schedules", this_process(""))
    assert world.look(NIGHT + 61 * MINUTE) == []
    world.ledger.release(lease)
    assert len(world.look(NIGHT + 62 * MINUTE)) == 1


def test_a_crash_between_two_misses_records_neither_twice(world: World) -> None:
    world.look(NIGHT - MINUTE)
    opening, calls = world.ledger.open_run, iter([True, False])

    def dying(day: Any, make: Any) -> str:
        if not next(calls):
            raise KeyboardInterrupt
        return opening(day, make)

    world.ledger.open_run = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.look(NIGHT + 2 * DAY)
    world.ledger.open_run = opening  # type: ignore[method-assign]
    assert len(world.recorded()) == 1
    world.look(NIGHT + 2 * DAY + MINUTE)
    assert sorted(world.recorded()) == ["night 2026-11-20T18:10", "night 2026-11-21T18:10"]


def test_starts_long_past_are_not_read_again(world: World) -> None:
    world.look(NIGHT - MINUTE)
    for day in range(5):
        world.start(NIGHT + day * DAY)
        world.look(NIGHT + day * DAY + 61 * MINUTE)
    *_, last = world.ledger.events(kinds=[CHECKED])
    runs = [event.seq for event in world.ledger.events(kinds=["run.opened"])]
    assert last.payload is not None
    assert runs[-3] <= last.payload["after"]


@pytest.mark.parametrize(
    ("minutes", "started", "due"),
    [(-1, None, False), (0, None, True), (60, None, True), (61, None, False),
     (30, 0, False), (30, -1, True)],
)  # fmt: skip
def test_a_job_is_due_while_a_due_time_waits_for_its_start(
    world: World, minutes: int, started: int | None, due: bool
) -> None:
    world.look(NIGHT - 5 * MINUTE)
    if started is not None:
        world.start(NIGHT + started * MINUTE)
    now = NIGHT + minutes * MINUTE
    assert due_now(world.estate, world.estate.schedules[0], world.ledger, now) is due
