"""Right before a host is touched: what counts as drift, and how far a host got after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doubles.patching import Scene, candidate, installed_at, survey
from opsbook.execution.work import Standing

OPENSSL = candidate("openssl", "3.0.16-1", "3.0.17-1")
CURL = candidate("curl", "8-1", "8-2")
NEWER = candidate("openssl", "3.0.16-1", "3.0.18-1")
BOTH = survey(OPENSSL, CURL)

SAME: dict[str, dict[str, Any]] = {
    "nothing": BOTH,
    "other updates appeared": survey(OPENSSL, CURL, candidate("vim", "9-1", "9-2")),
    "lists grew old": BOTH | {"lists": {"newest": 1}},
    "the suite was renamed": survey(OPENSSL | {"suite": "oldstable-security"}, CURL),
    "a session began": BOTH | {"sessions": [{"user": "root", "tty": "pts/0", "from": "x"}]},
    "a program began": BOTH
    | {"uses": [{"unit": "x.service", "command": "x", "packages": ["curl:amd64"]}]},
    "less free space": BOTH | {"space": [{"path": "/usr", "mount": "/", "free": 2**30}]},
}  # fmt: skip


@pytest.mark.parametrize("now", SAME.values(), ids=SAME)
def test_what_is_no_drift(now: dict[str, Any], tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    plan = scene.plan(BOTH)
    assert plan.differences(scene.again(plan, now)) == []


DRIFT: dict[str, tuple[dict[str, Any], str]] = {
    "a newer version replaced an approved one": (
        survey(NEWER, CURL),
        "3.0.16-1 to 3.0.17-1 and would now go from 3.0.16-1 to 3.0.18-1",
    ),
    "somebody installed it": (
        installed_at(BOTH, openssl="3.0.17-1"), "package:openssl:amd64 is no longer foreseen",
    ),
    "it is held now": (
        survey(OPENSSL | {"why": "held"}, CURL), "package:openssl:amd64 is no longer foreseen",
    ),
    "another file under the same version": (
        survey(OPENSSL | {"sha256": "ab" * 32}, CURL), "the details of package:openssl:amd64",
    ),
    "another version was installed": (
        survey(candidate("openssl", "3.0.15-1", "3.0.17-1"), CURL), "would now go from 3.0.15-1",
    ),
    "undo became impossible": (
        BOTH | {"undo": []}, "it can no longer be done: 2 of 2 packages could not be brought back",
    ),
    "dpkg was interrupted": (
        BOTH | {"package_manager": {"interrupted": True}}, "dpkg --configure -a",
    ),
    "another change came": (
        BOTH | {"lease": {"run": "RUN-20261121-007", "live": True, "seconds_left": 9}},
        "RUN-20261121-007",
    ),
    "everything is done": (
        installed_at(BOTH, openssl="3.0.17-1", curl="8-2"), "there is nothing left to do",
    ),
    "another release": (
        BOTH | {"os": {"codename": "trixie", "support_end": "2030-01-01"}},
        'codename was "bookworm" when this was planned, and is "trixie" now',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("now", "words"), DRIFT.values(), ids=DRIFT)
def test_what_is_drift_and_how_it_is_named(now: dict[str, Any], words: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    plan = scene.plan(BOTH)
    told = [found.english() for found in plan.differences(scene.again(plan, now))]
    assert any(words in sentence for sentence in told), told


def test_asking_again_needs_no_ledger_and_no_knowledge(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    plan = scene.plan(BOTH, soak_days=0)
    events = len(list(scene.ledger.events()))
    scene.again(plan, survey(OPENSSL, CURL, candidate("vim", "9-1", "9-2")))
    assert len(list(scene.ledger.events())) == events


def state(name: str, data: dict[str, Any]) -> dict[str, Any]:
    rows = [row | {"state": name} if row["package"] == "curl" else row for row in data["installed"]]
    return data | {"installed": rows}


CHANGE = "CHG-20261121-001"
DONE = installed_at(BOTH, openssl="3.0.17-1", curl="8-2")
HALF = installed_at(BOTH, openssl="3.0.17-1")
STANDING: dict[str, tuple[dict[str, Any], Standing, bool]] = {
    "before": (BOTH, Standing.UNTOUCHED, False),
    "prepared": (
        BOTH | {"journal": {"change": CHANGE, "state": "prepared"}}, Standing.UNTOUCHED, False,
    ),
    "half": (HALF, Standing.MIDWAY, True),
    "half configured": (state("half-configured", DONE), Standing.MIDWAY, True),
    "unpacked": (state("unpacked", HALF), Standing.MIDWAY, True),
    "removed": (state("config-files", HALF), Standing.MIDWAY, False),
    "done": (DONE | {"journal": {"change": CHANGE, "state": "applied"}}, Standing.DONE, False),
    "done, journal lost": (DONE, Standing.DONE, False),
    "restarts outstanding": (
        DONE | {"journal": {"change": CHANGE, "state": "applying"}}, Standing.MIDWAY, True,
    ),
    "an older change's journal": (
        DONE | {"journal": {"change": "CHG-1", "state": "applying"}}, Standing.DONE, False,
    ),
    "another version": (installed_at(BOTH, openssl="9-9"), Standing.MIDWAY, False),
    "package gone": (BOTH | {"installed": []}, Standing.MIDWAY, False),
    "interrupted": (
        BOTH | {"package_manager": {"interrupted": True}}, Standing.MIDWAY, True,
    ),
    "nonsense": ({"schema": "x"}, Standing.MIDWAY, False),
}  # fmt: skip


@pytest.mark.parametrize(("now", "where", "repairable"), STANDING.values(), ids=STANDING)
def test_how_far_a_host_is(
    now: dict[str, Any], where: Standing, repairable: bool, tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    plan = scene.plan(BOTH)
    found = scene.planner.standing("web1", now, scene.job({"web1": {}}, plans={"web1": plan}))
    assert (found.standing, found.repairable) == (where, repairable)
    told = found.evidence.get("actual", {})
    if where is Standing.DONE:
        assert {key: row["after"] for key, row in told.items()} == {
            item.key: item.after for item in plan.items
        }
    else:
        assert not told, "what is not done has no outcome"
