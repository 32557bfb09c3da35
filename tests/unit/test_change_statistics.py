"""Statistics of changes: every figure from events alone, as things stood at the end of the span."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from opsbook.ledger.statistics import COUNTED, statistics
from opsbook.model.change import ChangeState
from opsbook.model.clock import stamp
from opsbook.model.event import NewEvent

DAY = date(2026, 11, 21)
WHOLE = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


class Story:
    """What happens on one estate, told to a ledger in memory."""

    def __init__(self, estate: str = "small") -> None:
        self.clock = FakeClock()
        self.ledger = MemoryLedger(self.clock)
        self.estate = estate

    def plan(self, kind: str = "runbook", hours: int = 72, **more: Any) -> str:
        plan = {
            "kind": kind,
            "estate": {"name": self.estate, "timezone": "Asia/Shanghai"},
            "runbook": {"name": "patching", "class": "normal"},
            "hosts": ["web1", "web2"],
            "emergency": None,
            "expires": stamp(self.clock.now() + timedelta(hours=hours)),
        } | more
        return self.ledger.open_change(
            DAY, lambda n: [self._event("change.planned", n, {"plan": plan | {"change": n}})]
        )

    def tell(self, kind: str, number: str, **payload: Any) -> None:
        self.clock.advance(1)
        self.ledger.append([self._event(kind, number, payload)])

    def run(
        self, change: str = "", *changed: str, phase: str = "apply", under: bool = False
    ) -> str:
        self.clock.advance(1)
        plan = {"change": change} | ({"under": {"change": change}} if under else {})
        opened = {"plan": plan, "phase": phase}
        run = self.ledger.open_run(DAY, lambda n: [self._event("run.opened", n, opened)])
        for host in changed:
            self.clock.advance(1)
            self.ledger.append([self._event("host.finished", run, {"outcome": "changed"}, host)])
        return run

    def refuse(self) -> None:
        self.ledger.open_run(DAY, lambda n: [self._event("run.refused", n, {})])

    def _event(self, kind: str, number: str, payload: dict[str, Any], host: str = "") -> NewEvent:
        return NewEvent(kind, self.estate, number, host, payload)

    def count(self, span: tuple[datetime, datetime] = WHOLE) -> dict[str, Any]:
        return statistics(self.ledger.events(kinds=COUNTED), *span, "small")


def test_an_empty_span_has_no_changes() -> None:
    found = Story().count()
    assert found["changes"]["total"] == 0
    assert found["unapproved"] == {"number": 0, "share": 0.0, "runs": []}


def test_a_month_is_counted_by_class_state_and_kind() -> None:
    story = Story()
    done, bad, undone = (story.plan() for _ in range(3))
    for change, becomes in ((done, "applied"), (bad, "failed"), (undone, "undone")):
        story.tell("change.approved", change)
        run = story.run(change, "web1")
        story.tell("change.begun", change, run=run)
        story.tell("change.ended", change, run=run, state="closed", exit=0, becomes=becomes)
    story.tell("change.rejected", story.plan(), reason="no")
    story.tell("change.cancelled", story.plan(), reason="no")
    story.tell("change.expired", story.plan(), reason="late")
    story.plan(kind="policy", runbook={}, hosts=[])
    story.run()
    story.refuse()
    found = story.count()
    changes = found["changes"]
    assert changes["total"] == 7
    assert changes["by_kind"] == {"policy": 1, "runbook": 6}
    assert changes["by_class"] == {"normal": 6}
    for state in ("failed", "undone", "rejected", "cancelled", "expired"):
        assert changes[state] == 1, state
    assert found["runs"] == {
        "total": 4, "routine": 1, "applied": 3, "undone": 0, "under_envelope": 0, "changing": 3,
        "unknown": 0,
    }  # fmt: skip
    assert found["refused"] == 1
    assert found["unapproved"]["number"] == 0
    assert found["hosts"] == {"linked": 2, "changed": 1}


def test_a_change_undone_on_some_hosts_counts_beside_its_state() -> None:
    story = Story()
    for done, becomes in ((["web1"], None), (["web1", "web2"], "undone")):
        change = story.plan()
        story.tell("change.approved", change)
        for phase, kind in (("apply", "change.begun"), ("undo", "change.undo_begun")):
            run = story.run(change, "web1", "web2", phase=phase)
            story.tell(kind, change, run=run)
            ends = "applied" if phase == "apply" else becomes
            story.tell("change.ended", change, run=run, state="closed", exit=2, becomes=ends,
                       done=done)  # fmt: skip
    changes = story.count()["changes"]
    assert changes["by_state"] == {"applied": 1, "undone": 1}
    assert (changes["partly_undone"], changes["undone"]) == (1, 1)


def test_a_run_that_changed_hosts_without_approval_is_found() -> None:
    story = Story()
    never, revoked, late = story.plan(), story.plan(kind="envelope"), story.plan(hours=1)
    routine_that_changed = story.run("", "web9")
    for change in (revoked, late):
        story.tell("change.approved", change)
    good = story.run(revoked, "web1", under=True)
    story.tell("change.revoked", revoked, reason="enough")
    bad = [story.run(never, "web1"), story.run(revoked, "web1", under=True)]
    story.clock.advance(7200)
    bad.append(story.run(late, "web2"))
    undoing = story.run(late, "web2", phase="undo")
    found = story.count()["unapproved"]
    assert found["runs"] == [routine_that_changed, *bad]
    assert found["share"] == round(4 / 6, 4)
    assert {good, undoing}.isdisjoint(found["runs"])


def test_a_run_that_prepared_a_host_counts_as_changing_even_when_it_failed() -> None:
    story = Story()
    run = story.run(story.plan())
    story.ledger.append([NewEvent("host.prepared", "small", run, "web1", {})])
    story.ledger.append([NewEvent("host.finished", "small", run, "web1", {"outcome": "failed"})])
    assert story.count()["unapproved"]["runs"] == [run]


def test_emergencies_are_told_until_they_are_reviewed() -> None:
    story = Story()
    first, second = (story.plan(emergency={"reason": "down"}) for _ in range(2))
    assert story.count()["changes"]["review_due"] == 2
    story.tell("change.reviewed", first)
    assert story.count()["changes"]["emergency"] == 2
    assert story.count()["changes"]["review_due"] == 1
    assert second


def test_a_span_is_as_it_stood_at_its_end_whatever_came_later() -> None:
    story = Story()
    change = story.plan()
    middle = story.clock.now() + timedelta(seconds=1)
    before = story.count((WHOLE[0], middle))
    story.tell("change.rejected", change, reason="no")
    story.run(change, "web1")
    assert story.count((WHOLE[0], middle)) == before
    assert before["changes"]["by_state"] == {"planned": 1}
    after = story.count((middle, WHOLE[1]))
    assert after["changes"]["total"] == 0
    assert after["unapproved"]["number"] == 1


def test_a_run_over_midnight_counts_where_it_first_changed_a_host() -> None:
    story = Story()
    run = story.run(story.plan())
    midnight = story.clock.now() + timedelta(seconds=1)
    story.clock.advance(5)
    story.ledger.append([NewEvent("host.prepared", "small", run, "web1", {})])
    evening, morning = story.count((WHOLE[0], midnight)), story.count((midnight, WHOLE[1]))
    assert (evening["runs"]["applied"], evening["unapproved"]["number"]) == (1, 0)
    assert (morning["runs"]["applied"], morning["unapproved"]["number"]) == (0, 1)
    assert morning["hosts"]["changed"] == 1


def test_another_estate_is_not_counted() -> None:
    story = Story("other")
    story.run(story.plan(), "web1")
    assert story.count()["changes"]["total"] == 0
    assert story.count()["runs"]["total"] == 0


_STEPS = st.lists(
    st.sampled_from(["plan", "approved", "rejected", "cancelled", "expired", "run", "refuse"]),
    max_size=25,
)


@given(_STEPS, st.integers(0, 60))
def test_two_spans_that_follow_one_another_have_together_what_the_whole_has(steps, cut) -> None:
    story = Story()
    begun, change = story.clock.now(), ""
    for step in steps:
        story.clock.advance(1)
        if step == "plan" or not change:
            change = story.plan()
        elif step == "run":
            story.run(change, "web1")
        elif step == "refuse":
            story.refuse()
        else:
            story.tell(f"change.{step}", change, reason="x")
    middle = begun + timedelta(seconds=cut)
    whole, first, last = (story.count(s) for s in (WHOLE, (WHOLE[0], middle), (middle, WHOLE[1])))
    for part, key in (("changes", "total"), ("runs", "changing"), ("unapproved", "number")):
        assert first[part][key] + last[part][key] == whole[part][key]
    assert first["refused"] + last["refused"] == whole["refused"]
    assert sum(whole["changes"]["by_state"].values()) == whole["changes"]["total"]
    assert set(whole["changes"]["by_state"]) <= {str(state) for state in ChangeState}
    assert whole["unapproved"]["number"] <= whole["runs"]["changing"]


def test_an_envelope_has_ended_when_its_time_is_over_by_the_end_of_the_span() -> None:
    story = Story()
    until = datetime(2026, 12, 1, tzinfo=UTC)
    story.tell("change.approved", story.plan(kind="envelope", envelope={"until": stamp(until)}))
    for end, state in ((until - timedelta(seconds=1), "standing"), (until, "ended")):
        assert story.count((WHOLE[0], end))["changes"]["by_state"] == {state: 1}
