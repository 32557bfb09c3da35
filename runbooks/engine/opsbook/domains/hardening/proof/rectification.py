"""The data of a security rectification report: what was found, and how each finding ended. Pure.

Schema ``opsbook.rectification/1``, closed, in ``schema.json`` beside this file; every field is
always there, ``null`` or empty where it does not apply::

    schema      "opsbook.rectification/1"
    change, state, reason, runbook, estate {name, title, timezone}
    made        moment {"utc", "local"} at which this was put together
    stages      when the first was found, when and by whom it was assessed and approved, when it
                was rectified and retested
    scans       before and after: files with their digest, scanner, content, profile, hosts
    claim       compliant | not_compliant | refused;  reasons [{reason, hosts}]
    limits      severity -> days, as the estate declares them
    numbers     found, the outcomes it is the sum of, new, overdue; left: what remains, by why
    by_severity, by_unit   the same for each severity and each unit of classified protection
                (L3-CES1-nn; a finding may belong to several, "" to none)
    hosts       [{name, outcome, run, claim, reasons, numbers, findings}]
    findings    [{key, location, title, severity, ids, control, control_title, units, outcome,
                reason, by, stages, steps, before, after, own, waiver, clock,
                remains {left, reason, waiting}}]

What scanners told is cut to :data:`MOST_TEXT` characters and stays hostile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from opsbook.domains.hardening.proof.claim import Said, claim_of, numbers_of, together
from opsbook.domains.hardening.proof.model import (
    FOUND,
    Done,
    HostProof,
    Left,
    Outcome,
    Proven,
    Remains,
)
from opsbook.domains.hardening.store.model import Sighting
from opsbook.domains.hardening.store.store import Looked
from opsbook.ledger.moments import local_moment, zone_of
from opsbook.model.estate import FindingsPolicy
from opsbook.model.finding import Severity
from opsbook.model.message import Message

SCHEMA = "opsbook.rectification/1"
MOST_TEXT = 2_000
MOST_SIGHTINGS = 10

Json = dict[str, Any]
Units = Mapping[str, Sequence[str]]
"""Key of a control -> units of classified protection (GB/T 28448-2019, 8.1.4)."""


@dataclass(frozen=True, slots=True)
class About:
    """What the report is about: a dossier, its proofs by host, the rules of the estate, and of
    controls their units and their titles in both languages.
    """

    dossier: Mapping[str, Any]
    proofs: Sequence[HostProof]
    policy: FindingsPolicy
    units: Units
    now: datetime
    titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def rectification(about: About) -> Json:
    """The whole report as JSON."""
    telling = _Telling(about)
    plan = about.dossier.get("plan") or {}
    said = [(proof, claim_of(proof, about.policy.not_applicable_percent)) for proof in about.proofs]
    hosts = [telling.host(proof, one) for proof, one in said]
    entries = [entry for host in hosts for entry in host["findings"]]
    return {
        "schema": SCHEMA,
        "change": about.dossier.get("change"),
        "state": about.dossier.get("state"),
        "reason": plan.get("reason") or "",
        "runbook": (plan.get("runbook") or {}).get("name") or "",
        "estate": {name: (plan.get("estate") or {}).get(name)
                   for name in ("name", "title", "timezone")},
        "made": telling.moment(about.now),
        "stages": telling.stages(),
        "scans": {"before": telling.scans("before"), "after": telling.scans("after")},
        "claim": together(one for _, one in said).value,
        "reasons": _reasons((proof.host, one) for proof, one in said),
        "limits": about.policy.limits,
        "numbers": _numbers(entries),
        "by_severity": _grouped(entries, lambda entry: [entry["severity"]], list(Severity)),
        "by_unit": _grouped(entries, lambda entry: entry["units"] or [""]),
        "hosts": hosts,
    }  # fmt: skip


def _numbers(entries: Iterable[Json]) -> Json:
    counts = {one.value: 0 for one in Outcome}
    left = {one.value: 0 for one in Left}
    overdue = 0
    for entry in entries:
        counts[entry["outcome"]] += 1
        overdue += entry["clock"] is not None and entry["clock"]["overdue"]
        if entry["remains"]:
            left[entry["remains"]["left"]] += 1
    found = sum(counts[one.value] for one in FOUND)
    return {"found": found} | counts | {"overdue": overdue, "left": left}


def _grouped(entries: Sequence[Json], names: Any, order: Sequence[str] = ()) -> dict[str, Any]:
    groups: dict[str, list[Json]] = {}
    for entry in entries:
        for name in names(entry):
            groups.setdefault(name, []).append(entry)
    listed = [name for name in order if name in groups] if order else sorted(groups)
    return {str(name): _numbers(groups[name]) for name in listed}


def _reasons(said: Iterable[tuple[str, Said]]) -> list[Json]:
    """Every reason once, with the hosts it is told of."""
    hosts: dict[str, tuple[Message, list[str]]] = {}
    for host, one in said:
        for reason in one.reasons:
            hosts.setdefault(reason.english(), (reason, []))[1].append(host)
    return [{"reason": reason.to_json(), "hosts": names} for reason, names in hosts.values()]


class _Telling:
    """Puts proofs into the words of the schema, with moments in the estate's time zone."""

    def __init__(self, about: About) -> None:
        self._about = about
        estate = (about.dossier.get("plan") or {}).get("estate") or {}
        self._zone = zone_of(str(estate.get("timezone") or "UTC"))

    def moment(self, at: datetime | None) -> dict[str, str] | None:
        return None if at is None else local_moment(at, self._zone)

    def stages(self) -> Json:
        """The way of the whole change."""
        dossier = self._about.dossier
        proofs = self._about.proofs
        found = [one.finding.first_seen for proof in proofs for one in proof.proven if one.before]
        retested = [look.look.at for proof in proofs for look in proof.after]
        counted = [one for one in dossier.get("statements") or () if one.get("counts")]
        runs = [run for run in dossier.get("runs") or () if run.get("phase") == "apply"]
        return {
            "found": self.moment(min(found, default=None)),
            "assessed": {"at": dossier.get("planned"),
                         "by": (dossier.get("requested_by") or {}).get("user") or ""},
            "approved": {"at": dossier.get("approved"), "by": [_signer(one) for one in counted]}
                        if dossier.get("approved") else None,
            "rectified": {"begun": runs[0].get("at"),
                          "ended": self.moment(max((p.done.ended for p in proofs), default=None)),
                          "runs": [run.get("run") for run in runs]} if runs else None,
            "retested": {"first": self.moment(min(retested)), "last": self.moment(max(retested))}
                        if retested else None,
        }  # fmt: skip

    def scans(self, side: str) -> list[Json]:
        """The files of one side, each with the hosts that it looked at."""
        found: dict[tuple[str, int], Json] = {}
        for proof in self._about.proofs:
            for looked in getattr(proof, side):
                look = looked.look
                scan = found.setdefault((look.sha256, look.scan), self._scan(looked))
                scan["hosts"].append(proof.host)
        return [found[key] for key in sorted(found, key=lambda key: key[1])]

    def _scan(self, looked: Looked) -> Json:
        look = looked.look
        return {
            "file": look.file, "sha256": look.sha256, "at": self.moment(look.at),
            "format": look.format, "tool": look.tool, "tool_version": look.tool_version,
            "content": look.content, "content_version": look.content_version,
            "profile": look.profile, "credentialed": look.credentialed, "hosts": [],
        }  # fmt: skip

    def host(self, proof: HostProof, said: Said) -> Json:
        """One host with all its findings, the gravest first."""
        order = list(Severity)
        proven = sorted(
            proof.proven,
            key=lambda one: (order.index(one.severity), one.finding.key, one.finding.location),
        )
        entries = [self.finding(one, proof.done) for one in proven]
        return {
            "name": proof.host,
            "outcome": proof.done.outcome,
            "run": proof.done.run,
            "claim": said.claim.value,
            "reasons": [reason.to_json() for reason in said.reasons],
            "rules": [self._rules(look) for look in proof.after],
            "numbers": _numbers(entries),
            "findings": entries,
        }

    def _rules(self, looked: Looked) -> Json:
        numbers = numbers_of(looked.taken)
        return {"file": looked.look.file, "rows": numbers.rows, "decided": numbers.decided,
                "not_applicable": numbers.not_applicable, "unsure": numbers.unsure}  # fmt: skip

    def finding(self, one: Proven, done: Done) -> Json:
        """One finding from its discovery to its end."""
        finding = one.finding
        control = finding.control
        return {
            "key": finding.key,
            "location": finding.location,
            "title": finding.title[:MOST_TEXT],
            "severity": one.severity.value,
            "ids": [name for kind in ("cve", "cnvd", "cnnvd", "cncve")
                    for name in getattr(finding.ids, kind)],
            "control": control,
            "control_title": dict(self._about.titles.get(control or "", {})) or None,
            "units": list(self._about.units.get(control or "", ())),
            "outcome": one.outcome.value,
            "reason": one.reason.value,
            "by": one.by,
            "stages": self._way(one, done),
            "steps": [dict(step) for step in done.items.get(control or "", ())],
            "before": [self._sighting(each) for each in one.before[-MOST_SIGHTINGS:]],
            "after": [self._sighting(each) for each in one.after[-MOST_SIGHTINGS:]],
            "own": one.own.result.value if one.own else None,
            "waiver": self._waiver(one),
            "clock": self._clock(one),
            "remains": _remains(one.remains),
        }  # fmt: skip

    def _way(self, one: Proven, done: Done) -> Json:
        """When it was found, assessed, approved, rectified, retested and closed, as far as it came.

        Rectified is only what a change worked on here; closed is what is fixed.
        """
        dossier = self._about.dossier
        found = one.outcome is not Outcome.NEW
        ours = found and one.by == dossier.get("change")
        closed = one.outcome is Outcome.FIXED and one.retested is not None
        return {
            "found": self.moment(one.finding.first_seen),
            "assessed": dossier.get("planned") if found else None,
            "approved": dossier.get("approved") if ours else None,
            "rectified": self.moment(done.ended) if ours else None,
            "retested": self.moment(one.retested.at) if one.retested else None,
            "closed": self.moment(one.retested.at) if closed and one.retested else None,
        }

    def _sighting(self, one: Sighting) -> Json:
        return {
            "at": self.moment(one.look.at), "scanner": one.scanner, "rule": one.rule,
            "result": one.result.value, "told": one.told[:200],
            "evidence": one.evidence[:MOST_TEXT], "file": one.look.file,
            "sha256": one.look.sha256,
        }  # fmt: skip

    def _waiver(self, one: Proven) -> Json | None:
        if one.waiver is None:
            return None
        waiver = one.waiver
        return {
            "change": waiver.change, "category": waiver.category, "reason": waiver.reason,
            "owner": waiver.owner, "compensating": waiver.compensating,
            "until": self.moment(waiver.until),
            "needed": one.outcome in (Outcome.WAIVED, Outcome.NEW),
        }  # fmt: skip

    def _clock(self, one: Proven) -> Json | None:
        """Days since it was first seen against the limit; it stops when fixed, rests if waived."""
        limit = self._about.policy.limits.get(one.severity.value)
        if limit is None:
            return None
        first = one.finding.first_seen
        closed = one.retested.at if one.outcome is Outcome.FIXED and one.retested else None
        due = first + timedelta(days=limit)
        late = (closed or self._about.now) > due
        return {
            "limit_days": limit,
            "days": max(0, ((closed or self._about.now) - first).days),
            "due": self.moment(due),
            "overdue": late and one.outcome is not Outcome.WAIVED,
            "stopped": closed is not None,
        }


def _remains(why: Remains | None) -> Json | None:
    if why is None:
        return None
    return {"left": why.left.value, "reason": why.reason.to_json(), "waiting": list(why.waiting)}


def _signer(statement: Mapping[str, Any]) -> Json:
    return {"name": str(statement.get("name") or statement.get("principal") or ""),
            "role": str(statement.get("role") or ""), "at": statement.get("at"),
            "decision": str(statement.get("decision") or "")}  # fmt: skip
