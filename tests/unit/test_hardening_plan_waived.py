"""Planning leaves alone what a waiver accepts, says so, and stops where one came after the plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from doubles.hardening import MemoryHost, Scene, bad
from opsbook.domains.hardening.planning.planner import ControlPlanner
from opsbook.domains.hardening.store.model import Acceptance
from opsbook.domains.hardening.waivers.view import WaivedFindings
from opsbook.execution.work import Job
from opsbook.model.estate import Inventory
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan, Outlook

AT = datetime(2026, 11, 20, tzinfo=UTC)
FOUND = ("sshd.permitrootlogin", "login_defs.pass_max_days")
ACCEPTED = Acceptance(
    "CHG-20261120-001", "breaks_workload", "the vendor logs in as root", "Li", "", AT,
    AT + timedelta(days=30),
)  # fmt: skip


class Waived:
    """Waivers of some keys on web1, for as long as ``ACCEPTED`` stands."""

    def __init__(self, *controls: str) -> None:
        self._keys = {f"control:{key}" for key in controls}

    def covering(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        stands = ACCEPTED.since <= at < ACCEPTED.until
        return ACCEPTED if stands and host == "web1" and key in self._keys else None

    def lapsed(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        return None

    def keys(self) -> set[str]:
        return self._keys


class WaivingScene(Scene):
    """The scene of planning, with waivers."""

    waivers = Waived()

    def planner(self, job: Job) -> ControlPlanner:
        whole = Inventory(job.inventory.hosts, "0" * 64, Places(job.places.root).cache)
        return ControlPlanner(
            lambda: self.catalogue,
            lambda _: WaivedFindings(self.findings, self.waivers, job.started),
            lambda: whole,
            lambda _: self.waivers,
        )


def controls(plan: HostPlan) -> set[str]:
    return {item.detail["control"] for item in plan.items}


def test_a_waived_finding_is_left_out_and_told_with_its_waiver() -> None:
    scene = WaivingScene()
    scene.waivers = Waived("sshd.permitrootlogin")
    plan = scene.plan(bad(), *FOUND)
    assert controls(plan) == {"login_defs.pass_max_days"}
    (left,) = [row for row in plan.given["left_out"] if row["kind"] == "waived"]
    assert left["key"] == "sshd.permitrootlogin"
    assert left["reason"]["params"]["change"] == ACCEPTED.change
    assert left["reason"]["params"]["reason"] == ACCEPTED.reason


def test_a_baseline_leaves_it_out_as_well_though_no_scanner_found_it() -> None:
    scene = WaivingScene()
    without = scene.plan(bad(), baseline="cis_l1")
    scene.waivers = Waived("sshd.permitrootlogin")
    plan = scene.plan(bad(), baseline="cis_l1")
    assert controls(without) - controls(plan) == {"sshd.permitrootlogin"}
    assert [row["key"] for row in plan.given["left_out"] if row["kind"] == "waived"] == [
        "sshd.permitrootlogin"
    ]


def test_a_waiver_that_came_after_the_plan_stops_it_on_that_host() -> None:
    scene = WaivingScene()
    plan = scene.plan(bad(), *FOUND)
    scene.waivers = Waived("sshd.permitrootlogin")
    now = scene.again(plan, bad())
    assert now.outlook is Outlook.CANNOT
    assert now.reason is not None
    assert now.reason.english() == (
        "sshd.permitrootlogin was accepted by waiver CHG-20261120-001 after this was planned"
    )
    assert plan.differences(now)


def test_a_waiver_that_ended_after_the_plan_changes_nothing_of_it() -> None:
    scene = WaivingScene()
    scene.waivers = Waived("sshd.permitrootlogin")
    plan = scene.plan(bad(), *FOUND)
    scene.waivers = Waived()
    host: MemoryHost = bad()
    assert plan.differences(scene.again(plan, host)) == []
