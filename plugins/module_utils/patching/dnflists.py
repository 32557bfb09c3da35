"""What a host's repositories offer, through dnf's own library (dnf 4)."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import names, read
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.rpmdb import (
    plain,
    source_of,
)

CACHE = "/var/cache/dnf"
_LOCKED = "/etc/dnf/plugins/versionlock.list"
_ROUNDS = 5

Row = t.Dict[str, t.Any]


def base_of(offline: bool = True) -> t.Any:
    """dnf with the host's installed packages and repositories. Raises Refused.

    ``offline``: only the package lists that are there, whatever their age.
    """
    import dnf

    base = _configured()
    base.conf.cacheonly = offline
    base.conf.install_weak_deps = False
    base.read_all_repos()
    for repo in base.repos.iter_enabled():
        repo.metadata_expire = -1
    try:
        base.fill_sack(load_system_repo=True)
    except dnf.exceptions.Error as error:
        raise Refused(
            f"The package lists cannot be read: {error}. Nothing was touched; fetch them"
            " (dnf makecache, or the parameter refresh)."
        ) from error
    return base


def refresh() -> str:
    """Fetch the lists of all repositories; what went wrong, or nothing."""
    import dnf

    base = _configured()
    base.read_all_repos()
    try:
        for repo in base.repos.iter_enabled():
            repo.metadata_expire = 0
            repo.load()
    except dnf.exceptions.Error as error:
        return str(error)[:500]
    return ""


def _configured() -> t.Any:
    """dnf as the host's own files configure it, with the variables of /etc/dnf/vars."""
    import dnf

    base = dnf.Base()
    base.conf.read()
    base.conf.substitutions.update_from_etc("/")
    release = dnf.rpm.detect_releasever("/")
    if release and not base.conf.substitutions.get("releasever"):
        base.conf.releasever = release
    for name in [one for one, value in base.conf.substitutions.items() if value is None]:
        del base.conf.substitutions[name]
    return base


def installonly(base: t.Any) -> set[str]:
    """Packages that may be there in several versions at once, such as kernels."""
    kinds = list(base.conf.installonlypkgs)
    return {key_of(one) for one in base.sack.query().filter(provides=kinds)}


def key_of(package: t.Any) -> str:
    """``name:arch``."""
    return f"{package.name}:{package.arch}"


class DnfOffers:
    """Every newer version, and which of them a safe upgrade takes."""

    def __init__(self, base: t.Any) -> None:
        self.base = base
        self.held = held_names()
        query = base.sack.query()
        self.installed = {key_of(one): one for one in query.installed().latest()}
        self.several = installonly(base)
        full = self._resolved()
        self.added, self.removed = full.added, full.removed
        self.full = full.upgrades
        safe = full
        for _ in range(_ROUNDS):
            if not (safe.added or safe.removed):
                break
            base.sack.add_excludes(query.filter(pkg=safe.added))
            safe = self._resolved(obsoletes=False)
        self.safe = {} if safe.added or safe.removed else safe.upgrades
        self.newest = self._newest(query)

    def _newest(self, query: t.Any) -> dict[str, t.Any]:
        upgrades = {key_of(one): one for one in query.upgrades().latest()}
        return {**upgrades, **self.full, **self.safe}

    def _resolved(self, obsoletes: bool = True) -> _Transaction:
        self.base.conf.obsoletes = obsoletes
        self.base.reset(goal=True)
        self.base.upgrade_all()
        return _resolve(self.base)

    def told(self) -> Row:
        """``candidates``, ``kept_back``, ``full`` and ``undo`` of the survey."""
        usable = sorted(key for key in self.safe if self._is_usable(key))
        rest = sorted(self.newest.keys() - set(usable))
        return {
            "candidates": [dict(self._row(key), requires=self._requires(key)) for key in usable],
            "kept_back": [dict(self._row(key), **self._why(key)) for key in rest],
            "full": {
                "add": [{"package": one.name, "arch": one.arch, "to": plain(one.evr)}
                        for one in self.added],
                "remove": [{"package": one.name, "arch": one.arch, "from": plain(one.evr)}
                           for one in self.removed],
            },
            "undo": [self._way_back(key) for key in usable],
        }  # fmt: skip

    def _is_usable(self, key: str) -> bool:
        held = key.partition(":")[0] in self.held
        return not held and key not in self.several and bool(archive_digest(self.safe[key]))

    def _row(self, key: str) -> Row:
        new, old = self.newest[key], self.installed[key]
        source, version = source_of(new.sourcerpm or "")
        return {
            "package": new.name,
            "arch": new.arch,
            "from": plain(old.evr),
            "to": plain(new.evr),
            "source": source or new.name,
            "source_version": version or plain(new.evr),
            "from_source_version": source_of(old.sourcerpm or "")[1] or plain(old.evr),
            "origin": str(getattr(new, "vendor", "") or ""),
            "suite": new.reponame,
            "label": self.base.repos[new.reponame].name or new.reponame,
            "security": bool(self._security(key)),
            "cves": self._security(key)[1:],
            "size": int(new.downloadsize),
            "installed_delta": int(new.installsize) - int(old.installsize),
            "sha256": archive_digest(new),
        }

    def _security(self, key: str) -> list[str]:
        """``security`` and the CVE ids of advisories after the installed and up to the new one."""
        import hawkey

        new, old = self.newest[key], self.installed[key]
        found: set[str] = set()
        between = self.base.sack.query().available().filter(name=new.name, arch=new.arch)
        for one in between:
            if old < one <= new:
                for advisory in one.get_advisories(hawkey.EQ):
                    if advisory.type == hawkey.ADVISORY_SECURITY:
                        found.add("")
                        found |= {r.id for r in advisory.references if r.id.startswith("CVE-")}
        return ["security", *sorted(found - {""})] if found else []

    def _requires(self, key: str) -> list[str]:
        """Other candidates that upgrading this one alone would upgrade as well."""
        self.base.reset(goal=True)
        self.base.package_upgrade(self.safe[key])
        return sorted(_resolve(self.base).upgrades.keys() - {key})

    def _why(self, key: str) -> Row:
        if key.partition(":")[0] in self.held:
            return {"why": "held", "needs": []}
        if key in self.full and key not in self.safe:
            return {"why": "needs", "needs": sorted({p.name for p in (*self.added, *self.removed)})}
        return {"why": "other", "needs": []}

    def _way_back(self, key: str) -> Row:
        old = self.installed[key]
        row = {"package": old.name, "arch": old.arch, "version": plain(old.evr), "why": ""}
        offered = available(self.base, key, plain(old.evr))
        if offered is None:
            return dict(row, how="none", why="not_offered")
        return dict(row, how="cache" if is_cached(offered) else "archive")


