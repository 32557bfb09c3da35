"""The proof of a change from what ledger and store have of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.proof.history import done_on_hosts, worked_on
from opsbook.domains.hardening.proof.judging import prove_host
from opsbook.domains.hardening.proof.model import Done, HostProof
from opsbook.domains.hardening.proof.rectification import About, rectification
from opsbook.domains.hardening.store.comparison import Why
from opsbook.domains.hardening.store.model import Finding, State
from opsbook.domains.hardening.store.store import Looked
from opsbook.domains.hardening.waivers.port import Waivers
from opsbook.ledger.listing import change_now
from opsbook.ledger.reading import Reader
from opsbook.model.errors import UsageFault
from opsbook.model.estate import Estate
from opsbook.model.message import msg


class Looks(Protocol):
    """Port: what scanners found on hosts, and every look they took."""

    def of_host(self, estate: str, host: str, states: Collection[State]) -> Iterable[Finding]:
        """Findings of a host with all their sightings; of every state when none is given."""
        ...

    def looks(self, estate: str, host: str) -> list[Looked]:
        """Every look at a host, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Proving:
    """What a proof is made from: ledger, findings and waivers of one estate, the catalogue."""

    reader: Reader
    estate: Estate
    findings: Looks
    waivers: Waivers
    controls: Mapping[str, Control]
    now: datetime

    def prove(self, change: str, after: Collection[str] | None = None) -> dict[str, Any]:
        """The report (``opsbook.rectification/1``) about ``change``.

        ``after`` are digests of the files that alone count as looks after it. Raises UsageFault
        for what is no change of this estate's hosts that was carried out.
        """
        dossier, records = carried_out(self.reader, change, self.now)
        done = done_on_hosts(dossier, records)
        proofs = [self._host(host, work, after) for host, work in done.items()]
        if any(_unexplained(proof) for proof in proofs):
            done = done_on_hosts(dossier, records, self._others(change))
            proofs = [self._host(host, work, after) for host, work in done.items()]
        units = {key: control.references.mlps for key, control in self.controls.items()}
        titles = {key: {"zh": control.title.zh, "en": control.title.en}
                  for key, control in self.controls.items()}  # fmt: skip
        policy = self.estate.policies.findings
        return rectification(About(dossier, proofs, policy, units, self.now, titles))

    def _host(self, host: str, work: Done, after: Collection[str] | None) -> HostProof:
        found = self.findings.of_host(self.estate.name, host, ())
        looks = self.findings.looks(self.estate.name, host)
        return prove_host(host, found, looks, work, self.waivers, self.now, after)

    def _others(self, change: str) -> dict[str, dict[str, str]]:
        """Host -> key -> change, of everything other changes of this estate worked on."""
        found: dict[str, dict[str, str]] = {}
        begun = [event.run for event in self.reader.events(kinds=("change.begun",))
                 if event.estate == self.estate.name and event.run != change]  # fmt: skip
        for number in begun:
            told = change_now(self.reader, number, self.now)
            for host, keys in worked_on(*told).items() if told else ():
                found.setdefault(host, {}).update(keys)
        return found


def carried_out(
    reader: Reader, change: str, now: datetime
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Dossier and records of a change of hosts that was carried out. Raises UsageFault."""
    found = change_now(reader, change, now)
    if found is None:
        raise UsageFault(
            msg("There is no change {change}.", change=change),
            next_step=msg("opsbook changes list shows the changes."),
        )
    dossier, records = found
    if dossier["kind"] != "runbook":
        raise UsageFault(msg("{change} changes no hosts.", change=change))
    if not done_on_hosts(dossier, records):
        raise UsageFault(
            msg("{change} was not carried out yet, so there is nothing to prove.", change=change),
            next_step=msg("opsbook apply {change} carries it out.", change=change),
        )
    return dossier, records


def _unexplained(proof: HostProof) -> bool:
    return any(one.reason is Why.NOTHING_DONE for one in proof.proven)
