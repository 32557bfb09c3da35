"""The clock of the control host against the ledger's."""

from __future__ import annotations

from datetime import datetime

from opsbook.ledger.port import Ledger
from opsbook.model.clock import stamp
from opsbook.model.errors import Refused
from opsbook.model.message import msg


def refuse_clock_gone_back(ledger: Ledger, at: datetime) -> None:
    """Raises Refused when ``at`` is before the last event of the ledger.

    Expiry and windows mean nothing on a clock that was set back.
    """
    newest = ledger.newest()
    if newest is not None and at < newest.at:
        raise Refused(
            msg("The clock of this machine stands at {now}, before the last event of the ledger"
                " ({last}).", now=stamp(at), last=stamp(newest.at)),
            untouched=msg("Nothing was touched."),
            next_step=msg("Set the clock right; nothing can be planned, approved or applied until"
                          " it has passed that moment."),
        )  # fmt: skip
