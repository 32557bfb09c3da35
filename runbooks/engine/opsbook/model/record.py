"""The record of one run: what an approver reads and an auditor checks.

Schema ``opsbook.record/1``; every field is always there, ``null`` or empty where it does not
apply. Fields this version does not know are carried, so that reading and writing never changes
a byte::

    schema        "opsbook.record/1"
    run           "RUN-20261121-001"
    change        "CHG-20261121-001", null for a routine run;  phase  apply | undo
    state         running | closed | interrupted | refused | missed
    exit          exit code, null while there is none
    who           user, uid, sudo_user, origin, control_host ... as the run was requested
    when          opened, closed (null), resumed: [{at, by}], interrupted: [moment], seconds (at
                  work, over all processes, without the time between them), timezone; a moment
                  is {"utc": "...Z", "local": "...+08:00"}
    runbook       name, class, title {zh, en}, method, tools, risk, undo ... as planned
    code_digest   of everything that ran;  versions   name -> version
    estate        name, title {zh, en}, timezone
    limit         host pattern of the request;  inventory_digest
    parameters    name -> {"value", "source"}
    plan_digest   "sha256:..." of the canonical plan
    counts        outcome -> number of hosts
    waves         [{number, hosts, at, seconds: {phase: seconds}}] as they were begun; phases are
                  examine, drift, apply, verify, undo
    hosts         [{name, outcome, summary, evidence, verification, planned, prepared, examined,
                  undone, deviations, started, finished, seconds, earlier}] in the plan's order;
                  ``planned`` is the host's part of an approved plan, ``prepared`` what undo has to
                  work with, ``undone`` how it was brought back (each null where it does not
                  apply); ``examined`` [{at, standing, found}] is what was found on a host that was
                  caught midway; ``earlier`` are former attempts of a host that a resume took again
                  ``outcome`` is null for a host that was begun and of which no end is known;
                  ``verification`` is null or {passed, failed, tests: [{name, outcome, message}]}
    deviations    [{at, message}] of the whole run
    recoveries    [{at, resource, token, stale}] leases taken over from dead processes
    refusal       message, or null;  missed   {schedule, runbook, due}, or null
    ledger        first, last (sequence numbers), head (hash of last, hex)

A record that is read from a ledger has ``proof`` added: ``seq`` of the event that keeps it,
``digest`` (SHA-256 of the canonical record without ``proof``), ``checkpoint`` (or null).
Both are null for a run that has not ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsbook.model.canonical import canonical, digest, parse
from opsbook.model.errors import InputFault, IntegrityFault
from opsbook.model.message import msg

SCHEMA = "opsbook.record/1"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as data; fields it does not know included."""

    data: Mapping[str, Any]

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Read canonical bytes.

        Raises InputFault when they are no record this version can read, IntegrityFault when
        the record's proof does not belong to it.
        """
        try:
            found = parse(data)
        except ValueError as error:
            raise InputFault(msg("This is not a record: it is not JSON.")) from error
        schema = found.get("schema") if isinstance(found, dict) else None
        if schema != SCHEMA:
            raise InputFault(
                msg("This is not a record of schema {schema}.", schema=SCHEMA),
                next_step=msg("A record of a newer opsbook needs that opsbook to be read."),
            )
        record = cls(found)
        proof = found.get("proof") or {}
        if proof.get("digest") not in (None, record.digest):
            raise IntegrityFault(
                msg("The record of {run} was changed after it was sealed.", run=record.run)
            )
        return record

    def to_bytes(self) -> bytes:
        """Canonical JSON (RFC 8785) of everything that was read."""
        return canonical(dict(self.data))

    @property
    def run(self) -> str:
        """The run's number."""
        return str(self.data.get("run", ""))

    @property
    def digest(self) -> str:
        """``sha256:...`` of the record without its proof."""
        return digest({key: value for key, value in self.data.items() if key != "proof"})
