"""rpm's database and package files, asked through rpm(8) itself."""

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Done,
    Refused,
    run,
    run_logged,
)

Row = t.Dict[str, t.Any]
_INSTALLED = "%{NAME}:%{ARCH}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{SOURCERPM}\\t%{SIZE}\\n"
_FILES = "[%{=NAME}:%{=ARCH}\\t%{FILEFLAGS:fflags}\\t%{FILEDIGESTS}\\t%{FILENAMES}\\n]"
_KEY = "%{NAME}:%{ARCH}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{SHA256HEADER}\\n"


class Packages:
    """What is installed, by ``name:arch``; several versions of one where an upgrade was cut off."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        for line in _must("rpm", "-qa", "--qf", _INSTALLED).splitlines():
            fields = line.split("\t")
            if len(fields) == 4 and not fields[0].startswith("gpg-pubkey:"):
                row = {"version": plain(fields[1]), "source": fields[2], "size": int(fields[3])}
                self.rows.setdefault(fields[0], []).append(row)

    def versions(self, key: str) -> list[str]:
        """The installed versions of a package."""
        return [row["version"] for row in self.rows.get(key, [])]


def plain(version: str) -> str:
    """A version without the epoch that nobody writes: ``0:``."""
    return version[2:] if version.startswith("0:") else version


def source_of(source_rpm: str) -> tuple[str, str]:
    """Name and version of ``bash-5.1.8-6.el9.src.rpm``."""
    parts = source_rpm.rsplit(".", 2)[0].rsplit("-", 2)
    return (parts[0], "-".join(parts[1:])) if len(parts) == 3 else ("", "")


def nevra(key: str, version: str) -> str:
    """How rpm names one version of a package; the epoch is asked for only where there is one."""
    name, _, arch = key.partition(":")
    return f"{name}-{version}.{arch}"


def changelog(path: str) -> bytes:
    """The changelog of a package file, the newest entry first; empty when it has none."""
    done = run("rpm", "-q", "-p", "--changelog", path)
    return done.out.encode() if not done.status and done.out.startswith("* ") else b""


def config_files(names: t.Sequence[str], from_files: bool = False) -> dict[str, dict[str, str]]:
    """Package -> its configuration files and their digests as delivered."""
    found: dict[str, dict[str, str]] = {}
    for key, flags, digest, path in _file_rows(names, from_files):
        if "c" in flags:
            found.setdefault(key, {})[path] = digest
    return found


def files(names: t.Sequence[str]) -> dict[str, str]:
    """Path -> package of these packages."""
    return {path: key for key, _, _, path in _file_rows(names, False)}


def _file_rows(names: t.Sequence[str], from_files: bool) -> t.Iterator[list[str]]:
    if names:
        ask = ("rpm", "-q", "-p") if from_files else ("rpm", "-q")
        for line in run(*ask, "--qf", _FILES, *names).out.splitlines():
            fields = line.split("\t", 3)
            if len(fields) == 4:
                yield fields


def is_changed(path: str, digest: str) -> bool:
    """Whether a configuration file is not as it was delivered; rpm says so by SHA-256 or MD5."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError:
        return True
    if len(digest) == 64:
        return hashlib.sha256(data).hexdigest() != digest
    return hashlib.new("md5", data).hexdigest() != digest  # noqa: S324 (no trust comes of it)


def file_told(path: str) -> tuple[str, str, str]:
    """Key, version and header digest of a package file. Raises Refused."""
    done = run("rpm", "-qp", "--nosignature", "--qf", _KEY, path)
    fields = done.out.strip().split("\t")
    if done.status or len(fields) != 3:
        raise Refused(f"{os.path.basename(path)} is no RPM package. Nothing was installed.")
    return fields[0], plain(fields[1]), fields[2]


def installed_header(key: str, version: str) -> str:
    """The header digest of an installed package."""
    return run("rpm", "-q", "--qf", "%{SHA256HEADER}", nevra(key, version)).out.strip()


def obsoleted(paths: t.Sequence[str]) -> list[str]:
    """Names that these package files take the place of."""
    if not paths:
        return []
    done = run("rpm", "-qp", "--nosignature", "--qf", "[%{OBSOLETENAME}\\n]", *paths)
    return [line for line in done.out.splitlines() if line and line != "(none)"]


def would_fit(paths: t.Sequence[str], gone: t.Sequence[str], database: str = "") -> str:
    """Why these packages cannot be put in; empty when they can. Writes nothing."""
    other = ("--dbpath", database) if database else ()
    if gone:
        done = run("rpm", *other, "-e", "--test", *gone)
        if done.status:
            return done.words
    if not paths:
        return ""
    done = run("rpm", *other, "-U", "--test", "--oldpackage", "--replacepkgs", *paths)
    return done.words if done.status else ""


def put_in(paths: t.Sequence[str], gone: t.Sequence[str], log: str) -> Done:
    """Install these versions, newer or older, and take ``gone`` away."""
    done = Done(0, "", "")
    if paths:
        done = run_logged(log, "rpm", "-U", "--oldpackage", "--replacepkgs", *paths)
    if gone and not done.status:
        done = run_logged(log, "rpm", "-e", *gone)
    return done


def note_only(database: str, paths: t.Sequence[str], gone: t.Sequence[str]) -> str:
    """Change a copy of the database as if these had been put in; what went wrong, or nothing."""
    quiet = ("--dbpath", database, "--justdb", "--nodeps", "--noscripts", "--notriggers")
    if gone:
        done = run("rpm", "-e", *quiet, *gone)
        if done.status:
            return done.words
    done = run("rpm", "-U", *quiet, "--nosignature", "--replacepkgs", *paths) if paths else None
    return done.words if done and done.status else ""


def broken() -> list[Row]:
    """Installed packages whose dependencies are not met."""
    found = []
    printed = run("rpm", "-Va", "--nofiles", "--nodigest", "--noscripts", "--nosignature").out
    package = ""
    for line in printed.splitlines():
        if line.startswith("Unsatisfied dependencies for "):
            package = line[len("Unsatisfied dependencies for ") :].rstrip(": ")
        elif package and line.startswith("\t"):
            found.append({"package": package[:200], "needs": line.strip()[:200]})
    return found


def _must(*argv: str) -> str:
    done = run(*argv)
    if done.status:
        raise Refused(f"The package database cannot be read: {done.words}. Nothing was touched.")
    return done.out
