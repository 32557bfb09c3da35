"""The first-seen ledger and soak time: nothing but waiting makes a version older."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.clock import START
from doubles.patching import Scene, candidate, survey
from opsbook.domains.patching.knowledge.changelog import read_changelog
from opsbook.domains.patching.seen import KIND, FirstSeen, Seen
from opsbook.domains.patching.soak import soak
from opsbook.model.plan import Outlook

OPENSSL = candidate("openssl", "3.0.16-1", "3.0.17-1")
LIBSSL = candidate("libssl3", "3.0.16-1", "3.0.17-1", source="openssl")
DAY = 86400


def events(scene: Scene) -> list[dict[str, Any]]:
    return [dict(event.payload or {}) for event in scene.ledger.events(kinds=(KIND,))]


def test_a_version_is_noted_once_per_estate(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for _ in range(3):
        scene.plan(survey(OPENSSL, LIBSSL))
        scene.clock.advance(60)
    assert sorted(event["package"] for event in events(scene)) == ["libssl3", "openssl"]
    listed = FirstSeen(scene.ledger, "small").listed()
    assert [row.to_json()["since"][:19] for row in listed] == ["2026-11-21T08:41:00"] * 2
    assert FirstSeen(scene.ledger, "other").listed() == []


def test_it_waits_until_its_time_and_the_plan_shows_the_proof(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    early = scene.plan(survey(OPENSSL), soak_days=3)
    (left,) = early.given["left_out"]
    assert left["why"] == "soaking"
    assert left["reason"]["params"]["ready"] == "2026-11-24T08:41Z"
    scene.clock.advance(3 * DAY - 1)
    assert scene.plan(survey(OPENSSL, lists={"newest": 2**31}), soak_days=3).items == ()
    scene.clock.advance(1)
    (item,) = scene.plan(survey(OPENSSL), soak_days=3).items
    number = next(iter(scene.ledger.events(kinds=(KIND,)))).seq
    assert item.detail["soak"]["event"] == number
    assert item.detail["soak"]["first_seen"] == "2026-11-21T08:41:00.000000Z"


def test_packages_of_one_source_wait_for_the_youngest(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.plan(survey(OPENSSL))
    scene.clock.advance(2 * DAY)
    plan = scene.plan(survey(OPENSSL, LIBSSL), soak_days=2)
    assert plan.outlook is Outlook.NOTHING
    scene.clock.advance(2 * DAY)
    assert len(scene.plan(survey(OPENSSL, LIBSSL), soak_days=2).items) == 2


def test_a_named_cve_need_not_wait(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    text = "openssl (3.0.17-1) bookworm-security; urgency=high\n\n  * CVE-2026-11111\n"
    entries = read_changelog(text, "openssl", "deb")
    scene.knowledge.keep_changelogs("deb", {("openssl", "3.0.17-1"): entries})
    plan = scene.plan(
        survey(OPENSSL, candidate("curl", "8-1", "8-2")),
        soak_days=9, override_cves="CVE-2026-11111, CVE-2026-2222",
    )  # fmt: skip
    (item,) = plan.items
    assert item.detail["package"] == "openssl"
    assert item.detail["soak"]["overridden"] == ["CVE-2026-11111"]
    assert any("before their soak time" in note.english() for note in plan.notes)


def test_the_same_version_with_other_content_starts_anew(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.plan(survey(OPENSSL))
    scene.clock.advance(5 * DAY)
    assert scene.plan(survey(OPENSSL | {"sha256": "ab" * 32}), soak_days=5).items == ()
    assert scene.plan(survey(OPENSSL | {"origin": "Elsewhere"}), soak_days=5).items == ()
    assert len(scene.plan(survey(OPENSSL), soak_days=5).items) == 1


def test_a_clock_set_back_while_a_version_comes_up_makes_it_no_older(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.plan(survey(candidate("curl", "8-1", "8-2")))
    scene.clock.advance(-365 * DAY)
    scene.plan(survey(candidate("vim", "9-1", "9-2")))
    scene.plan(survey(OPENSSL))
    scene.clock.wall = START + timedelta(days=2)
    assert scene.plan(survey(OPENSSL), soak_days=3).items == ()
    assert len(scene.plan(survey(OPENSSL), soak_days=2).items) == 1


moments = st.datetimes(
    min_value=START.replace(tzinfo=None) - timedelta(days=900),
    max_value=START.replace(tzinfo=None) + timedelta(days=900),
).map(lambda moment: moment.replace(tzinfo=START.tzinfo))


@given(since=moments, now=moments, later=st.timedeltas(timedelta(0), timedelta(days=400)),
       days=st.integers(0, 365), more=st.integers(0, 100))  # fmt: skip
def test_soak_only_grows_with_time_and_shrinks_with_days(
    since: Any, now: Any, later: timedelta, days: int, more: int
) -> None:
    seen = Seen(since, 1, "")
    passes = soak(seen, now, days, (), ()).passes
    assert not passes or soak(seen, now + later, days, (), ()).passes
    assert passes or not soak(seen, now, days + more, (), ()).passes
    assert not passes or now >= since or days == 0


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.integers(-400, 40), min_size=1, max_size=6), wait=st.integers(1, 30))
def test_no_walk_of_the_clock_before_it_came_up_makes_it_older(
    steps: list[int], wait: int, tmp_path_factory: Any
) -> None:
    scene = Scene(tmp_path_factory.mktemp("state"))
    latest = scene.clock.now() - timedelta(days=3000)
    for number, step in enumerate(steps):
        scene.clock.advance(step * DAY)
        latest = max(latest, scene.clock.now())
        scene.plan(survey(candidate("vim", "9-1", f"9-{number + 2}")))
    scene.plan(survey(OPENSSL))
    scene.clock.wall = latest + timedelta(days=wait) - timedelta(seconds=1)
    first = scene.clock.now()
    assert scene.plan(survey(OPENSSL), soak_days=wait).items == (), first
