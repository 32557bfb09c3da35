"""From a need to a tree of files: signed Release files, indexes, packages, changelogs.

DIRECTORY/
|-- <archive>/dists/<suite>/InRelease, <component>/binary-<arch>/Packages.xz
|-- <archive>/pool/...            packages, where the archive has them
`-- changelogs/<source>_<version> newest part of each candidate's changelog
"""

from __future__ import annotations

import gzip
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opsbook.domains.patching.bundle import chain, paths
from opsbook.domains.patching.bundle.choice import Offered, choose
from opsbook.domains.patching.bundle.index import Release, read_packages
from opsbook.domains.patching.bundle.manifest import Archive, File, Kind
from opsbook.domains.patching.bundle.need import System
from opsbook.domains.patching.bundle.outside import Apt, Target, Wanted
from opsbook.model.clock import stamp
from opsbook.model.errors import HostFailed
from opsbook.model.message import Message, msg

MOST_CHANGELOG = 200 * 1024
"""Bytes of a changelog that are kept: the newest entries."""
_MOST_READ = 8 * 2**20

Say = Callable[[Message], None]
Suites = Callable[[Target], bool]


@dataclass(slots=True)
class Gathered:
    """What stands in the tree, or in the earlier bundle that ``have`` is of."""

    archives: list[Archive] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    packages: list[Offered] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outside:
    """With what a tree is gathered. ``suites`` narrows what apt knows; ``have``: files of an
    earlier bundle, which are not fetched again.
    """

    apt: Apt
    keyrings: Sequence[Path]
    directory: Path
    say: Say
    suites: Suites = lambda _: True
    have: Mapping[str, File] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Suite:
    root: str
    target: Target
    release: Release
    indexes: tuple[str, ...]

    def place(self, path: str) -> str:
        return f"{self.root}/dists/{self.target.suite}/{path}"


def gather(system: System, outside: Outside) -> Gathered:
    """Fetch what ``system`` needs. Raises HostFailed, Refused when a signature does not hold."""
    gathered = Gathered()
    suites = list(_suites(system, outside, gathered))
    gathered.packages = choose(system, lambda names: _offers(names, suites, outside))
    _fetch_packages(suites, outside, gathered)
    _changelogs(gathered, outside)
    return gathered


def _suites(system: System, outside: Outside, gathered: Gathered) -> Iterator[_Suite]:
    """Release files and indexes of the system's suites, fetched and checked."""
    by_base: dict[str, list[Target]] = {}
    for target in outside.apt.targets(system.codename):
        if outside.suites(target):
            by_base.setdefault(target.base, []).append(target)
    roots: dict[str, str] = {}
    for base, targets in by_base.items():
        root = _root(targets[0], roots)
        file = f"{root}/dists/{targets[0].suite}/InRelease"
        outside.say(msg("Reading {suite}.", suite=f"{root} {targets[0].suite}"))
        outside.apt.fetch([Wanted(base + "InRelease", outside.directory / file)])
        release = chain.signed_release(outside.directory / file, outside.keyrings)
        components = [one.component for one in targets]
        suite = _Suite(root, targets[0], release, _indexes(release, components, system.arch))
        _fetch_indexes(suite, outside)
        _note_suite(suite, components, system.arch, outside, gathered)
        yield suite


def _root(target: Target, roots: dict[str, str]) -> str:
    """The folder of an archive: its label, numbered where archives share one."""
    name, number = paths.slug(target.label), 1
    while roots.setdefault(name, target.repository) != target.repository:
        number += 1
        name = f"{paths.slug(target.label)}-{number}"
    return name


def _indexes(release: Release, components: Sequence[str], arch: str) -> tuple[str, ...]:
    try:
        return tuple(chain.index_of(release, one, arch) for one in components)
    except KeyError as error:
        raise HostFailed(
            msg("The archive {suite} has no packages for {arch}.",
                suite=release.label or release.codename, arch=arch)
        ) from error  # fmt: skip


def _fetch_indexes(suite: _Suite, outside: Outside) -> None:
    wanted = []
    for path in suite.indexes:
        sha256 = suite.release.hashes[path][0]
        folder = path.rpartition("/")[0]
        uri = f"{folder}/by-hash/SHA256/{sha256}" if suite.release.by_hash else path
        place = outside.directory / suite.place(path)
        wanted.append(Wanted(suite.target.base + uri, place, sha256))
    outside.apt.fetch(wanted)


