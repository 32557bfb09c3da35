"""The verification suite of hardening, by real testinfra on this machine, which changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles.jobs import make_estate, make_job
from opsbook.execution.verify.verification import Verified, verify
from opsbook.model.plan import HostPlan, Outlook

HOSTS = """\
all:
  vars: {ansible_connection: local, ansible_become: true}
  hosts: {here: {}, there: {}}
"""
CONTROL = "file.mode:/etc/shadow"
OTHER = "login_defs.pass_max_days"


def verified(tmp_path: Path, *planned: dict[str, dict[str, Any]]) -> list[Verified]:
    """What the suite says of hosts on which these controls were planned, with these values."""
    job = make_job(make_estate(tmp_path / "estate", HOSTS), "hardening", tmp_path / "state")
    plans = {
        host: HostPlan(host, Outlook.CHANGE, given={"controls": controls, "family": "debian"})
        for host, controls in zip(("here", "there"), planned, strict=False)
    }
    hosts = [host for host in job.inventory.hosts if host.name in plans]
    return list(verify(job.runbook, hosts, replace(job, plans=plans)).values())


def test_every_control_of_a_hosts_own_plan_is_judged_by_its_check(tmp_path: Path) -> None:
    here, there = verified(
        tmp_path, {CONTROL: {}, OTHER: {"max_days": 1}}, {OTHER: {"max_days": 1}}
    )
    told = {test.name: test for test in here.tests}
    name = "test_a_control_holds_in_its_files_and_in_what_runs"
    assert told.keys() == {f"{name}[{CONTROL}]", f"{name}[{OTHER}]"}
    bad = told[f"{name}[{OTHER}]"]
    assert bad.outcome == "failed"
    assert f"{OTHER}: wanted configured.pass_max_days: " in bad.message
    assert [test.name for test in there.tests] == [f"{name}[{OTHER}]"]


def test_a_control_that_the_catalogue_no_longer_has_fails(tmp_path: Path) -> None:
    (here,) = verified(tmp_path, {"no.such": {}})
    assert here.failed


@pytest.mark.parametrize("value", ["x", 0, None])
def test_a_value_that_the_control_does_not_take_fails(tmp_path: Path, value: object) -> None:
    (here,) = verified(tmp_path, {OTHER: {"max_days": value}})
    assert here.failed
