"""Package files of the installed versions: from the cache, from the archive, or our own."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Refused,
    run,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import aptwork, debfile
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apthost import AptHost
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.aptoffers import (
    ARCHIVES,
    deb_name,
)

Row = t.Dict[str, t.Any]


class WaysBack:
    """Fills the rows of a manifest with a package file each in ``directory``."""

    def __init__(self, host: AptHost, directory: str) -> None:
        self.host = host
        self.directory = directory

    def keep(self, rows: t.Sequence[Row]) -> None:
        """The cheapest and surest way of each; ``why`` says why there is none."""
        waiting = []
        for row in rows:
            if row["before"] and not self._from_cache(row):
                waiting.append(row)
        for row in waiting:
            self._from_archive(row, waiting)
        for row in waiting:
            if not row["file"]:
                self._repacked(row)

    def _back_name(self, row: Row) -> str:
        name, _, arch = row["key"].partition(":")
        return deb_name(name, row["before"], arch)

    def _from_cache(self, row: Row) -> bool:
        cached = f"{ARCHIVES}/{self._back_name(row)}"
        if not os.path.isfile(cached) or not self._is_installed(row, cached):
            return False
        shutil.copyfile(cached, f"{self.directory}/{self._back_name(row)}")
        row.update(file=self._back_name(row), how="cache")
        return True

    def _from_archive(self, row: Row, waiting: t.Sequence[Row]) -> None:
        path = f"{self.directory}/{self._back_name(row)}"
        if row is waiting[0]:
            self._download_back(waiting)
        if os.path.isfile(path):
            if self._is_installed(row, path):
                row.update(file=self._back_name(row), how="archive")
            else:
                os.unlink(path)

    def _download_back(self, rows: t.Sequence[Row]) -> None:
        """All that an archive still has, in one call; apt takes none when one is missing."""
        asked = {f"{self.host.argument(row['key'])}={row['before']}" for row in rows}
        shown = run("apt-cache", "show", *sorted(asked)).out
        there = []
        for one in debfile.paragraphs(shown):
            if "Filename" in one:
                key = f"{one.get('Package')}:{one.get('Architecture')}"
                there.append(f"{self.host.argument(key)}={one.get('Version')}")
        wanted = sorted(asked & set(there))
        if wanted and aptwork.download(wanted, self.directory).status:
            for one in wanted:
                aptwork.download([one], self.directory)

    def _is_installed(self, row: Row, path: str) -> bool:
        control = debfile.control_of(path)
        fields = debfile.fields_of(control)
        key = f"{fields.get('Package')}:{fields.get('Architecture')}"
        same = (key, fields.get("Version")) == (row["key"], row["before"])
        return same and debfile.is_installed(row["key"], control)

    def _repacked(self, row: Row) -> None:
        fields = self.host.database.packages[row["key"]]
        if not self.host.is_whole(row["key"]):
            row["why"] = "it is not fully installed, and neither cache nor archive has it"
            return
        try:
            debfile.repack(row["key"], fields, f"{self.directory}/{self._back_name(row)}")
        except Refused as refused:
            os.unlink(f"{self.directory}/{self._back_name(row)}.data")
            row["why"] = f"neither cache nor archive has it, and {refused}"
        else:
            row.update(file=self._back_name(row), how="repack")
