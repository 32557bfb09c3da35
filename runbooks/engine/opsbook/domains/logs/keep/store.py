"""The log store of one estate: opening it, and beginning nights in it.

A night is committed in this order: part files are synced and renamed, their directory is synced,
one transaction of the catalogue makes all of it count, the manifest is written from the
catalogue. A crash before the transaction leaves files that the next night of the host removes;
a crash after it leaves a manifest that is made again at the next opening.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from opsbook.domains.logs.keep import layout, manifest
from opsbook.domains.logs.keep.catalogue import UNTOUCHED, Catalogue
from opsbook.domains.logs.keep.layout import HostLock, Tier
from opsbook.domains.logs.keep.night import StoredNight
from opsbook.domains.logs.model import NightResult, Source
from opsbook.model.clock import Clock
from opsbook.model.errors import Busy, HostRefused, IntegrityFault, Refused
from opsbook.model.estate import Estate
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

_SEALERS = 2
_RESULT = TypeAdapter(NightResult)


def open_store(estate: Estate, places: Places, clock: Clock) -> DiskLogStore:
    """Open the estate's log store; make it on first use, finish what a crash left half done.

    Raises InputFault when its place cannot be used or belongs to another estate, IntegrityFault
    when its catalogue is damaged.
    """
    hot = layout.make_root(Path(estate.stores.logs) if estate.stores.logs
                           else places.logs(estate.name))  # fmt: skip
    archive = Path(estate.stores.archive) if estate.stores.archive else places.archive(estate.name)
    store = DiskLogStore(estate, Tier(hot), Tier(archive), clock)
    store.finish_manifests()
    return store


class DiskLogStore:
    """Implements :class:`opsbook.domains.logs.port.LogStore` on a directory."""

    def __init__(self, estate: Estate, hot: Tier, archive: Tier, clock: Clock) -> None:
        self.estate = estate
        self.hot = hot
        self.archive = archive
        self.clock = clock
        with layout.explained(hot.root):
            self.catalogue = Catalogue(hot.root / layout.CATALOGUE, estate.name)
        self._sealers = ThreadPoolExecutor(_SEALERS, thread_name_prefix="seal")

    def night(self, host: str, run: str, sources: Sequence[Source]) -> StoredNight:
        """Begin (or begin again) the night of ``host`` in ``run``; remove what a crash left.

        Raises Busy when another process is at it, HostRefused when too little space is free,
        Refused when the night was committed before, IntegrityFault when a day on disk is not
        the one in the catalogue.
        """
        now = self.clock.now()
        lock = self.lock(host)
        try:
            self._check_room()
            if self.committed(host, run) is not None:
                raise Refused(
                    msg("The logs of {host} were collected in {run} before.", host=host, run=run)
                )
            day, notes = self._day(host, now)
            self._clear(host)
            return StoredNight(self, host, run, sources, now, day, notes, lock, self._sealers)
        except BaseException:
            lock.release()
            raise

    def committed(self, host: str, run: str) -> NightResult | None:
        """The result of a night that was committed in ``run``."""
        with self.catalogue.reading() as db:
            row = db.execute(
                "SELECT result FROM nights WHERE host = ? AND run = ?", (host, run)
            ).fetchone()
        return _RESULT.validate_json(row["result"]) if row else None

    def lock(self, host: str) -> HostLock:
        """The lock on what is stored of ``host``. Raises Busy."""
        with layout.explained(self.hot.root):
            return HostLock(layout.make_private(self.hot.host(host)), host)

    def finish_manifests(self) -> None:
        """Write manifests that a crash kept from being written."""
        with self.catalogue.reading() as db:
            rows = db.execute("SELECT host, day FROM days WHERE written = 0").fetchall()
        for row in rows:
            with suppress(Busy):
                lock = self.lock(row["host"])
                try:
                    self.write_manifest(row["host"], row["day"])
                finally:
                    lock.release()

    def write_manifest(self, host: str, day: str) -> None:
        """Write the manifest of a day from the catalogue. Needs the host's lock."""
        with self.catalogue.reading() as db:
            data = manifest.render(db, host, day)
        with layout.explained(self.hot.root):
            directory = layout.make_private(self.hot.day(host, day))
            layout.write_durably(directory / manifest.NAME, data)
        with self.catalogue.writing() as db:
            db.execute("UPDATE days SET written = 1 WHERE host = ? AND day = ?", (host, day))

    def check_room(self) -> None:
        """Raises HostRefused when less is free than the estate's policy keeps free."""
        self._check_room()

    def _check_room(self) -> None:
        least = self.estate.policies.logs.min_free_mib
        stat = os.statvfs(self.hot.root)
        free = stat.f_bavail * stat.f_frsize // (1024 * 1024)
        if free < least:
            raise HostRefused(
                msg("The log store {path} has {free} MiB free; {least} MiB must stay free.",
                    path=self.hot.root, free=free, least=least),
                untouched=UNTOUCHED,
                next_step=msg("Free space there, or lower policies.logs.min_free_mib."),
            )  # fmt: skip

    def _day(self, host: str, now: datetime) -> tuple[str, list[Message]]:
        """The night's day, never before the host's last one."""
        today = now.astimezone(self.estate.zone).date().isoformat()
        with self.catalogue.reading() as db:
            last = db.execute(
                "SELECT day, manifest_sha256, written FROM days WHERE host = ?"
                " ORDER BY day DESC LIMIT 1",
                (host,),
            ).fetchone()
        self._check_known(host, last["day"] if last else "")
        if last is None:
            return today, []
        self._check_last(host, last["day"], last["manifest_sha256"], bool(last["written"]))
        if today >= last["day"]:
            return today, []
        return last["day"], [
            msg("The clock says {today}, earlier than the last stored day {day}; the night is"
                " kept under {day}.", today=today, day=last["day"])
        ]  # fmt: skip

    def _check_known(self, host: str, last: str) -> None:
        """A catalogue older than the store must not remove what it does not know."""
        for day in self.hot.days(host):
            if day > last and (self.hot.day(host, day) / manifest.NAME).exists():
                raise _foreign(host, day)

    def _check_last(self, host: str, day: str, sha256: str, written: bool) -> None:
        if not written:
            self.write_manifest(host, day)
            return
        path = self.hot.day(host, day) / manifest.NAME
        if not path.is_file() or manifest.digest(path.read_bytes()) != sha256:
            raise _foreign(host, day)

    def _clear(self, host: str) -> None:
        """Remove what a crashed night left: part files, and files that never came to count."""
        with self.catalogue.reading() as db:
            last = db.execute("SELECT max(day) AS day FROM days WHERE host = ?", (host,))
            since = last.fetchone()["day"] or ""
            known = {
                (row["day"], row["name"])
                for row in db.execute(
                    "SELECT day, name FROM files WHERE host = ? AND day >= ?", (host, since)
                )
            }
        with layout.explained(self.hot.root):
            for day in self.hot.days(host):
                if day >= since:
                    self._clear_day(host, day, known)

    def _clear_day(self, host: str, day: str, known: set[tuple[str, str]]) -> None:
        directory = self.hot.day(host, day)
        for path in directory.iterdir():
            if (day, path.name) not in known and path.name != manifest.NAME:
                path.unlink()
        with suppress(OSError):
            directory.rmdir()


def _foreign(host: str, day: str) -> IntegrityFault:
    return IntegrityFault(
        msg("The manifest of {host} for {day} is not the one the catalogue knows.",
            host=host, day=day),
        untouched=msg("Nothing was collected or removed."),
        next_step=msg("Find out what changed with opsbook logs verify; restore the catalogue or"
                      " the store from a backup."),
    )  # fmt: skip
