"""What every survey of hosts has in common: whose marker is there, and nothing asked too early."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.hardening import Scene
from doubles.patching import Scene as Patching
from opsbook.execution.ansible.change import PlaybookChange
from opsbook.execution.surveyed import Marker, occupied, own_numbers, read_marker
from opsbook.model.errors import InputFault
from opsbook.model.hostjson import Reader


def test_a_run_without_a_change_takes_no_marker_without_one_for_its_own() -> None:
    ours = own_numbers(Scene().job(["web1"]))
    assert ours == {"RUN-20261121-001", "CHG-20261121-001"}
    assert occupied(Marker("RUN-2", "", 61), [*ours, ""]) is None
    found = occupied(Marker("RUN-2", "", 61), ours)
    assert found is not None
    assert "RUN-2 is at work on it, for 2 min" in found.english()


def test_a_marker_whose_time_is_over_is_none() -> None:
    row = {"run": "RUN-2", "change": "CHG-2", "live": True, "seconds_left": 0}
    assert read_marker(Reader("lease", row)) is None
    assert read_marker(Reader("lease", row | {"seconds_left": 1})) == Marker("RUN-2", "CHG-2", 1)


def test_what_is_asked_for_wrongly_is_told_before_any_host_is_asked(tmp_path: Path) -> None:
    scene, patching = Scene(), Patching(tmp_path)
    hardening = scene.job(["web1"], exclude="no.such.control")
    patches = patching.job({"web1": {"opsbook_patching": {"no_such": 1}}})
    for planner, job in ((scene.planner(hardening), hardening), (patching.planner, patches)):
        with pytest.raises(InputFault) as caught:
            PlaybookChange(planner).forecast(job.inventory.hosts, job)
        assert caught.value.faults
