"""The same cases against the ledger in memory and the one in a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.estate_of_runs import DAY, DEAD, closed, finished, opened, whole_run
from doubles.ledger import MemoryLedger
from opsbook.ledger.port import Holder
from opsbook.ledger.signing import is_genuine, public_keys
from opsbook.ledger.store import open_ledger, this_process
from opsbook.model.errors import Busy, Refused
from opsbook.model.event import Fence, NewEvent
from opsbook.model.places import Places


@dataclass
class Kept:
    """A ledger, its clock, who is alive, and its public keys."""

    ledger: Any
    clock: FakeClock
    dead: set[Holder]
    keys: Callable[[], Any]


@pytest.fixture(params=["memory", "database"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    clock, dead = FakeClock(), {DEAD}
    if request.param == "memory":
        memory = MemoryLedger(clock, alive=lambda holder: holder not in dead)
        yield Kept(memory, clock, dead, lambda: memory.signer.public)
        return
    places = Places(tmp_path / "state")
    ledger = open_ledger(places, clock, alive=lambda holder: holder not in dead)
    yield Kept(ledger, clock, dead, lambda: public_keys(places.keys / "checkpoint.pub"))
    ledger.close()


def test_events_are_chained_from_the_first_on(kept: Kept) -> None:
    kept.ledger.append([NewEvent("a", payload={"n": 1}), NewEvent("b", host="web1")])
    kept.ledger.append([NewEvent("c")])
    events = list(kept.ledger.events())
    assert [event.seq for event in events] == [1, 2, 3]
    assert [event.prev for event in events[1:]] == [event.hash for event in events[:-1]]
    assert events[0].payload == {"n": 1}
    assert events[0].at == kept.clock.now()


def test_events_are_narrowed_by_run_kind_and_number(kept: Kept) -> None:
    run = whole_run(kept.ledger)
    other = whole_run(kept.ledger)
    ends = list(kept.ledger.events(kinds=("host.finished", "run.closed"), run=run))
    assert [event.kind for event in ends] == ["host.finished", "host.finished", "run.closed"]
    assert {event.run for event in kept.ledger.events(after=5)} == {other}


def test_append_gives_the_events_it_was_asked_for(kept: Kept) -> None:
    run = kept.ledger.open_run(DAY, lambda run: [opened(run)])
    kept.clock.advance(-60)
    given = kept.ledger.append([finished(run, "web1"), closed(run)])
    assert [event.kind for event in given] == ["host.finished", "run.closed"]


def test_nothing_to_append_is_nothing_appended(kept: Kept) -> None:
    assert kept.ledger.append([]) == []
    assert list(kept.ledger.events()) == []


def test_a_stale_fence_refuses_the_whole_batch(kept: Kept) -> None:
    first = kept.ledger.take("city/web1", DEAD)
    second = kept.ledger.take("city/web1", this_process("RUN-20261121-001"))
    batch = [
        NewEvent("host.task", "city", "R", "web2"),
        NewEvent("host.task", "city", "R", "web1", {}, first.fence),
    ]
    with pytest.raises(Refused, match="no longer holds city/web1"):
        kept.ledger.append(batch)
    assert list(kept.ledger.events()) == []
    kept.ledger.append([NewEvent("host.task", "city", "R", "web1", {}, second.fence)])


def test_a_fence_of_a_resource_nobody_ever_took_is_refused(kept: Kept) -> None:
    with pytest.raises(Refused):
        kept.ledger.append([NewEvent("host.task", fence=Fence("city/web9", 1))])


def test_numbers_of_runs_go_on_by_day(kept: Kept) -> None:
    runs = [whole_run(kept.ledger) for _ in range(3)]
    next_day = whole_run(kept.ledger, DAY.replace(day=22))
    assert runs == ["RUN-20261121-001", "RUN-20261121-002", "RUN-20261121-003"]
    assert next_day == "RUN-20261122-001"


def test_the_thousandth_run_of_a_day_has_four_digits(kept: Kept) -> None:
    for _ in range(1001):
        last = kept.ledger.open_run(DAY, lambda run: [NewEvent("run.missed", "city", run)])
    assert last == "RUN-20261121-1001"


def test_a_run_must_begin_with_an_opening_event(kept: Kept) -> None:
    with pytest.raises(ValueError, match=r"run\.opened"):
        kept.ledger.open_run(DAY, lambda run: [NewEvent("wave.started", "city", run)])
    assert list(kept.ledger.events()) == []


def test_an_opening_that_fails_takes_no_number(kept: Kept) -> None:
    def fail(run: str) -> list[NewEvent]:
        raise RuntimeError("no plan")

    with pytest.raises(RuntimeError):
        kept.ledger.open_run(DAY, fail)
    assert whole_run(kept.ledger) == "RUN-20261121-001"


def test_a_lease_of_a_living_holder_is_busy_and_names_it(kept: Kept) -> None:
    kept.ledger.take("city/web1", Holder("RUN-20261121-007", 123, 5, "boot"))
    with pytest.raises(Busy, match=r"^web1 is held by RUN-20261121-007 \(process 123\)"):
        kept.ledger.take("city/web1", this_process("RUN-20261121-008"))


def test_a_lease_of_a_dead_holder_is_taken_over_and_says_from_whom(kept: Kept) -> None:
    first = kept.ledger.take("city/web1", DEAD)
    second = kept.ledger.take("city/web1", this_process("RUN-20261121-008"))
    assert first.recovered is None
    assert second.recovered == DEAD
    assert second.token > first.token


def test_tokens_grow_over_releases(kept: Kept) -> None:
    tokens = []
    for _ in range(3):
        lease = kept.ledger.take("city/job/nightly", this_process(""))
        tokens.append(lease.token)
        kept.ledger.release(lease)
    assert tokens == sorted(set(tokens))


def test_releasing_a_lease_that_was_taken_over_leaves_it_alone(kept: Kept) -> None:
    stale = kept.ledger.take("city/web1", DEAD)
    kept.ledger.take("city/web1", Holder("RUN-20261121-008", 1, 1, "boot"))
    kept.ledger.release(stale)
    with pytest.raises(Busy):
        kept.ledger.take("city/web1", this_process("RUN-20261121-009"))


def test_a_checkpoint_signs_the_head(kept: Kept) -> None:
    whole_run(kept.ledger)
    made = kept.ledger.checkpoint()
    last = list(kept.ledger.events())[-1]
    assert (made.seq, made.head, made.at) == (last.seq, last.hash, kept.clock.now())
    assert is_genuine(made, kept.keys())


def test_a_sound_tail_passes_signed_or_not(kept: Kept) -> None:
    kept.ledger.check_tail()
    whole_run(kept.ledger)
    kept.ledger.check_tail()
    kept.ledger.checkpoint()
    kept.ledger.check_tail()


def test_an_empty_ledger_can_be_signed(kept: Kept) -> None:
    made = kept.ledger.checkpoint()
    assert made.seq == 0
    assert is_genuine(made, kept.keys())


def test_a_clock_that_went_back_is_a_visible_fact_once(kept: Kept) -> None:
    run = kept.ledger.open_run(DAY, lambda run: [opened(run)])
    kept.clock.advance(-7200)
    kept.ledger.append([finished(run, "web1")])
    kept.ledger.append([closed(run)])
    facts = list(kept.ledger.events(kinds=("clock.backwards",)))
    assert len(facts) == 1
    assert facts[0].payload == {
        "last": "2026-11-21T08:41:00.000000Z",
        "now": "2026-11-21T06:41:00.000000Z",
    }
    assert facts[0].at == datetime(2026, 11, 21, 6, 41, tzinfo=UTC)
    (deviation,) = kept.ledger.record(run)["deviations"]
    assert "went back" in deviation["message"]["text"]


def test_hostile_payloads_are_kept_as_visible_text(kept: Kept) -> None:
    hostile = {"name": "a\udcff\x1b[2J", "big": 2**70, "nan": float("nan"), "t": (1, 2)}
    kept.ledger.append([NewEvent("host.task", payload=hostile)])
    (event,) = kept.ledger.events()
    assert event.payload == {
        "name": "a\\udcff\x1b[2J",
        "big": str(2**70),
        "nan": "nan",
        "t": [1, 2],
    }


def test_what_is_no_data_is_our_bug_and_nothing_is_written(kept: Kept) -> None:
    with pytest.raises(TypeError):
        kept.ledger.append([NewEvent("a"), NewEvent("b", payload={"x": object()})])
    assert list(kept.ledger.events()) == []


def test_closing_a_run_seals_its_record(kept: Kept) -> None:
    run = whole_run(kept.ledger)
    kept.ledger.checkpoint()
    record = kept.ledger.record(run)
    sealed = list(kept.ledger.events(kinds=("run.recorded",)))[-1]
    assert record["state"] == "closed"
    assert record["proof"]["seq"] == sealed.seq
    assert record["proof"]["digest"] == "sha256:" + sealed.payload_hash.hex()
    assert record["proof"]["checkpoint"]["seq"] >= sealed.seq


def test_a_deviation_after_the_end_is_sealed_into_the_record_too(kept: Kept) -> None:
    run = whole_run(kept.ledger)
    message = {"text": "a witness failed", "params": {}}
    late = NewEvent("run.deviation", "city", run, payload={"message": message})
    kept.ledger.append([late])
    record = kept.ledger.record(run)
    assert [each["message"] for each in record["deviations"]] == [message]
    assert len(record["hosts"]) == 2
    assert record["proof"]["seq"] == list(kept.ledger.events())[-1].seq


def test_a_run_without_an_end_has_a_record_as_far_as_it_came(kept: Kept) -> None:
    run = kept.ledger.open_run(DAY, lambda run: [opened(run)])
    kept.ledger.append(
        [NewEvent("host.started", "city", run, "web1", {"phase": "apply"})],
    )
    record = kept.ledger.record(run)
    assert record["state"] == "running"
    assert [(h["name"], h["outcome"]) for h in record["hosts"]] == [
        ("web1", None),
        ("web2", "not_started"),
    ]
    assert record["proof"] == {"seq": None, "digest": None, "checkpoint": None}


def test_refused_and_missed_attempts_have_records(kept: Kept) -> None:
    problem = {"text": "no window", "params": {}}
    refusal = {"problem": problem, "requested_by": {"user": "lin"}, "runbook": "patching"}
    refused = kept.ledger.open_run(
        DAY, lambda run: [NewEvent("run.refused", "city", run, payload=refusal)]
    )
    due = {"schedule": "nightly", "runbook": "log_collection", "due": "2026-11-21T02:00:00Z"}
    missed = kept.ledger.open_run(
        DAY, lambda run: [NewEvent("run.missed", "city", run, payload=due)]
    )
    first, second = kept.ledger.record(refused), kept.ledger.record(missed)
    assert (first["state"], first["exit"], first["refusal"]) == ("refused", 12, problem)
    assert first["runbook"]["name"] == "patching"
    assert (second["state"], second["missed"]) == ("missed", due)
    assert first["proof"]["digest"]
    assert second["proof"]["digest"]


def test_there_is_no_record_of_a_run_that_never_was(kept: Kept) -> None:
    assert kept.ledger.record("RUN-20261121-404") is None
