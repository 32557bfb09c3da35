"""What a plan asks of the work on hosts, and what it says where there is no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from doubles.change import Fleet, ScriptedChange, Trouble
from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from doubles.run import ESTATE, NOW, inventory, runbook
from opsbook.execution.work import Job
from opsbook.lifecycle.change.planning import Scene, foresee
from opsbook.model.errors import OpsbookError
from opsbook.model.estate import Host, Inventory
from opsbook.model.message import msg
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan, Outlook


class KeepsOff(ScriptedChange):
    """Knows why a host is not managed, and what is known of it all the same."""

    def forecast(self, hosts: Sequence[Host], job: Job) -> Mapping[str, HostPlan | OpsbookError]:
        """As real work answers."""
        away = {
            host.name: HostPlan(host.name, Outlook.CANNOT, msg("kept off"), given={"findings": 3})
            for host in hosts
            if host.left_alone
        }
        return {**super().forecast([h for h in hosts if h.name not in away], job), **away}


def test_work_answers_for_hosts_that_are_not_managed_too(tmp_path: Any) -> None:
    fleet = Fleet("a1", "a2", "a3")
    fleet["a2"].trouble = Trouble(unreachable=frozenset({"forecast"}))
    hosts = inventory(*fleet)
    rented = replace(hosts["a3"], vars={"opsbook_managed": False})
    whole = Inventory((*hosts.hosts[:2], rented), hosts.digest, hosts.known_hosts)
    clock = FakeClock(NOW)
    scene = Scene(
        Places(tmp_path), clock, NOW, ESTATE, runbook(), whole, {}, None, MemoryLedger(clock)
    )
    found = foresee(scene, lambda *_: KeepsOff(fleet))
    assert [plan.outlook for plan in found.values()] == [
        Outlook.CHANGE, Outlook.CANNOT, Outlook.CANNOT,
    ]  # fmt: skip
    assert found["a2"].reason == msg("{host} does not answer.", host="a2")
    assert (found["a3"].reason, found["a3"].given) == (msg("kept off"), {"findings": 3})
