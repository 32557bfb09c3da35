"""An estate with approvers, a ledger in memory, and changes to decide on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from doubles.signatures import MemorySignatures, public
from opsbook.approval.inforce import last_adopted
from opsbook.approval.policyfiles import read_policy
from opsbook.approval.statement import Decision, Statement
from opsbook.ledger import resources
from opsbook.ledger.dossier import read_dossier
from opsbook.lifecycle.conduct.carrying import held
from opsbook.lifecycle.deciding.approving import Decided, Desk, bring
from opsbook.lifecycle.deciding.policies import adopt_policy, policy_plan
from opsbook.lifecycle.deciding.signing import Wish, statement_at
from opsbook.model.canonical import digest
from opsbook.model.clock import stamp
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.places import Places
from opsbook.model.runbook import duration

CLIENT, LEAD, GUARD = "client@example.invalid", "lead@example.invalid", "guard@example.invalid"
ESTATE_YML = "schema: 1\nname: small\ntitle: {zh: 小, en: Small}\ntimezone: Asia/Shanghai\n"
APPROVERS_YML = f"""schema: 1
approvers:
  - {{principal: {CLIENT}, name: 甲方, groups: [client], accounts: [zhang]}}
  - {{principal: {LEAD}, name: 负责人, groups: [operator], accounts: [lead, root]}}
  - {{principal: {GUARD}, name: 安全员, groups: [security], accounts: []}}
rules:
  - {{risks: [high], quorum: [{{group: client}}, {{group: operator}}]}}
  - {{quorum: [{{group: client}}]}}
emergency: {{group: operator}}
policy: [{{group: client}}, {{group: operator}}]
envelope: [{{group: client}}]
"""


@dataclass
class Office:
    """``clock`` stands still; ``keys`` by principal, ``client2`` is the client's second key."""

    root: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        names = [CLIENT, LEAD, GUARD, "client2", "stranger"]
        self.keys = {name: self.root / "keys" / name for name in names}
        self.signatures = MemorySignatures(*self.keys.values())
        self.ledger = MemoryLedger(self.clock)
        self.places = Places(self.root / "state")
        self.directory = self.root / "small"
        self.directory.mkdir()
        self.write("estate.yml", ESTATE_YML)
        self.write("approvers.yml", APPROVERS_YML)
        self.write("allowed_signers", self.signers())

    @property
    def estate(self) -> Estate:
        """The estate as its files are now."""
        from opsbook.execution.declared.declarations import load_estate

        return load_estate(str(self.directory), self.places)

    def write(self, name: str, text: str) -> None:
        """A file of the estate."""
        (self.directory / name).write_text(text, encoding="utf-8")

    def signers(self, options: str = "") -> str:
        """Every approver's key; the client has two."""
        owners = {CLIENT: CLIENT, LEAD: LEAD, GUARD: GUARD, "client2": CLIENT}
        return "".join(f"{who} {options}{public(self.keys[k])}\n" for k, who in owners.items())

    def planned(self, *, kind: str = "runbook", **changes: Any) -> str:
        """A new change; ``changes`` replace parts of its plan."""
        at = self.clock.now()
        adopted = last_adopted(self.ledger, "small", self.signatures)
        plan = {
            "schema": "opsbook.plan/1",
            "kind": kind,
            "estate": {"name": "small", "title": {"zh": "小", "en": "Small"},
                       "timezone": "Asia/Shanghai"},
            "runbook": {"name": "notice", "class": "normal", "risk": {"level": "low"}},
            "made": stamp(at),
            "expires": stamp(at + duration("72h")),
            "emergency": None,
            "requested_by": {"user": "wang", "sudo_user": ""},
            "policy_digest": adopted.policy.digest if adopted else "",
            "hosts": ["h1"],
        } | changes  # fmt: skip
        return self.open(plan)

    def open(self, plan: Mapping[str, Any]) -> str:
        """The plan under a new number."""

        def opening(number: str) -> list[NewEvent]:
            made = {**plan, "change": number}
            made.setdefault("requested_by", {"user": "wang", "sudo_user": ""})
            payload = {"plan": made, "plan_digest": digest(made),
                       "directory": str(self.directory),
                       "requested_by": made["requested_by"]}  # fmt: skip
            return [NewEvent("change.planned", "small", number, payload=payload)]

        return self.ledger.open_change(self.clock.now().date(), opening)

    def dossier(self, change: str) -> dict[str, Any]:
        """The change as it is now."""
        return read_dossier(self.ledger, change)

    def desk(self, change: str) -> Desk:
        """Where the change is decided on."""
        dossier = self.dossier(change)
        return Desk(self.ledger, self.clock, self.signatures, self.estate, dossier)

    def statement(self, change: str, who: str = CLIENT, decision: str = "approve",
                  **wish: Any) -> Statement:  # fmt: skip
        """What ``who`` would say."""
        return statement_at(
            self.desk(change), Wish(Decision(decision), principal=who, **wish), None
        )

    def say(self, change: str, who: str = CLIENT, decision: str = "approve", *,
            key: str = "", **wish: Any) -> Decided:  # fmt: skip
        """Sign and bring it."""
        data = self.statement(change, who, decision, **wish).to_bytes()
        return self.bring(change, data, key or who)

    def bring(self, change: str, data: bytes, key: str = CLIENT) -> Decided:
        """Bring ``data`` as signed with ``key``."""
        return bring(self.desk(change), data, self.signatures.sign(data, self.keys[key]))

    def propose(self, **changes: Any) -> str:
        """A change of policy to what the files say."""
        before = last_adopted(self.ledger, "small", self.signatures)
        plan = policy_plan(self.estate, read_policy(self.estate),
                           before.policy if before else None, "why", self.clock.now())  # fmt: skip
        return self.open(plan | changes)

    def adopt(self, change: str) -> None:
        """Put it in force, as ``opsbook apply`` does."""
        with held(self.ledger, resources.of_change("small", change), change):
            adopt_policy(self.dossier(change), self.ledger, self.places, self.clock,
                         self.signatures)  # fmt: skip

    def with_policy(self) -> Office:
        """The first policy in force."""
        change = self.propose()
        for who in (CLIENT, LEAD):
            self.say(change, who)
        self.adopt(change)
        return self
