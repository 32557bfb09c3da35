"""Which hosts are taken together, and when too many have failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opsbook.model.plan import HostPlan, Outlook
from opsbook.model.runbook import Waves


def split(hosts: Sequence[str], waves: Waves, taken: int = 0) -> list[tuple[str, ...]]:
    """``hosts`` in order, in waves of ``first``, ``first * factor`` ... up to ``cap``.

    Without ``first`` the waves are ``cap`` hosts each. Every host stands in exactly one wave.
    ``taken`` waves of the ramp are behind us: what a dead process left is split as it would have
    been.
    """
    result: list[tuple[str, ...]] = []
    size = min(waves.first or waves.cap, waves.cap)
    for _ in range(taken):
        size = min(size * waves.factor, waves.cap)
    at = 0
    while at < len(hosts):
        result.append(tuple(hosts[at : at + size]))
        at += size
        size = min(size * waves.factor, waves.cap)
    return result


def split_changing(hosts: Mapping[str, HostPlan], waves: Waves) -> list[tuple[str, ...]]:
    """The waves of those hosts, in their order, of which the plan says that something is done."""
    return split([name for name, plan in hosts.items() if plan.outlook is Outlook.CHANGE], waves)


def exhausted(failed: int, waves: Waves) -> bool:
    """Whether ``failed`` hosts (unreachable ones among them) are more than the budget allows."""
    return waves.failure_budget is not None and failed > waves.failure_budget
