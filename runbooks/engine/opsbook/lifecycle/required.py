"""What an estate requires of itself before anything is planned or carried out on it."""

from __future__ import annotations

from opsbook.model.errors import Refused
from opsbook.model.estate import Estate
from opsbook.model.message import Message, msg


def witness_missing(estate: Estate) -> Message | None:
    """What is wrong when ``policies.require_witness`` is set and no witness is declared."""
    if estate.policies.require_witness and not estate.witnesses:
        return msg("Estate {estate} requires a witness and names none.", estate=estate.name)
    return None


def refuse_without_witness(estate: Estate) -> None:
    """Raises Refused when the estate requires a witness and names none."""
    problem = witness_missing(estate)
    if problem is not None:
        raise Refused(
            problem,
            untouched=msg("Nothing was touched."),
            next_step=msg("Declare one under witnesses in estate.yml."),
        )
