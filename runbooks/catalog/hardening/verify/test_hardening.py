"""After hardening: every control of the plan, looked at and judged anew by its own check."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from opsbook.domains.hardening.controls.compose import compose
from opsbook.domains.hardening.controls.judge import judge
from opsbook.domains.hardening.controls.loader import Catalogue, load_catalogue
from opsbook.domains.hardening.controls.observed import Answers, read_answers
from opsbook.model.finding import Result

AT_ONCE = 40
"""Controls whose checks are one script: execve(2) takes 128 KiB in one argument, no more."""

SLOW_SECONDS = 100
"""For a check that looks at whole file systems: less than a test may take."""


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    return load_catalogue()


def planned() -> dict[str, dict[str, Any]]:
    """Control -> values, for every host of the run."""
    plans = json.loads((Path(os.environ["OPSBOOK_VERIFY"]) / "plans.json").read_text())
    return {host: dict(plan["given"].get("controls", {})) for host, plan in plans.items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each control that is planned on any host."""
    if "control" in metafunc.fixturenames:
        keys = sorted({key for controls in planned().values() for key in controls})
        metafunc.parametrize("control", keys)


@lru_cache(maxsize=256)
def answers(host: Host, keys: tuple[str, ...]) -> dict[str, Answers]:
    """What the checks of ``keys`` say on the host now."""
    script = compose([catalogue().find(key) for key in keys], slow_seconds=SLOW_SECONDS)
    return dict(read_answers(host.run("/bin/sh -c %s", script).stdout).controls)


def together(control: str, keys: list[str]) -> tuple[str, ...]:
    """The controls of a plan that are looked at in one go with ``control``; a slow one alone."""
    if catalogue().find(control).slow:
        return (control,)
    quick = [key for key in keys if not catalogue().find(key).slow]
    first = quick.index(control) // AT_ONCE * AT_ONCE
    return tuple(quick[first : first + AT_ONCE])


def test_a_control_holds_in_its_files_and_in_what_runs(
    host: Host, plan: dict[str, Any], control: str
) -> None:
    values = plan["given"]["controls"]
    told = answers(host, together(control, sorted(values))).get(control)
    declared = catalogue().find(control).of_family(plan["given"]["family"])
    verdict = judge(declared, told, declared.site_values(values[control]))
    due = declared.risk.reboot and verdict.not_in_effect
    why = f" ({verdict.why.english()})" if verdict.why else ""
    good = verdict.result is Result.PASS or due
    assert good, f"{control}: wanted {verdict.wanted}; is {verdict.observed or '-'}{why}"
