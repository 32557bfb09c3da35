"""The machine with a way out: its own apt fetches, with its own settings, proxies and passwords.

Where archives are is read from apt when asked; no address stands in any file of opsbook or of a
bundle.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opsbook.model.errors import HostFailed, InputFault
from opsbook.model.message import msg

_FIELDS = ("CREATED_BY", "REPO_URI", "URI", "METAKEY", "COMPONENT", "CODENAME", "LABEL", "ORIGIN")
_HELPER = "/usr/lib/apt/apt-helper"
_SECONDS = 1800.0
_AT_ONCE = 200
"""Files of one call of apt-helper: keeps command lines far below the kernel's limit."""


@dataclass(frozen=True, slots=True)
class Target:
    """One component of one suite as apt knows it. ``base`` ends with the suite, and a slash."""

    repository: str
    base: str
    component: str
    codename: str
    label: str

    @property
    def suite(self) -> str:
        """The path of the suite below ``dists``."""
        return self.base.removeprefix(self.repository).removeprefix("dists/").strip("/")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch; ``sha256`` is empty where a signature will be checked instead."""

    uri: str
    path: Path
    sha256: str = ""


class Apt:
    """apt of this machine, or with ``options`` of an apt root of its own."""

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = tuple(options)

    def targets(self, codename: str) -> list[Target]:
        """Components of the suites of a release: ``bookworm``, ``bookworm-security``, ...

        Raises HostFailed when apt knows none.
        """
        listing = "|".join(f"$({field})" for field in _FIELDS)
        words = ["apt-get", *self._options, "indextargets", "--format", listing]
        found = {
            _target(line): None
            for line in _run(words).splitlines()
            if line.startswith("Packages|") and _of_release(line.split("|")[5], codename)
        }
        if not found:
            raise HostFailed(
                msg("apt on this machine knows no archive of the release {release}.",
                    release=codename),
                next_step=msg("Name the archives with --sources FILE (see sources.list(5)), or run "
                              "`apt-get update`."),
            )  # fmt: skip
        return list(found)

    def fetch(self, wanted: Sequence[Wanted]) -> None:
        """Download, checking hashes. Raises HostFailed; files that came stay."""
        for start in range(0, len(wanted), _AT_ONCE):
            words = [_HELPER, *self._options, "-o", "APT::Sandbox::User=root", "download-file"]
            for one in wanted[start : start + _AT_ONCE]:
                one.path.parent.mkdir(parents=True, exist_ok=True)
                words += [one.uri, str(one.path), f"SHA256:{one.sha256}" if one.sha256 else ""]
            _run(words)


@contextmanager
def apt_of(sources: Path | None, directory: Path, arch: str) -> Iterator[Apt]:
    """This machine's apt; with ``sources`` (a file of sources.list(5)) one that knows only these.

    Raises InputFault when there is no such file, HostFailed when the archives cannot be read.
    """
    if sources is None:
        yield Apt()
        return
    if not sources.is_file():
        raise InputFault(msg("There is no file {file}.", file=sources))
    with tempfile.TemporaryDirectory(prefix=".apt-", dir=directory) as name:
        root = Path(name)
        for part in ("state/lists/partial", "cache/archives/partial", "parts"):
            (root / part).mkdir(parents=True)
        (root / "status").touch()
        kind = ".sources" if "Types:" in sources.read_text(errors="replace") else ".list"
        (root / "parts" / f"given{kind}").write_bytes(sources.read_bytes())
        apt = Apt(_options(root, arch))
        _run(["apt-get", *_options(root, arch), "--quiet", "--error-on=any", "update"])
        yield apt


def _options(root: Path, arch: str) -> list[str]:
    settings = {
        "Dir::State": root / "state",
        "Dir::State::status": root / "status",
        "Dir::Cache": root / "cache",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": root / "parts",
        "APT::Architecture": arch,
        "APT::Architectures::": arch,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _of_release(codename: str, wanted: str) -> bool:
    return codename == wanted or codename.startswith(wanted + "-")


def _target(line: str) -> Target:
    _, repository, uri, key, component, codename, label, origin = line.split("|", 7)
    return Target(repository, uri.removesuffix(key), component, codename, label or origin)


def _run(words: Sequence[str]) -> str:
    """Standard output. Raises HostFailed with the last lines of the errors."""
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, env=env,
            check=False, text=True, errors="replace",
        )  # fmt: skip
    except FileNotFoundError as error:
        raise HostFailed(
            msg("There is no {program} on this machine: bundles are made on Debian or a relative "
                "of it.", program=words[0]),
        ) from error  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise HostFailed(
            msg("{program} did not end within {seconds} s.",
                program=words[0], seconds=round(_SECONDS)),
        ) from error  # fmt: skip
    if done.returncode:
        tail = " / ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
        raise HostFailed(
            msg("{program} failed: {output}", program=words[0], output=tail),
            untouched=msg("No bundle was written."),
            next_step=msg("Check with `apt-get update` that the archives can be reached."),
        )
    return done.stdout
