"""What a record says of a patched host, and what a hostile host cannot make of its surveys."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.patching import Scene, candidate, installed_at, survey
from opsbook.domains.patching.knowledge.store import Extract
from opsbook.domains.patching.knowledge.tracker import Tracked
from opsbook.domains.patching.past import ratios
from opsbook.domains.patching.snapshot import read_snapshot
from opsbook.model.canonical import canonical
from opsbook.model.errors import HostFailed
from opsbook.model.event import NewEvent

OPENSSL = candidate("openssl", "3.0.16-1", "3.0.17-1")
CURL = candidate("curl", "8-1", "8-2")
USES = [{"unit": "nginx.service", "command": "nginx", "packages": ["openssl:amd64"]}]
BEFORE = survey(OPENSSL, CURL, uses=USES)
AFTER = installed_at(BEFORE, openssl="3.0.17-1", curl="8-2") | {"uses": []}
APPLIED = {"restarted": ["nginx.service"], "rebooted": False, "conffiles_kept": ["/etc/x"]}


def concluded(
    tmp_path: Path, after: dict[str, Any], applied: Any = APPLIED
) -> tuple[dict[str, Any], list[str]]:
    scene = Scene(tmp_path)
    made = scene.clock.now()
    facts = [Tracked("openssl", "bookworm", "CVE-2026-0001", "3.0.17-1", "high"),
             Tracked("curl", "bookworm", "CVE-2026-0002", "8-3", "high")]  # fmt: skip
    scene.knowledge.replace_tracker(Extract("t", "", 1, made, made, 0, (), True), facts)
    plan = scene.plan(BEFORE)
    evidence = {"before": BEFORE, "after": after, "applied": applied, "verified": 1}
    found, deviations = scene.planner.conclude(
        "web1", evidence, scene.job({"web1": {}}, plans={"web1": plan})
    )
    canonical(dict(found))
    return dict(found), [one.english() for one in deviations]


def test_a_change_that_went_as_planned_has_no_deviations(tmp_path: Path) -> None:
    evidence, deviations = concluded(tmp_path, AFTER)
    assert deviations == []
    facts = evidence["patching"]
    assert [row["package"] for row in facts["packages"]] == ["curl", "openssl"]
    assert facts["cves_closed"] == ["CVE-2026-0001"]
    assert facts["cves_open"] == ["CVE-2026-0002"]
    assert facts["services_restarted"] == ["nginx.service"]
    assert evidence["actual"]["package:openssl:amd64"] == {
        "before": "3.0.16-1", "after": "3.0.17-1", "changed": True,
    }  # fmt: skip
    assert evidence["verified"] == 1
    assert "before" not in evidence


ADDED = [*AFTER["installed"], {"package": "evil", "arch": "amd64", "version": "1"}]
OTHERWISE: dict[str, tuple[dict[str, Any], Any, str]] = {
    "an unplanned package": ({"installed": ADDED}, APPLIED, "evil:amd64 went from - to 1"),
    "a planned one not reached": (
        {"installed": BEFORE["installed"]}, APPLIED, "",
    ),
    "a service is gone": ({"units": []}, APPLIED, "no longer running: ssh.service"),
    "a listener is gone": (
        {"listeners": []}, APPLIED, "no longer listening: tcp 0.0.0.0:22 sshd",
    ),
    "a unit failed": ({"failed": ["x.service"]}, APPLIED, "units failed: x.service"),
    "an unforeseen restart": (
        {}, {"restarted": ["db.service"]}, "restarted and not foreseen: db.service",
    ),
    "a restart failed": ({}, {"restart_failed": ["x.service"]}, "could not be restarted: x"),
    "an unplanned reboot": ({}, {"rebooted": True}, "rebooted, which was not planned"),
    "a reboot is due": ({"boot": {"pending": True}}, APPLIED, "a reboot is due"),
    "nonsense about what was done": ({}, {"restarted": 7, "conffiles_kept": {"a": 1}}, ""),
    "not even that": ({}, "x", ""),
}  # fmt: skip


@pytest.mark.parametrize(("more", "applied", "words"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_came_otherwise_is_a_deviation(
    more: dict[str, Any], applied: Any, words: str, tmp_path: Path
) -> None:
    _, deviations = concluded(tmp_path, AFTER | more, applied)
    assert any(words in one for one in deviations) if words else deviations == []


def test_a_package_that_did_not_get_there_is_marked_failed(tmp_path: Path) -> None:
    evidence, _ = concluded(tmp_path, installed_at(BEFORE, curl="8-2"))
    assert evidence["actual"]["package:openssl:amd64"]["failed"] is True
    assert evidence["patching"]["cves_closed"] == []


@pytest.mark.parametrize("after", [None, [], {"schema": "x"}, {"schema": 7}])
def test_a_survey_afterwards_that_cannot_be_read_is_told(after: Any, tmp_path: Path) -> None:
    evidence, deviations = concluded(tmp_path, after)
    assert "patching" not in evidence
    assert len(deviations) == 1


def test_predictions_learn_from_what_earlier_hosts_took(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    guess = scene.plan(survey(OPENSSL)).seconds
    run = "RUN-20261121-001"
    events = [NewEvent("change.begun", "small", "CHG-1", payload={"run": run})]
    for seconds in (200, 220, 10_000):
        payload = {"outcome": "changed", "seconds": seconds,
                   "evidence": {"patching": {"predicted_seconds": 100}}}  # fmt: skip
        events.append(NewEvent("host.finished", "small", run, "web1", payload))
    events.append(NewEvent("host.finished", "small", run, "web2", {"outcome": "failed"}))
    scene.ledger.append(events)
    assert ratios(scene.ledger, "small") == [2.0, 2.2, 100.0]
    assert ratios(scene.ledger, "other") == []
    assert scene.plan(survey(OPENSSL)).seconds == pytest.approx(guess * 2.2, abs=1)


HOSTILE: dict[str, Any] = {
    "not an object": [1],
    "schema": {"schema": "opsbook.patching-survey/2"},
    "manager": BEFORE | {"manager": "pip"},
    "installed is text": BEFORE | {"installed": "x"},
    "package is a path": BEFORE | {"installed": [{"package": "../x", "arch": "a", "version": "1"}]},
    "package is an option": BEFORE
    | {"installed": [{"package": "-x", "arch": "a", "version": "1"}]},
    "version with blanks": BEFORE
    | {"installed": [{"package": "x", "arch": "a", "version": "1 2"}]},
    "version is a number": BEFORE | {"installed": [{"package": "x", "arch": "a", "version": 1}]},
    "no arch": BEFORE | {"installed": [{"package": "x", "version": "1"}]},
    "digest": BEFORE | {"candidates": [OPENSSL | {"sha256": "zz"}]},
    "huge number": BEFORE | {"candidates": [OPENSSL | {"size": 2**60}]},
    "infinite": BEFORE | {"candidates": [OPENSSL | {"size": float("inf")}]},
    "flag": BEFORE | {"candidates": [OPENSSL | {"security": "yes"}]},
    "too many rows": BEFORE | {"failed": ["x"] * 20001},
    "too long": BEFORE | {"trouble": "x" * 501},
    "rows of numbers": BEFORE | {"units": [1]},
    "below is a list": BEFORE | {"boot": [1]},
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_survey_is_the_hosts_error_and_nobody_elses(data: Any, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    job = scene.job({"bad": {}, "good": {}})
    found = scene.planner.settle({"bad": data, "good": BEFORE}, job)
    assert isinstance(found["bad"], HostFailed)
    assert not isinstance(found["good"], HostFailed)


def test_markup_and_escapes_stay_values(tmp_path: Path) -> None:
    nasty = "\x1b[31m{trouble}{{ x }}\n<b>"
    plan = Scene(tmp_path).plan(survey(OPENSSL, trouble=nasty))
    assert plan.reason
    said = plan.reason.english()
    assert "\x1b" not in said
    assert "\n" not in said
    assert "{{ x }}" in said


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = (
        value.items()
        if isinstance(value, dict)
        else (enumerate(value) if isinstance(value, list) else ())
    )
    for key, part in pairs:
        found += _places(part, (*path, key))
    return found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
PLACES = _places(json.loads(json.dumps(BEFORE)))


@settings(deadline=None, max_examples=400)
@given(place=st.sampled_from(PLACES), value=json_values)
def test_any_value_anywhere_is_read_or_told(place: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(json.loads(json.dumps(BEFORE)))
    into = data
    for step in place[:-1]:
        into = into[step]
    into[place[-1]] = value
    with suppress(HostFailed):
        read_snapshot("web1", data)
