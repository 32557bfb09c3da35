"""Reasons that people give: they are signed, recorded and printed, so they have to be text."""

from __future__ import annotations

from opsbook.approval.statement import MOST_REASON
from opsbook.model.errors import UsageFault
from opsbook.model.message import Message, msg


def fit_reason(text: str) -> str:
    """``text`` without blanks around it.

    Raises UsageFault when it is longer than the statement of an approver may be, or holds bytes
    that are no UTF-8.
    """
    text = text.strip()
    if len(text) > MOST_REASON:
        raise _unfit(msg("The reason is longer than {limit} characters.", limit=MOST_REASON))
    if not text.isascii() and any("\ud800" <= ch <= "\udfff" for ch in text):
        raise _unfit(msg("The reason is not UTF-8 text."))
    return text


def _unfit(problem: Message) -> UsageFault:
    return UsageFault(
        problem,
        untouched=msg("Nothing was recorded."),
        next_step=msg("Give a short reason in plain text; a longer story belongs in a file."),
    )
