"""What a host says of itself (module ``patching_survey``), read as the hostile input it is.

Every text is bounded and on one line, every list is bounded, a wrong type is a sentence and never
a guess. What is left out counts as empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opsbook.domains.patching.support import last_day
from opsbook.domains.patching.versions import Family
from opsbook.execution.surveyed import Journal, Marker, read_journal, read_marker
from opsbook.model.errors import HostFailed
from opsbook.model.hostjson import Reader, Wrong
from opsbook.model.message import msg

SCHEMA = "opsbook.patching-survey/1"
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}", re.ASCII)
_ARCH = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:^_-]{0,199}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
"""The forms in which modules take a plan's packages (``names``); nothing else is ever planned."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package. ``state`` is dpkg's word: installed, half-configured, unpacked ..."""

    package: str
    arch: str
    version: str
    source: str
    source_version: str
    state: str = "installed"
    held: bool = False
    auto: bool = False

    @property
    def name(self) -> str:
        """``openssl:amd64``."""
        return f"{self.package}:{self.arch}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A newer version that the host's own package lists offer. Sizes in bytes.

    ``why`` is empty for one that a safe upgrade would take; else why it is kept back (``held``,
    ``needs``, ``phased``, ``other``), with ``needs`` naming what would have to be added or removed.
    ``requires`` names other candidates of the host without which this one cannot be installed.
    """

    package: str
    arch: str
    before: str
    after: str
    source: str
    source_before: str
    source_after: str
    origin: str
    suite: str
    label: str
    security: bool
    size: int
    installed_delta: int
    sha256: str
    requires: tuple[str, ...] = ()
    why: str = ""
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``openssl:amd64``."""
        return f"{self.package}:{self.arch}"


@dataclass(frozen=True, slots=True)
class Boot:
    """Kernels. ``pending``: a newer one is installed than runs, or the host asks for a reboot."""

    running: str = ""
    newest: str = ""
    pending: bool = False
    why: tuple[str, ...] = ()
    container: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Running programs of one unit that have files of ``packages`` open or mapped."""

    unit: str
    command: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One host at one moment. ``now`` and other times are seconds since 1970 by the host's clock.

    ``undo`` maps a package's name to how its installed version can be brought back: ``cache``,
    ``archive``, ``repack`` or ``none``, and why not (``half_installed``,
    ``not_offered``). ``valid_until`` are (suite, date as in its Release file).
    ``lease`` is the marker that counts now, None when there is none that does.
    """

    manager: str
    trouble: str
    os_name: str
    codename: str
    support_end: str
    now: int
    installed: Mapping[str, Package]
    candidates: tuple[Candidate, ...]
    full_adds: tuple[str, ...]
    full_removes: tuple[str, ...]
    undo: Mapping[str, tuple[str, str]]
    conffiles: Mapping[str, tuple[str, ...]]
    lists_newest: int
    valid_until: tuple[tuple[str, str], ...]
    interrupted: bool
    audit: tuple[str, ...]
    broken: tuple[str, ...]
    locks: tuple[str, ...]
    space: Mapping[str, tuple[str, int]]
    boot: Boot
    units: Mapping[str, str]
    failed: tuple[str, ...]
    listeners: tuple[str, ...]
    mounts: tuple[str, ...]
    sessions: tuple[str, ...]
    uses: tuple[Use, ...]
    stale: tuple[Use, ...]
    certificates: tuple[tuple[str, int], ...]
    backups: tuple[int, ...]
    lease: Marker | None
    journal: Journal | None

    @property
    def family(self) -> Family:
        """How this host's versions compare."""
        return "rpm" if self.manager == "dnf" else "deb"

    def can_undo(self, name: str) -> bool:
        """Whether the installed version of package ``name`` can be had again."""
        return self.undo.get(name, ("none", ""))[0] in ("cache", "archive", "repack")


def read_snapshot(host: str, data: Any) -> Snapshot:
    """The snapshot in ``data``. Raises HostFailed naming the first thing that cannot be."""
    try:
        return _snapshot(Reader("", data))
    except Wrong as error:
        raise HostFailed(
            msg("What {host} says of its packages cannot be read: {place}.",
                host=host, place=error.place),
            untouched=msg("Nothing on {host} was touched.", host=host),
            next_step=msg("opsbook estate check tells whether its hosts are sound."),
        ) from error  # fmt: skip


