"""Words of pages about changes."""

from __future__ import annotations

from opsbook.model.message import Message, msg

STATES: dict[str, Message] = {
    "planned": msg("planned, waiting for approval"),
    "approved": msg("approved, not applied yet"),
    "rejected": msg("rejected"),
    "cancelled": msg("cancelled"),
    "expired": msg("expired"),
    "applying": msg("being applied"),
    "stopped": msg("stopped, can be resumed"),
    "applied": msg("applied"),
    "failed": msg("failed"),
    "undone": msg("undone"),
    "standing": msg("in force"),
    "revoked": msg("revoked"),
    "ended": msg("its time is over"),
}

KINDS: dict[str, Message] = {
    "runbook": msg("Plan of a change"),
    "policy": msg("Plan to change who may approve"),
    "envelope": msg("Standing approval of a runbook"),
    "waiver": msg("Waiver: findings to be accepted for a while"),
}

CATEGORIES: dict[str, Message] = {
    "false_positive": msg("the scanner is wrong"),
    "risk_accepted": msg("the risk is borne"),
    "environment": msg("means nothing in this environment"),
    "breaks_workload": msg("setting it right would break what runs there"),
    "superseded": msg("another control does it"),
    "install_time": msg("only to be had when installed anew"),
}

OUTLOOKS: dict[str, Message] = {
    "change": msg("to be changed"),
    "nothing": msg("nothing to do"),
    "cannot": msg("cannot be changed"),
}

COVERAGE: dict[str, Message] = {
    "predicted": msg("predicted"),
    "partly": msg("partly predicted"),
    "unpredictable": msg("unpredictable"),
}

DECISIONS: dict[str, Message] = {
    "approve": msg("approves"),
    "reject": msg("rejects"),
    "review": msg("has reviewed"),
}

PHASES: dict[str, Message] = {"apply": msg("Apply"), "undo": msg("Undo")}

DAYS: dict[str, Message] = {
    "mon": msg("Monday"),
    "tue": msg("Tuesday"),
    "wed": msg("Wednesday"),
    "thu": msg("Thursday"),
    "fri": msg("Friday"),
    "sat": msg("Saturday"),
    "sun": msg("Sunday"),
    "workday": msg("working days"),
    "restday": msg("days of rest"),
}
"""Days of windows."""

ON_DRIFT: dict[str, Message] = {
    "skip": msg("a host that has drifted is left out, the others go on"),
    "stop": msg("a host that has drifted stops the run"),
}

STEPS: dict[str, Message] = {
    "examine": msg("examine"),
    "drift": msg("drift check"),
    "apply": msg("apply"),
    "verify": msg("verify"),
    "undo": msg("undo"),
}

VERDICTS: dict[str, Message] = {
    "as_planned": msg("as planned"),
    "failed": msg("failed"),
    "otherwise": msg("otherwise than planned"),
    "not_planned": msg("not planned"),
    "unchanged": msg("not changed"),
    "brought_back": msg("done and brought back"),
    "not_done": msg("not done"),
    "unknown": msg("not recorded"),
}
