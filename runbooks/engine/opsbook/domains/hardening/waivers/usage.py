"""How many findings each waiver accepts, and which of them is no longer needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from opsbook.approval.waiver import EVERYTHING, Waiver
from opsbook.domains.hardening.store.model import Finding, State
from opsbook.domains.hardening.store.port import Findings, Wanted
from opsbook.domains.hardening.waivers.register import Register


@dataclass(slots=True)
class Usage:
    """Findings that a waiver speaks of, as the store has them: ``open`` by severity, and how many
    are ``gone``: fixed, or not found any more.
    """

    open: dict[str, int] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    gone: int = 0

    @property
    def accepts(self) -> int:
        """How many open findings it speaks of."""
        return sum(self.open.values())

    @property
    def needless(self) -> bool:
        """Whether there was something to accept and nothing is left of it."""
        return not self.open and self.gone > 0

    def count(self, finding: Finding) -> None:
        """Count ``finding`` in."""
        if finding.state is State.OPEN:
            severity = str(finding.severity)
            self.open[severity] = self.open.get(severity, 0) + 1
            self.hosts.add(finding.host)
        else:
            self.gone += 1


def usage(
    findings: Findings, register: Register, waivers: Iterable[Waiver], estate: str
) -> dict[str, Usage]:
    """The usage of each of ``waivers`` by its number; ``findings`` is the store itself."""
    listed = list(waivers)
    found = {waiver.change: Usage() for waiver in listed}
    by_key: dict[str, list[Waiver]] = {}
    for waiver in listed:
        by_key.setdefault(waiver.key, []).append(waiver)
    if not listed:
        return found
    states = (State.OPEN, State.FIXED, State.NOT_REPRODUCIBLE)
    keys = () if EVERYTHING in by_key else tuple(by_key)
    for one in findings.of_estate(estate, Wanted(states=states, keys=keys, known=True)):
        for waiver in (*by_key.get(one.key, ()), *by_key.get(EVERYTHING, ())):
            if register.covers(waiver, one.host, one.key, one.location):
                found[waiver.change].count(one)
    return found
