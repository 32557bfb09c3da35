"""What a package manager would do to have packages there, or not: apt-get(8), dnf's library.

Only reads. Archive digests and sizes come with it, so that what is approved is what is installed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused, run
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.deb822 import paragraphs
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import manager
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.simulation import simulate

Row = t.Dict[str, t.Any]
_CRITICAL = ("sudo", "openssh-server", "python3", "python3-minimal", "systemd", "libpam-runtime",
             "login", "passwd", "bash", "dash")  # fmt: skip
"""Whatever a plan says, without these nobody comes back in."""


def installed(host: Host) -> dict[str, str]:
    """Package -> version; from the manager of this host."""
    own = _manager()
    return {row["package"]: row["version"] for row in own.rows()} if own else {}


def _manager() -> t.Any:
    try:
        return manager()
    except Refused:
        return None


def moves(host: Host, names: t.Sequence[str], present: bool) -> tuple[list[Row], str]:
    """Packages that would come or go for these, and what is in the way.

    Rows: package, arch, from, to, sha256, size; ``from`` or ``to`` is empty.
    """
    own = _manager()
    if own is None:
        return [], "neither apt nor dnf is on this host"
    rows, problem = (_by_apt if own.name == "apt" else _by_dnf)(own, names, present)
    gone = sorted({row["package"] for row in rows if not row["to"]} & set(_CRITICAL))
    if gone:
        return [], f"it would take away {', '.join(gone)}, without which nobody comes in"
    changed = sorted(row["package"] for row in rows if row["from"] and row["to"])
    if changed:
        return [], f"it would also change {', '.join(changed)}; patch the host first"
    return rows, problem


def _by_apt(own: t.Any, names: t.Sequence[str], present: bool) -> tuple[list[Row], str]:
    word = "install" if present else "remove"
    found = simulate("--no-install-recommends", word, "--", *names)
    if found.trouble:
        return [], f"apt finds no way: {found.trouble}"
    rows = []
    for move in sorted(found.moves):
        record = _record(f"{move.package}:{move.arch}" if move.arch else move.package, move.after)
        key = _key(own, move) if move.before else ""
        arch = key.partition(":")[2] or record.get("Architecture", "")
        if move.after and not record.get("SHA256"):
            return [], f"no archive of this host tells the digest of {move.package} {move.after}"
        before = own.version(key) if key else ""  # of what goes, apt tells the version on offer
        rows.append({"package": move.package, "arch": arch, "from": before, "to": move.after,
                     "sha256": record.get("SHA256", "").lower(),
                     "size": int(record.get("Size") or 0)})  # fmt: skip
    return rows, ""


def _key(own: t.Any, move: t.Any) -> str:
    names = (f"{move.package}:{move.arch}", f"{move.package}:all", f"{move.package}:{own.arch()}")
    return next((one for one in names if own.version(one)), names[-1])


def _record(name: str, version: str) -> t.Mapping[str, str]:
    if not version:
        return {}
    shown = run("apt-cache", "show", f"{name}={version}").out
    found = [one for one in paragraphs(shown) if one.get("Version") == version]
    return next((one for one in found if one.get("SHA256")), {})


def _by_dnf(own: t.Any, names: t.Sequence[str], present: bool) -> tuple[list[Row], str]:
    base = own.base()
    try:
        for name in names:
            (base.install if present else base.remove)(name)
        base.resolve()
    except Exception as error:  # dnf's own errors, whatever they are called
        return [], f"dnf finds no way: {str(error)[:200]}"
    rows = [_dnf_row(one, True) for one in base.transaction.install_set]
    rows += [_dnf_row(one, False) for one in base.transaction.remove_set]
    return sorted(rows, key=lambda row: (row["package"], row["arch"])), ""


def _dnf_row(package: t.Any, comes: bool) -> Row:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import dnflists, rpmdb

    version = rpmdb.plain(package.evr)
    return {
        "package": package.name,
        "arch": package.arch,
        "from": "" if comes else version,
        "to": version if comes else "",
        "size": int(package.downloadsize if comes else 0),
        "sha256": dnflists.archive_digest(package) if comes else "",
    }
