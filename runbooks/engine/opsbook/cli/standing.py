"""What commands of standing approvals share: how an envelope or a waiver is drafted and revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.lifecycle.numbering import Planned


def tell_drafted(
    planned: Planned, show: Callable[[Mapping[str, Any]], None], *, to_json: bool
) -> int:
    """Tell what was drafted, by ``show`` of its kind or as JSON, and what to type next."""
    from opsbook.cli.show import as_json, warn

    warn(planned.problems)
    if to_json:
        as_json({"change": planned.change, "plan": planned.plan})
        return Exit.DONE
    print(tr("{change} is drafted:", change=planned.change))
    show(planned.plan)
    print(tr("Next: opsbook approve {change}", change=planned.change))
    return Exit.DONE


def revoke_of(kind: str, change: str, reason: str) -> None:
    """End what stands before its time. Raises UsageFault for no reason and for another kind."""
    from opsbook.cli.show import warn
    from opsbook.lifecycle.standing import revoke
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    warn(revoke(change, kind, needed_reason(reason), Places.from_env(), SystemClock()))


def needed_reason(text: str) -> str:
    """``text`` without blanks around it. Raises UsageFault where nothing is left."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if not text.strip():
        raise UsageFault(
            msg("A reason is needed."),
            untouched=msg("Nothing was recorded."),
            next_step=msg("Give it with --reason."),
        )
    return text.strip()
