"""Limits of a collection: bytes per second, and room in the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opsbook.model.errors import HostRefused
from opsbook.model.message import msg

MIB = 1024 * 1024
PACKED = 4
"""Logs are taken to pack to at least one part in this many."""


class Throttle:
    """At most ``mib`` MiB per second through all who share it; 0 means no limit."""

    def __init__(self, mib: int, cancelled: threading.Event) -> None:
        self._rate = mib * MIB
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, count: int) -> None:
        """Wait until ``count`` more bytes are allowed; not longer than until cancelled."""
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + count / self._rate
        if begin > now:
            self._cancelled.wait(begin - now)


class Room:
    """Free bytes of the store, promised to hosts before they send anything."""

    def __init__(self, free: Callable[[], int], keep_free: int) -> None:
        self._free = free
        self._keep_free = keep_free
        self._promised: dict[str, int] = {}
        self._lock = threading.Lock()

    def promise(self, host: str, raw_bytes: int) -> None:
        """Set room aside for ``raw_bytes`` of logs. Raises HostRefused when there is none."""
        packed = raw_bytes // PACKED
        with self._lock:
            left = self._free() - self._keep_free - sum(self._promised.values())
            if packed > left:
                raise HostRefused(
                    msg("The store has no room for the logs of {host}: about {packed} MiB are "
                        "expected, {left} MiB may be used.", host=host,
                        packed=-(-packed // MIB), left=max(0, left // MIB)),
                    untouched=msg("Nothing was taken from {host}; the next night catches up.",
                                  host=host),
                    next_step=msg("Make room at the store, or lower policies.logs.min_free_mib."),
                )  # fmt: skip
            self._promised[host] = packed

    def give_back(self, host: str) -> None:
        """The host is done; what it used shows in the free space now."""
        with self._lock:
            self._promised.pop(host, None)
