"""What a check found: one sentence, good or bad, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opsbook.model.exits import Exit, most_serious
from opsbook.model.message import Message


@dataclass(frozen=True, slots=True)
class Check:
    """``subject`` is ``control``, ``estate`` or a host's name; ``exit`` tells what kind of fault
    it is, and is ``DONE`` when all is well. ``mend`` is what to do about a fault.
    """

    subject: str
    what: Message
    exit: Exit = Exit.DONE
    mend: Message | None = None

    @property
    def good(self) -> bool:
        """Whether all is well."""
        return self.exit is Exit.DONE


def verdict(checks: Iterable[Check]) -> Exit:
    """The exit code for all of them; a wrong estate comes before what follows from it."""
    codes = [check.exit for check in checks]
    return Exit.BAD_INPUT if Exit.BAD_INPUT in codes else most_serious(codes)
