"""The fixed words of findings as people read them, on pages and on the terminal."""

from __future__ import annotations

from opsbook.model.message import Message, msg

SEVERITIES: dict[str, Message] = {
    "critical": msg("critical"),
    "high": msg("high"),
    "medium": msg("medium"),
    "low": msg("low"),
    "info": msg("informational"),
    "unknown": msg("unknown"),
}
RESULTS: dict[str, Message] = {
    "fail": msg("fails"),
    "pass": msg("passes"),
    "error": msg("error of the scanner"),
    "unknown": msg("no answer"),
    "not_applicable": msg("does not apply"),
    "not_checked": msg("not checked"),
    "informational": msg("mentioned"),
}
OUTCOMES: dict[str, Message] = {
    "fixed": msg("fixed"),
    "remaining": msg("remaining"),
    "not_in_effect": msg("configured, but not in effect"),
    "waived": msg("waived"),
    "not_reproducible": msg("not reproducible"),
    "not_comparable": msg("not comparable"),
    "new": msg("new"),
}
"""What became of a finding between two looks."""
LEFT: dict[str, Message] = {
    "residual": msg("residual"),
    "partly": msg("done, its rule waits for others"),
    "manual": msg("left to people"),
    "chosen_otherwise": msg("chosen otherwise"),
    "not_applicable": msg("not applicable here"),
}
"""Why a finding remains, what counts first (``proof.model.Left``)."""
REASONS: dict[str, Message] = {
    "content": msg("other content or scanner"),
    "profile": msg("other profile of the same content"),
    "credentials": msg("with fewer rights than before"),
    "version": msg("other version of the content"),
    "not_scanned": msg("the scanner did not look at the host both times"),
    "not_looked_at": msg("the later scan did not look at it"),
    "cut_off": msg("the later file could not be read whole"),
    "not_applicable": msg("does not apply any more, says the scanner"),
    "undecided": msg("the later scan could not decide"),
    "identity": msg("the scanner names the host otherwise"),
    "nothing_done": msg("passes although nothing was done about it"),
}
"""Why two looks prove nothing about each other (``store.comparison.Why``)."""
