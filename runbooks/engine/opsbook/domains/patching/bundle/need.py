"""What a site needs: its installed packages and versions, without the names of its hosts.

Made inside (``opsbook patching need``), carried out, answered by a bundle. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from opsbook.domains.patching.bundle.documents import (
    Line,
    PackageName,
    Stamp,
    Version,
    Word,
    read_document,
)  # fmt: skip
from opsbook.domains.patching.versions import is_version
from opsbook.model.base import Declared
from opsbook.model.canonical import canonical

MOST_BYTES = 64 * 2**20
SCRIPT = r"""
[ -r /etc/os-release ] && . /etc/os-release
printf 'system %s %s\n' "${VERSION_CODENAME:--}" "$(dpkg --print-architecture)" || exit 1
dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n'
"""
"""What is asked of a host: POSIX shell and dpkg, no Python."""


class System(Declared):
    """Hosts of one release and architecture. ``packages``: version -> on how many hosts."""

    codename: Word
    arch: Word
    hosts: Annotated[int, Field(ge=1, le=100000)]
    packages: Mapping[PackageName, Mapping[Version, Annotated[int, Field(ge=1, le=100000)]]]

    def everywhere(self, package: str) -> bool:
        """Whether every one of the hosts has the package."""
        return sum(self.packages.get(package, {}).values()) >= self.hosts


class Need(Declared):
    """A site's need. ``without``: how many hosts could not say (no dpkg, not reached)."""

    schema_: Literal["opsbook.patching-need/1"] = Field(alias="schema")
    estate: Line
    made: Stamp
    systems: Annotated[tuple[System, ...], Field(max_length=100)]
    without: Annotated[int, Field(ge=0)] = 0

    def to_bytes(self) -> bytes:
        """Canonical JSON, one line."""
        return canonical(self.model_dump(mode="json", by_alias=True)) + b"\n"


def read_need(data: bytes, name: str = "need") -> Need:
    """Raises InputFault."""
    return read_document(Need, data, name)


def asked(output: str) -> tuple[str, str, dict[str, str]] | None:
    """A host's answer to :data:`SCRIPT`: codename, architecture, package -> version.

    None when it is no dpkg host. Lines of another form are passed over: output is hostile.
    """
    lines = output.splitlines()
    head = lines[0].split() if lines else []
    if len(head) != 3 or head[0] != "system" or head[1] == "-":
        return None
    found: dict[str, str] = {}
    for line in lines[1:]:
        parts = line.split(" ")
        if len(parts) == 3 and parts[0] == "installed" and is_version(parts[2], "deb"):
            found[parts[1]] = parts[2]
    return (head[1], head[2], found) if found else None


def make_need(
    estate: str, made: str, answers: Iterable[tuple[str, str, Mapping[str, str]]], without: int
) -> Need:
    """One need of many hosts' answers. Raises InputFault for what cannot be a name."""
    hosts: Counter[tuple[str, str]] = Counter()
    packages: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for codename, arch, installed in answers:
        system = (codename, arch)
        hosts[system] += 1
        counted = packages.setdefault(system, defaultdict(Counter))
        for package, version in installed.items():
            counted[package][version] += 1
    return read_need(
        canonical({
            "schema": "opsbook.patching-need/1", "estate": estate, "made": made, "without": without,
            "systems": [
                {"codename": system[0], "arch": system[1], "hosts": hosts[system],
                 "packages": {name: dict(found) for name, found in packages[system].items()}}
                for system in sorted(hosts)
            ],
        }),
    )  # fmt: skip