class _Transaction(t.NamedTuple):
    upgrades: dict[str, t.Any]
    added: list[t.Any]
    removed: list[t.Any]


def _resolve(base: t.Any) -> _Transaction:
    import dnf

    try:
        base.resolve(allow_erasing=False)
    except dnf.exceptions.Error as error:
        raise Refused(f"dnf finds no way to upgrade: {error}. Nothing was touched.") from error
    upgrades, added, removed = {}, [], []
    for item in base.transaction or ():
        if item.action == dnf.transaction.PKG_UPGRADE:
            upgrades[key_of(item.pkg)] = item.pkg
        elif item.action == dnf.transaction.PKG_INSTALL:
            added.append(item.pkg)
        elif item.action in (dnf.transaction.PKG_REMOVE, dnf.transaction.PKG_OBSOLETED):
            removed.append(item.pkg)
    return _Transaction(upgrades, sorted(added), sorted(removed))


def available(base: t.Any, key: str, version: str) -> t.Any:
    """The package of exactly this version in a repository, or None."""
    name, _, arch = key.partition(":")
    for one in base.sack.query().available().filter(name=name, arch=arch):
        if plain(one.evr) == version:
            return one
    return None


def is_cached(package: t.Any) -> bool:
    """Whether its file is in dnf's cache."""
    path = package.localPkg()
    return path.startswith(CACHE + "/") and os.path.exists(path)


def download(base: t.Any, packages: t.Sequence[t.Any]) -> None:
    """Fetch packages into dnf's cache and check their signatures. Raises Refused."""
    import dnf

    try:
        base.download_packages(list(packages))
    except dnf.exceptions.Error as error:
        raise Refused(f"Packages cannot be had: {error}. Nothing was installed.") from error
    for one in packages:
        status, problem = base.package_signature_check(one)
        if status:
            raise Refused(f"The signature of {one} is not good: {problem}. Nothing was installed.")


def lists_told(refreshed: bool) -> Row:
    """Age of the lists, for the survey."""
    stamps = []
    for name in names(CACHE):
        directory = f"{CACHE}/{name}/repodata"
        if os.path.isdir(directory):
            stamps.append(int(os.stat(directory).st_mtime))
    return {"newest": max(stamps) if stamps else None, "refreshed": refreshed, "releases": []}


def fetched(base: t.Any, key: str, version: str, directory: str) -> str:
    """Where the package file of exactly this version is: fetched into ``directory``, or in a
    repository of this host; empty when no repository has it. Raises Refused.
    """
    package = available(base, key, version)
    if package is None:
        return ""
    for repo in base.repos.iter_enabled():
        repo.pkgdir = directory
    download(base, [package])
    return str(package.localPkg())


def archive_digest(package: t.Any) -> str:
    """The SHA-256 of a package file as its repository tells it; empty when it tells another sum."""
    import hawkey

    kind, digest = package.chksum or (0, b"")
    return digest.hex() if kind and hawkey.chksum_name(kind) == "sha256" else ""


def held_names() -> set[str]:
    """Names that the versionlock plugin keeps; whatever version they are locked at."""
    import hawkey

    found = set()
    for line in read(_LOCKED).splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("!"):
            forms = hawkey.Subject(text).get_nevra_possibilities()
            found.add(forms[0].name if forms else text)
    return found
