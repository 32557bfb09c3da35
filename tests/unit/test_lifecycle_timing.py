"""When the waves of an approved plan may begin, whatever is edited in the estate meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from doubles.run import ESTATE, inventory, runbook
from doubles.signatures import MemorySignatures
from opsbook.calendars.days import Calendars, Freeze, FreezeKind
from opsbook.lifecycle.change.admission import Bound
from opsbook.lifecycle.change.approved import ApprovedChange, note_passed_over, refuse_closed
from opsbook.lifecycle.timing import closed, closes, freezes_within, openings_within
from opsbook.model.clock import stamp
from opsbook.model.errors import Refused
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan, Outlook

SHANGHAI, WEEK_DAYS = ZoneInfo("Asia/Shanghai"), frozenset(range(5))
USUAL = Calendars(SHANGHAI, WEEK_DAYS)
MADE = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday, 16:00 in Shanghai
HOUR = timedelta(hours=1)


def plan(days: list[str], calendars: Calendars = USUAL, *, emergency: bool = False) -> Any:
    """A plan for 22:00 to 24:00 on those days, good for three days."""
    window = {
        "kind": "recurring", "name": "night", "days": days, "from": "22:00", "to": "24:00",
        "start": None, "end": None, "timezone": "Asia/Shanghai", "words": msg("nights").to_json(),
    }  # fmt: skip
    end = MADE + timedelta(days=3)
    return {
        "window": window,
        "openings": openings_within(window, calendars, MADE, end),
        "freezes": freezes_within(calendars, MADE, end),
        "emergency": {"reason": "down"} if emergency else None,
    }


FRIDAY_NIGHT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
SATURDAY_NIGHT = FRIDAY_NIGHT + timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        (MADE, datetime(2026, 11, 20, 16, 0, tzinfo=UTC)),
        (FRIDAY_NIGHT, datetime(2026, 11, 20, 16, 0, tzinfo=UTC)),
        (SATURDAY_NIGHT, datetime(2026, 11, 23, 16, 0, tzinfo=UTC)),
    ],
    ids=["before it opens", "while it is open", "after the last one of the week"],
)
def test_a_window_closes_at_the_end_of_the_opening_that_is_or_comes_next(
    at: datetime, ends: datetime
) -> None:
    assert closes(plan(["workday"])["window"], USUAL, at) == ends


def test_a_window_for_any_time_never_closes() -> None:
    assert closes({"kind": "always"}, USUAL, MADE) is None


def test_it_may_begin_when_the_window_is_open() -> None:
    approved = plan(["workday"])
    assert len(approved["openings"]) == 1, "Friday; on Monday it has expired"
    assert closed(approved, USUAL, FRIDAY_NIGHT, HOUR) is None
    assert closed(approved, USUAL, FRIDAY_NIGHT, 2 * HOUR) is not None
    assert closed(approved, USUAL, SATURDAY_NIGHT, HOUR) is not None


@pytest.mark.parametrize(
    ("edited", "at"),
    [
        (Calendars(SHANGHAI, frozenset(range(7))), SATURDAY_NIGHT),
        (Calendars(ZoneInfo("UTC"), WEEK_DAYS), datetime(2026, 11, 20, 22, 30, tzinfo=UTC)),
        (Calendars(ZoneInfo("America/New_York"), WEEK_DAYS),
         datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
    ],
    ids=["workdays", "another zone", "a zone far away"],
)  # fmt: skip
def test_a_calendar_edited_after_the_approval_opens_the_window_at_no_other_time(
    edited: Calendars, at: datetime
) -> None:
    reason = closed(plan(["workday"]), edited, at, HOUR)
    assert reason is not None
    assert "only because the estate's time zone, workdays or holidays" in reason.english()
    assert closed(plan(["workday"], edited), edited, at, HOUR) is None, "planned so, it is open"


def test_an_edited_calendar_that_closes_the_window_counts_too() -> None:
    approved = plan(["workday"])
    assert closed(approved, Calendars(SHANGHAI, frozenset({0})), FRIDAY_NIGHT, HOUR) is not None


def test_a_freeze_counts_when_it_was_known_and_when_it_was_added() -> None:
    freeze = Freeze(FRIDAY_NIGHT - HOUR, FRIDAY_NIGHT + HOUR, "quiet")
    frozen = Calendars(SHANGHAI, WEEK_DAYS, None, (freeze,))
    for approved, today in ((plan(["fri"], frozen), USUAL), (plan(["fri"]), frozen)):
        reason = closed(approved, today, FRIDAY_NIGHT, HOUR)
        assert reason is not None
        assert "quiet" in reason.english()


def test_an_emergency_waits_for_nothing() -> None:
    approved = plan(["workday"], emergency=True)
    assert closed(approved, USUAL, SATURDAY_NIGHT, HOUR) is None


def test_a_window_of_any_time_or_one_time_keeps_no_openings() -> None:
    always = {**plan(["fri"])["window"], "kind": "always"}
    once = {**always, "kind": "once", "start": stamp(MADE), "end": stamp(MADE + HOUR)}
    for window in (always, once):
        assert openings_within(window, USUAL, MADE, MADE + HOUR) == []
        approved = {**plan(["fri"]), "window": window, "openings": []}
        assert closed(approved, USUAL, MADE, HOUR) is None


def scene_of(approved: Any, at: datetime, directory: Path = Path("/nonexistent")) -> ApprovedChange:
    return ApprovedChange(
        places=Places(Path("/nonexistent")),
        clock=FakeClock(at),
        at=at,
        ledger=MemoryLedger(FakeClock(at)),
        bound=Bound(ESTATE, runbook(), inventory("web1")),
        dossier={"change": "CHG-1", "plan": approved, "plan_digest": "",
                 "directory": str(directory)},
        signatures=MemorySignatures(),
    )  # fmt: skip


def test_a_first_wave_for_which_there_is_no_time_left_spends_no_plan(tmp_path: Path) -> None:
    (tmp_path / "estate.yml").write_text(
        "{schema: 1, name: small, title: {zh: 小, en: Small}, timezone: Asia/Shanghai}",
        encoding="utf-8",
    )
    plans = {
        "done": HostPlan("done", Outlook.NOTHING),
        "quick": HostPlan("quick", Outlook.CHANGE, seconds=60),
        "slow": HostPlan("slow", Outlook.CHANGE, seconds=3600),
        "later": HostPlan("later", Outlook.CHANGE, seconds=9999),
    }
    approved = plan(["fri"]) | {
        "hosts": list(plans),
        "host_plans": {name: one.to_json() for name, one in plans.items()},
        "waves": {"first": 2, "factor": 2, "cap": 4, "failure_budget": 0},
    }
    steps = []
    for expires in (FRIDAY_NIGHT + 24 * HOUR, FRIDAY_NIGHT + 24 * 14 * HOUR):
        bound = approved | {"expires": stamp(expires)}
        refuse_closed(scene_of(bound, FRIDAY_NIGHT, tmp_path))
        with pytest.raises(Refused, match="the work takes about 1h and the window") as caught:
            refuse_closed(scene_of(bound, FRIDAY_NIGHT + HOUR, tmp_path))
        assert caught.value.next_step
        steps.append(caught.value.next_step.english())
    assert steps[0].startswith("No opening is left before its plan expires; make a new one: ")
    assert steps[1].startswith("Then type again: opsbook apply CHG-1")


def test_what_an_emergency_goes_through_is_recorded_for_every_wave_and_each_thing_once() -> None:
    scene = scene_of(plan(["workday"], emergency=True) | {"host_plans": {}}, MADE)
    quiet = Freeze(MADE - HOUR, MADE + HOUR, "quiet", FreezeKind.FREEZE, "rest")
    frozen = Calendars(SHANGHAI, WEEK_DAYS, freezes=(quiet,))
    for at, calendars in [(FRIDAY_NIGHT, USUAL), (MADE, USUAL), (MADE, USUAL), (MADE, frozen)]:
        note_passed_over(scene, "RUN-1", calendars, at, ())
    told = [
        Message.from_json(e.payload["message"]).english() for e in scene.ledger.events(run="RUN-1")
    ]
    assert told[0] == "it is outside the window (nights)"
    assert told[1].startswith("the freeze quiet (rest) lasts until")
    assert len(told) == 2
