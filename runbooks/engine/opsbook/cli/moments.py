"""Points in time as people type them: ``2026-11-21``, ``2026-11-21T08:00``, ``7d``, ``12h``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from opsbook.model.errors import UsageFault
from opsbook.model.message import msg

_AGO = re.compile(r"^(\d{1,5})([dhm])$")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def moment_of(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """``text`` as an aware time; without an offset it is in ``zone``, or this machine's zone.

    ``7d`` is seven days before ``now``. Raises UsageFault.
    """
    ago = _AGO.match(text)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=zone) if zone and not moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageFault(
            msg("{moment} is no point in time.", moment=text),
            next_step=msg("Write 2026-11-21, 2026-11-21T08:00, or 7d, 12h, 30m for so long ago."),
        ) from error
