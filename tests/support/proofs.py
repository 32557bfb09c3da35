"""Looks at one host before, during and after work there, and what they say of one finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from opsbook.domains.hardening.proof.model import Done
from opsbook.domains.hardening.store.keeping import micros
from opsbook.domains.hardening.store.model import Acceptance, Finding, Look, Sighting, State
from opsbook.domains.hardening.store.standing import FAIL, NOT_APPLICABLE, PASS, RESULTS, Taken
from opsbook.domains.hardening.store.store import Looked
from opsbook.domains.hardening.waivers.port import NoWaivers
from opsbook.model.finding import Result, Severity

KEY = "control:sshd.permitrootlogin"
BEGUN = datetime(2026, 11, 21, 2, tzinfo=UTC)
ENDED = BEGUN + timedelta(minutes=10)
NOW = BEGUN + timedelta(days=2)
USUAL: dict[str, Any] = {
    "format": "xccdf", "scanner": "ssg", "content": "cis", "version": "1", "profile": "l1",
    "credentialed": True, "passes": 10, "others": 0, "inapplicable": 0, "errors": 0,
    "names": ("web1",), "whole": True, "system": "debian 12",
}  # fmt: skip
_AT = {"before": BEGUN - timedelta(days=1), "during": BEGUN + timedelta(minutes=5),
       "after": ENDED + timedelta(hours=1)}  # fmt: skip


class AllWaived(NoWaivers):
    """Covers everything."""

    def covering(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """Always the same one."""
        return Acceptance("CHG-20261101-001", "risk_accepted", "no other way in", "ops", "",
                          BEGUN, NOW + timedelta(days=30))  # fmt: skip


def looked(number: int, said: Mapping[str, Any]) -> tuple[Looked, dict[str, Any]]:
    """One look, and what it says with all that is usual."""
    look = USUAL | dict(said)
    tally = Counter({PASS: look["passes"], FAIL: look["others"],
                     NOT_APPLICABLE: look["inapplicable"],
                     RESULTS.index(Result.ERROR): look["errors"]})  # fmt: skip
    if "result" in look:
        tally[RESULTS.index(Result(look["result"]))] += 1
    at = _AT[look["when"]] + timedelta(minutes=number)
    taken = Taken(number, micros(at), look["format"], look["content"], look["version"],
                  look["profile"], look["credentialed"], {look["scanner"]: +tally},
                  look["whole"])  # fmt: skip
    about = Look(number, "web1", at, look["format"], look["scanner"], "1", look["content"],
                 look["version"], look["profile"], look["credentialed"], f"{number}.xml",
                 f"{number:064x}")  # fmt: skip
    return Looked(taken, about, tuple(look["names"]), (), look["system"]), look


def sighting(look: Looked, said: Mapping[str, Any], severity: Severity) -> Sighting:
    """What a look says of the finding."""
    more = {"not_in_effect": "yes"} if said.get("idle") else {}
    return Sighting(look.look, said["scanner"], "r", Result(said["result"]), severity,
                    severity.value, "Root may log in", more=more)  # fmt: skip


def told(
    looks: Sequence[Mapping[str, Any]], key: str = KEY, severity: Severity = Severity.HIGH
) -> tuple[Finding, list[Looked]]:
    """The finding with its sightings, and all looks."""
    made = [looked(number, said) for number, said in enumerate(looks, 1)]
    said = [sighting(look, about, severity) for look, about in made if "result" in about]
    finding = Finding("web1", key, "", State.OPEN, severity, "Root may log in",
                      BEGUN - timedelta(days=9), BEGUN, sightings=tuple(said))  # fmt: skip
    return finding, [look for look, _ in made]


def done(how: str | None, verdict: Mapping[str, Any] | None = None, key: str = KEY) -> Done:
    """What was done: ``by`` the change, ``by_hand``, or nothing."""
    return Done(
        BEGUN, ENDED,
        by={key: "CHG-20261120-001"} if how == "by" else {},
        by_hand=frozenset({key} if how == "by_hand" else ()),
        verdicts={key.partition(":")[2]: verdict} if verdict else {},
        outcome="changed", run="RUN-20261121-001",
    )  # fmt: skip
