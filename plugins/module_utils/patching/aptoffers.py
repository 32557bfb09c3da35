"""Newer versions that a host's own package lists offer, and what stands in their way."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Refused,
    run,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import aptlists
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.deb822 import (
    Paragraph,
    paragraphs,
    source_of,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.debversions import (
    compare,
    relations,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.depends import (
    Offer,
    requirements,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.dpkg import (
    Database,
    info,
    is_held,
    state_of,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.simulation import (
    Move,
    simulate,
)

ARCHIVES = "/var/cache/apt/archives"
_SAFE = ("-o", "APT::Get::Upgrade-Allow-New=false", "upgrade")
_TABLE = re.compile(r"^ (?:\*\*\*|   ) (\S+) -?\d+$")
_ORIGIN = re.compile(r"^ {8,} *-?\d+ (\S+) (\S+) (?:\S+ )?Packages$")


class Policy(t.NamedTuple):
    """What apt would choose, and each version in the lists with an archive that has it."""

    candidate: str
    table: list[tuple[str, aptlists.Release]]


class Offers:
    """Everything the lists offer this host: four calls of apt at most, whatever the number."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.full = simulate("dist-upgrade")
        changes_set = bool(self.full.added or self.full.removed)
        self.safe = simulate(*_SAFE) if changes_set else self.full
        self.broken = self.full.broken
        self.trouble = self.full.trouble or self.safe.trouble
        both = (self.full, self.safe)
        self.phased = {self._key(move) for one in both for move in one.phased}
        kept = [move for one in both for move in (*one.kept, *one.phased)]
        known = [*self.full.changed, *self.safe.changed, *kept]
        self.moves: dict[str, Move] = {}
        if not self.trouble:
            self.moves = {self._key(m): m for m in known if compare(m.after, m.before) > 0}
        self.policies = self._policies()
        self.records = self._records()

    def _key(self, move: Move) -> str:
        """``openssl:amd64``; a name alone is of the host's own architecture or of ``all``."""
        if move.arch:
            return f"{move.package}:{move.arch}"
        of_all = move.package + ":all"
        native = f"{move.package}:{self.database.native}"
        return of_all if of_all in self.database.packages else native

    def told(self) -> dict[str, t.Any]:
        """``candidates``, ``kept_back``, ``full`` and ``undo`` of the survey."""
        usable = sorted(key for key in map(self._key, self.safe.changed) if self._is_usable(key))
        offers = [self._offer(key) for key in usable]
        needs = requirements(offers, self.database.packages.values())
        rest = sorted(self.moves.keys() - set(usable))
        return {
            "candidates": [dict(self._row(key), requires=needs[key]) for key in usable],
            "kept_back": [dict(self._row(key), **self._why(key)) for key in rest],
            "full": {"add": [self._told(move, "to") for move in self.full.added],
                     "remove": [self._told(move, "from") for move in self.full.removed]},
            "undo": [self._way_back(key) for key in usable],
        }  # fmt: skip

    def _is_usable(self, key: str) -> bool:
        """Whether it can be fetched and proven: the archive tells its SHA-256."""
        record = self._record(key)
        same = record.get("Architecture") == key.partition(":")[2]
        return key in self.moves and same and bool(record.get("SHA256"))

    def _told(self, move: Move, word: str) -> dict[str, str]:
        name, _, arch = self._key(move).partition(":")
        return {"package": name, "arch": arch, word: move.after or move.before}

    def _offer(self, key: str) -> Offer:
        name, _, arch = key.partition(":")
        move = self.moves[key]
        return Offer(name, arch, move.before, move.after, self._record(key))

    def _record(self, key: str, before: bool = False) -> Paragraph:
        move = self.moves.get(key)
        if move is None:
            return {}
        return self.records.get(
            (self.database.argument(key), move.before if before else move.after), {}
        )

    def _row(self, key: str) -> dict[str, t.Any]:
        move, new, old = self.moves[key], self._record(key), self.database.packages.get(key, {})
        offering = self._offering(key)
        archive = next((one for one in offering if one.security), None)
        archive = archive or (offering[0] if offering else aptlists.Release())
        name, _, arch = key.partition(":")
        source, version = source_of(new) if new else (name, move.after)
        return {
            "package": name,
            "arch": arch,
            "from": move.before,
            "to": move.after,
            "source": source,
            "source_version": version,
            "from_source_version": source_of(old)[1] or move.before,
            "origin": archive.origin,
            "suite": archive.suite or archive.codename,
            "label": archive.label,
            "security": self._is_security(key),
            "size": _number(new.get("Size")),
            "installed_delta": 1024
            * (_number(new.get("Installed-Size")) - _number(old.get("Installed-Size"))),
            "sha256": new.get("SHA256", "").lower(),
        }

    def _offering(self, key: str) -> list[aptlists.Release]:
        """The archives that have the newer version, sorted."""
        policy, move = self.policies.get(key), self.moves[key]
        table = policy.table if policy else []
        return sorted({release for version, release in table if version == move.after})

    def _is_security(self, key: str) -> bool:
        """Whether a version after the installed one and up to the offered one is for security."""
        policy, move = self.policies.get(key), self.moves[key]
        return policy is not None and any(
            release.security
            and compare(version, move.before) > 0
            and compare(version, move.after) <= 0
            for version, release in policy.table
        )

    def _why(self, key: str) -> dict[str, t.Any]:
        """What keeps a newer version from being taken by a safe upgrade."""
        if is_held(self.database.packages.get(key, {})):
            return {"why": "held", "needs": []}
        if key in self.phased:
            return {"why": "phased", "needs": []}
        if key in map(self._key, self.full.changed):
            return {"why": "needs", "needs": self._needs(key)}
        return {"why": "other", "needs": []}

    def _needs(self, key: str) -> list[str]:
        """The packages that would be added or removed, those it names itself when it does."""
        others = sorted({move.package for move in (*self.full.added, *self.full.removed)})
        record = self._record(key)
        named = {
            one.name
            for field in ("Depends", "Pre-Depends", "Breaks", "Conflicts")
            for group in relations(record.get(field, ""))
            for one in group
        }
        return [name for name in others if name in named] or others

    def _way_back(self, key: str) -> dict[str, str]:
        """How the installed version can be had again; what is cheapest and surest first."""
        (name, _, arch), old = key.partition(":"), self._record(key, before=True)
        version = self.moves[key].before
        row = {"package": name, "arch": arch, "version": version, "why": ""}
        if os.path.exists(os.path.join(ARCHIVES, deb_name(name, version, arch))):
            return dict(row, how="cache")
        if "Filename" in old and old.get("SHA256"):
            return dict(row, how="archive")
        fields = self.database.packages.get(key, {})
        if state_of(fields) == "installed" and os.path.exists(info(key, "list")):
            return dict(row, how="repack")
        return dict(row, how="none", why="half_installed")

    def _records(self) -> dict[tuple[str, str], Paragraph]:
        """The archive's record of every version before and after, by argument and version."""
        wanted = [
            f"{self.database.argument(key)}={version}"
            for key, move in sorted(self.moves.items())
            for version in (move.after, move.before)
        ]
        if not wanted:
            return {}
        done = run("apt-cache", "show", *wanted)
        if done.status and not done.out:
            raise Refused(f"apt-cache cannot show packages: {done.words}. Nothing was touched.")
        found: dict[tuple[str, str], Paragraph] = {}
        for one in paragraphs(done.out):
            name = "{}:{}".format(one.get("Package", ""), one.get("Architecture", ""))
            key = (self.database.argument(name), one.get("Version", ""))
            if "Filename" not in found.get(key, {}):
                found[key] = one
        return found

    def _policies(self) -> dict[str, Policy]:
        if not self.moves:
            return {}
        asked = {self.database.argument(key): key for key in sorted(self.moves)}
        return _read_policy(run("apt-cache", "policy", *asked).out, asked)


def _read_policy(text: str, asked: t.Mapping[str, str]) -> dict[str, Policy]:
    """What ``apt-cache policy`` prints, by key; ``asked`` maps its names to keys."""
    known = aptlists.releases()
    found: dict[str, Policy] = {}
    key, version = "", ""
    for line in text.splitlines():
        row, origin = _TABLE.match(line), _ORIGIN.match(line)
        if line and not line.startswith(" "):
            key = asked.get(line.rstrip(":"), "")
            found[key] = Policy("", [])
        elif line.startswith("  Candidate: "):
            found[key] = Policy(line.split()[1], found[key].table)
        elif row:
            version = row.group(1)
        elif origin:
            release = known.get(aptlists.list_name(*origin.groups()), aptlists.Release())
            found[key].table.append((version, release))
    return found


def deb_name(package: str, version: str, arch: str) -> str:
    """The file name that apt gives a package's archive file."""
    return "{}_{}_{}.deb".format(package, version.replace(":", "%3a"), arch)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
