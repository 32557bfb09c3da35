"""apt's package lists on the host: which archives they come from and how old they are."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import names

LISTS = "/var/lib/apt/lists"
_STAMPS = (
    "/var/lib/apt/periodic/update-success-stamp",
    "/var/lib/apt/periodic/update-stamp",
    LISTS,
    LISTS + "/partial",
)
_SECURITY = re.compile(r"(^|[-_/ .])security$", re.IGNORECASE)
_FIELDS = ("Origin", "Label", "Suite", "Codename", "Date", "Valid-Until")
_RELEASE = re.compile(r"_(?:In)?Release$")
_LONGEST_HEAD = 8192


class Release(t.NamedTuple):
    """The head of an archive's Release file."""

    origin: str = ""
    label: str = ""
    suite: str = ""
    codename: str = ""
    date: str = ""
    valid_until: str = ""

    @property
    def security(self) -> bool:
        """Whether it is an archive of security updates, by what it calls itself."""
        return any(_SECURITY.search(word) for word in (self.suite, self.codename, self.label))


def releases() -> dict[str, Release]:
    """The archives whose lists this host has, by the beginning of their files' names."""
    found = {}
    for name in names(LISTS):
        if _RELEASE.search(name):
            found[_RELEASE.sub("", name)] = _head(os.path.join(LISTS, name))
    return found


def list_name(uri: str, suite: str) -> str:
    """How the files of an archive begin: apt's URItoFileName of ``URI/dists/SUITE`` or ``URI/./``.

    ``suite`` is as ``apt-cache policy`` writes it: ``bookworm-security/main``, or ``./``.
    """
    place = re.sub(r"^[a-z+]+:(//)?", "", uri).rstrip("/")
    tail = suite.strip("/") if suite.endswith("/") else "dists/" + suite.rpartition("/")[0]
    quoted = re.sub(r"[_~%]", lambda match: f"%{ord(match.group()):02x}", f"{place}/{tail}")
    return quoted.replace("/", "_")


def _head(path: str) -> Release:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read(_LONGEST_HEAD)
    except OSError:
        text = ""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name in _FIELDS:
            values.setdefault(name, value.strip()[:200])
    return Release(*[values.get(name, "") for name in _FIELDS])


def told(refreshed: bool) -> dict[str, t.Any]:
    """Age of the lists, for the survey: when they last changed here, in seconds since 1970."""
    stamps = [int(os.stat(path).st_mtime) for path in _STAMPS if os.path.exists(path)]
    known = releases()
    return {
        "newest": max(stamps) if stamps and known else None,
        "refreshed": refreshed,
        "releases": [
            {"origin": one.origin, "label": one.label, "suite": one.suite or one.codename,
             "date": one.date, "valid_until": one.valid_until}
            for _, one in sorted(known.items())
        ],
    }  # fmt: skip
