"""Moments as records and dossiers keep them: in UTC, and in the estate's time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opsbook.model.clock import stamp


def local_moment(at: datetime, zone: ZoneInfo) -> dict[str, str]:
    """``{"utc": "...Z", "local": "...+08:00"}``."""
    return {"utc": stamp(at), "local": at.astimezone(zone).isoformat(timespec="microseconds")}


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name, or UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
