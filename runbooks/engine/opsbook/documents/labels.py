"""Every word that stands on a page of its own accord, so that one template serves two languages,
and the fixed words of plans and records as people read them. Faces take theirs from here too.
"""

from __future__ import annotations

from opsbook.model.message import Message, msg

LABELS: dict[str, Message] = {
    "title": msg("Record of a run"),
    "runbook": msg("Runbook"),
    "class": msg("Class"),
    "estate": msg("Estate"),
    "hosts": msg("Hosts"),
    "change": msg("Number of the change"),
    "phase": msg("Phase"),
    "requested_by": msg("Requested by"),
    "opened": msg("Begun"),
    "recorded": msg("Recorded"),
    "closed": msg("Ended"),
    "duration": msg("Duration"),
    "attention": msg("What needs attention"),
    "nothing": msg("Nothing."),
    "host": msg("Host"),
    "outcome": msg("Outcome"),
    "reason": msg("What happened"),
    "verified_host": msg("Checks passed / failed"),
    "logs": msg("Logs collected"),
    "source": msg("Source"),
    "new_bytes": msg("New bytes"),
    "lines": msg("Lines"),
    "span": msg("First and last line"),
    "completeness": msg("Minutes present / expected"),
    "gaps": msg("Gaps"),
    "skipped": msg("Files not collected"),
    "path": msg("Path"),
    "why": msg("Why"),
    "method": msg("Method and tools"),
    "undo": msg("Undo"),
    "risk": msg("Risk"),
    "parameters": msg("Parameters"),
    "parameter": msg("Parameter"),
    "value": msg("Value"),
    "set_by": msg("Set by"),
    "versions": msg("Versions"),
    "history": msg("Course of the run"),
    "proof": msg("Proof"),
    "plan_digest": msg("Digest of the plan"),
    "code_digest": msg("Digest of the code"),
    "inventory_digest": msg("Digest of the inventory"),
    "ledger_span": msg("Events in the ledger"),
    "head": msg("Hash of the last event"),
    "record_digest": msg("Digest of this record"),
    "checkpoint": msg("Signed checkpoint"),
    "check_yourself": msg("To check this yourself"),
    "signatures": msg("Signatures"),
    "done_by": msg("Carried out by"),
    "reviewed_by": msg("Reviewed by"),
    "approved_by": msg("Approved by"),
    "date": msg("Date"),
}
"""Key -> words."""

COLON = msg(": ")
"""Punctuation between values, blanks included."""

OUTCOMES: dict[str, Message] = {
    "ok": msg("ok"),
    "changed": msg("changed"),
    "failed": msg("failed"),
    "undone": msg("undone"),
    "unreachable": msg("unreachable"),
    "refused": msg("refused"),
    "busy": msg("busy"),
    "skipped": msg("skipped"),
    "not_started": msg("not started"),
    "unknown": msg("end unknown"),
}

STATES: dict[str, Message] = {
    "running": msg("running"),
    "closed": msg("closed"),
    "interrupted": msg("interrupted"),
    "refused": msg("refused"),
    "missed": msg("missed"),
}

ORIGINS: dict[str, Message] = {
    "terminal": msg("at a terminal"),
    "cron": msg("by the schedule {schedule}"),
}

CLASSES: dict[str, Message] = {
    "routine": msg("routine"),
    "standard": msg("standard"),
    "normal": msg("normal"),
}

CLASSES_EXPLAINED: dict[str, Message] = {
    "routine": msg("routine (reads only)"),
    "standard": msg("standard (changes inside a signed envelope)"),
    "normal": msg("normal (each plan is approved)"),
}

RISKS: dict[str, Message] = {"low": msg("low"), "medium": msg("medium"), "high": msg("high")}

SOURCES: dict[str, Message] = {
    "command line": msg("command line"),
    "schedule": msg("schedule"),
    "default": msg("default"),
}