def _snapshot(top: Reader) -> Snapshot:
    if top.text("schema") != SCHEMA:
        raise Wrong("schema")
    if top.text("manager") not in ("apt", "dnf", ""):
        raise Wrong("manager")
    system, state, boot = top.below("os"), top.below("package_manager"), top.below("boot")
    installed = [_package(row) for row in top.rows("installed")]
    offered = [_candidate(row, "") for row in top.rows("candidates")]
    offered += [_candidate(row, row.text("why", "other")) for row in top.rows("kept_back")]
    full = top.below("full")
    return Snapshot(
        manager=top.text("manager"),
        trouble=top.text("trouble"),
        os_name=system.text("name") or system.text("id"),
        codename=system.text("codename"),
        support_end=system.text("support_end")
        or last_day(system.text("id"), system.text("version_id")),
        now=top.number("now"),
        installed={package.name: package for package in installed},
        candidates=tuple(sorted(offered, key=lambda one: (one.package, one.arch))),
        full_adds=_names(full.rows("add")),
        full_removes=_names(full.rows("remove")),
        undo={_name(row): (row.text("how"), row.text("why")) for row in top.rows("undo")},
        conffiles=_conffiles(top.rows("conffiles")),
        lists_newest=top.below("lists").number("newest"),
        valid_until=tuple(
            sorted(
                (row.text("suite"), row.text("valid_until"))
                for row in top.below("lists").rows("releases")
            )
        ),
        interrupted=state.flag("interrupted"),
        audit=state.texts("audit"),
        broken=tuple(row.text("package") for row in state.rows("broken")),
        locks=tuple(row.text("command") or row.text("path") for row in state.rows("locks")),
        space={
            row.text("path"): (row.text("mount"), row.number("free")) for row in top.rows("space")
        },
        boot=_boot(boot),
        units={row.text("unit"): row.text("sub") for row in top.rows("units")},
        failed=tuple(sorted(top.texts("failed"))),
        listeners=_sorted(top.rows("listeners"), "{protocol} {address}:{port} {process}"),
        mounts=_sorted(top.rows("mounts"), "{path} {source} {type}"),
        sessions=_sorted(top.rows("sessions"), "{user} {tty} {from}"),
        uses=_uses(top.rows("uses")),
        stale=_uses(top.rows("stale")),
        certificates=tuple(
            sorted((row.text("path"), row.number("not_after")) for row in top.rows("certificates"))
        ),
        backups=tuple(
            row.number("made") for row in top.rows("restore_points") if row.text("kind") == "backup"
        ),
        lease=top.perhaps("lease", read_marker),
        journal=top.perhaps("journal", read_journal),
    )


def _package(row: Reader) -> Package:
    name, version = row.matched("package", _PACKAGE), row.version("version")
    return Package(
        package=name,
        arch=row.matched("arch", _ARCH),
        version=version,
        source=row.matched("source", _PACKAGE, name),
        source_version=row.version("source_version", version),
        state=row.text("state", "installed"),
        held=row.flag("held"),
        auto=row.flag("auto"),
    )


def _candidate(row: Reader, why: str) -> Candidate:
    name = row.matched("package", _PACKAGE)
    before, after = row.matched("from", _VERSION), row.matched("to", _VERSION)
    return Candidate(
        package=name,
        arch=row.matched("arch", _ARCH),
        before=before,
        after=after,
        source=row.matched("source", _PACKAGE, name),
        source_before=row.version("from_source_version", before),
        source_after=row.version("source_version", after),
        origin=row.text("origin"),
        suite=row.text("suite"),
        label=row.text("label"),
        security=row.flag("security"),
        size=max(0, row.number("size")),
        installed_delta=row.number("installed_delta"),
        sha256=row.matched("sha256", _SHA256, ""),
        requires=tuple(sorted(row.texts("requires"))),
        why=why,
        needs=row.texts("needs"),
    )


def _boot(row: Reader) -> Boot:
    return Boot(
        running=row.text("running"),
        newest=row.text("newest"),
        pending=row.flag("pending"),
        why=row.texts("why"),
        container=row.flag("container"),
    )


def _name(row: Reader) -> str:
    return f"{row.matched('package', _PACKAGE)}:{row.matched('arch', _ARCH)}"


def _names(rows: Iterable[Reader]) -> tuple[str, ...]:
    return tuple(sorted(_name(row) for row in rows))


def _conffiles(rows: Iterable[Reader]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(_name(row), []).append(row.text("path"))
    return {name: tuple(sorted(paths)) for name, paths in found.items()}


def _uses(rows: Iterable[Reader]) -> tuple[Use, ...]:
    found = (
        Use(row.text("unit"), row.text("command"), tuple(sorted(row.texts("packages"))))
        for row in rows
    )
    return tuple(sorted(found, key=lambda use: (use.unit, use.command, use.packages)))


def _sorted(rows: Iterable[Reader], shape: str) -> tuple[str, ...]:
    """Rows as one text each, by the words of ``shape``."""
    words = re.findall(r"\{(\w+)\}|([ :])", shape)
    return tuple(
        sorted({"".join(_cell(row, key) if key else gap for key, gap in words) for row in rows})
    )


def _cell(row: Reader, key: str) -> str:
    return str(row.number(key)) if key == "port" else row.text(key, "-")