def _note_suite(
    suite: _Suite, components: Sequence[str], arch: str, outside: Outside, gathered: Gathered
) -> None:
    release = suite.release
    archive = Archive(
        root=suite.root, suite=suite.target.suite, codename=release.codename,
        components=tuple(components), archs=(arch,), origin=release.origin, label=release.label,
        date=stamp(release.date),
        valid_until=stamp(release.valid_until) if release.valid_until else None,
    )  # fmt: skip
    gathered.archives.append(archive)
    _note(gathered, outside, archive.release, "release")
    for path in suite.indexes:
        _note(gathered, outside, suite.place(path), "index")


def _note(
    gathered: Gathered, outside: Outside, path: str, kind: Kind, source: str = "", version: str = ""
) -> None:
    file = outside.directory / path
    gathered.files[path] = File(
        path=path, size=file.stat().st_size, sha256=chain.sha256_of(file),
        kind=kind, source=source, version=version,
    )  # fmt: skip


def _offers(names: frozenset[str], suites: Sequence[_Suite], outside: Outside) -> Iterator[Offered]:
    for suite in suites:
        for path in suite.indexes:
            with chain.open_index(outside.directory / suite.place(path)) as lines:
                for package in read_packages(lines, names):
                    yield Offered(suite.root, package)


def _fetch_packages(suites: Sequence[_Suite], outside: Outside, gathered: Gathered) -> None:
    repositories = {suite.root: suite.target.repository for suite in suites}
    wanted = []
    for one in gathered.packages:
        package = one.package
        gathered.files[one.path] = File(
            path=one.path, size=package.size, sha256=package.sha256, kind="deb"
        )
        earlier = outside.have.get(one.path)
        if earlier is None or earlier.sha256 != package.sha256:
            uri = repositories[one.root] + package.filename
            wanted.append(Wanted(uri, outside.directory / one.path, package.sha256))
    size = sum(gathered.files[str(one.path.relative_to(outside.directory))].size for one in wanted)
    outside.say(msg("Packages to fetch: {count}, {size} MB.",
                    count=len(wanted), size=round(size / 1e6, 1)))  # fmt: skip
    outside.apt.fetch(wanted)


def _changelogs(gathered: Gathered, outside: Outside) -> None:
    """One per source package and version: out of the smallest of its packages that has one."""
    by_source: dict[tuple[str, str], list[Offered]] = {}
    for one in gathered.packages:
        by_source.setdefault((one.package.source, one.package.source_version), []).append(one)
    for (source, version), offers in sorted(by_source.items()):
        path = f"changelogs/{paths.segment(source)}_{paths.segment(version)}"
        if path in outside.have:
            gathered.files[path] = outside.have[path]
            continue
        text = _changelog_of(offers, outside.directory)
        if text:
            file = outside.directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
            _note(gathered, outside, path, "changelog", source=source, version=version)


def _changelog_of(offers: Sequence[Offered], directory: Path) -> bytes:
    for one in sorted(offers, key=lambda offer: offer.package.size):
        deb = directory / one.path
        text = changelog(deb, one.package.name) if deb.is_file() else b""
        if text:
            return text
    return b""


def changelog(deb: Path, package: str) -> bytes:
    """The newest part of a package's changelog, cut at an entry; empty when it has none.

    Debian policy 12.7: /usr/share/doc/PACKAGE/changelog.Debian.gz, or changelog.gz.
    """
    folder = f"./usr/share/doc/{package}"
    places = {f"{folder}/changelog.Debian.gz", f"{folder}/changelog.gz"}
    found: dict[str, bytes] = {}
    words = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tape:
                for member in tape:
                    stream = tape.extractfile(member) if member.name in places else None
                    if stream and member.isreg():
                        with gzip.GzipFile(fileobj=stream) as text:
                            found[member.name] = text.read(_MOST_READ)
        except (OSError, EOFError, tarfile.TarError):
            return b""
        finally:
            process.kill()
    debian = found.get(f"{folder}/changelog.Debian.gz")
    return cut(debian or found.get(f"{folder}/changelog.gz", b""))


def cut(text: bytes) -> bytes:
    """At most :data:`MOST_CHANGELOG` bytes, ending with a whole entry where there is one."""
    if len(text) <= MOST_CHANGELOG:
        return text
    end = text.rfind(b"\n -- ", 0, MOST_CHANGELOG)
    line = text.find(b"\n", end + 1)
    return text[: line + 1] if end > 0 and line < MOST_CHANGELOG else text[:MOST_CHANGELOG]
