"""Which operating system scanners' rules are made for, and which one a host has. Pure.

Rules for another system are the usual reason why nothing fails: each of them then "does not
apply". Systems are compared by name and version, as far as both tell them: ``rhel 9`` is for
9.4 as well. Sources: os-release(5), CPE 2.2 and 2.3 (NISTIR 7695), ids of benchmarks of
ComplianceAsCode (``xccdf_org.ssgproject.content_benchmark_DEBIAN-12``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES = {
    "debian_linux": "debian",
    "ubuntu_linux": "ubuntu",
    "enterprise_linux": "rhel",
    "centos_linux": "centos",
    "enterprise_linux_server": "rhel",
    "redhat": "rhel",
    "oracle_linux": "ol",
    "ol": "ol",
    "linux": "",
    "suse_linux_enterprise_server": "sles",
    "sle": "sles",
    "almalinux": "alma",
    "almalinuxos": "alma",
    "kylinos": "kylin",
    "kylin_linux_advanced_server": "kylin",
    "kylinserver": "kylin",
}
"""Other names of the same systems: products of CPE and ids of os-release, to one word each."""
_BENCHMARK = re.compile(r"([a-z_]+?)[-_]?(\d+(?:[-.]\d+)*)$")
_AROUND = re.compile(r"^.*(?:_benchmark_|_ssg-)|-xccdf(?:-1\.2)?\.xml$")
_WORDS = re.compile(r"([A-Za-z][A-Za-z_-]*)[\s/]+(?:\w+\s+)*?v?(\d+(?:\.\d+)*)", re.IGNORECASE)
_VENDORS = {"oracle": "ol", "canonical": "ubuntu", "kylin": "kylin", "debian": "debian"}


@dataclass(frozen=True, slots=True)
class System:
    """An operating system: ``name`` as os-release calls it, ``version`` "" for any."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()

    def holds(self, other: System) -> bool:
        """Whether what is made for this one is made for ``other`` as well."""
        if self.name != other.name:
            return False
        ours, theirs = self.version.split("."), other.version.split(".")
        same = theirs[: len(ours)] == ours or "".join(theirs) == "".join(ours)
        return same or not self.version or not other.version


def system_of(told: str) -> System | None:
    """The system in what a scanner or a host told: a CPE name or "debian 12"; None: not clear."""
    told = told.strip()[:200]
    if told.startswith("cpe:"):
        return _of_cpe(told)
    found = _WORDS.match(told)
    return _system(found[1], found[2]) if found else None


def system_of_rules(content: str) -> System | None:
    """The system that the benchmark with this id is made for; None where its id does not say."""
    found = _BENCHMARK.fullmatch(_AROUND.sub("", content.strip().lower()))
    return _system(found[1], found[2].replace("-", ".")) if found else None


def fits(rules: System | None, host: System | None) -> bool | None:
    """Whether rules are made for a host's system; None where either is not known."""
    return None if rules is None or host is None else rules.holds(host)


def _of_cpe(name: str) -> System | None:
    """``cpe:/o:debian:debian_linux:12`` or ``cpe:2.3:o:debian:debian_linux:12:*:...``."""
    parts = name.removeprefix("cpe:2.3:").removeprefix("cpe:/").lower().split(":")
    if len(parts) < 3 or parts[0] != "o":
        return None
    vendor, product = parts[1], parts[2]
    version = parts[3] if len(parts) > 3 and parts[3] not in ("*", "-") else ""
    known = _VENDORS.get(vendor, product) if _NAMES.get(product) == "" else product
    return _system(known, version)


def _system(name: str, version: str) -> System | None:
    plain = name.lower()
    plain = _NAMES.get(plain, plain)
    return System(plain, version.strip(".")) if plain else None
