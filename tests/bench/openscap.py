"""Real OpenSCAP on lab hosts, which have no package source: its packages, and its rules.

Rules for Debian 12 with the profiles of CIS are only in a newer Debian. ``OPSBOOK_BENCH_RULES``
names a file ssg-debian_*.deb that is there already; else this machine's apt fetches it from the
archive that it uses itself, from the suite that is ahead of all releases, with its signatures.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from estate import BenchEstate

PROFILE = "xccdf_org.ssgproject.content_profile_cis_level1_server"
RULE = "xccdf_org.ssgproject.content_rule_"
ANSIBLE = "ansible>=12,<13"
AHEAD = "sid"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = ("openscap-scanner", "linux-base")
"""``linux-base``: without it OpenSCAP sees no kernel on the host, and most rules do not apply."""

_PLACE = "/root/scan"
_RULES = "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"
_RESULT = re.compile(
    rf'(<(?:\w+:)?rule-result idref="{RULE}([\w.-]+)".*?<(?:\w+:)?result>)(\w+)(<)', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Result:
    """What OpenSCAP wrote: the text, and each rule with its result."""

    text: str
    rules: dict[str, str]

    @classmethod
    def of(cls, text: str) -> Result:
        """Read an XCCDF result."""
        return cls(text, {rule: told for _, rule, told, _ in _RESULT.findall(text)})

    def failing(self) -> set[str]:
        """Rules that fail."""
        return {rule for rule, told in self.rules.items() if told == "fail"}

    def only(self, rules: Collection[str]) -> str:
        """The text with these as the only rules that fail."""
        return _RESULT.sub(
            lambda m: m[1] + ("pass" if m[3] == "fail" and m[2] not in rules else m[3]) + m[4],
            self.text,
        )


class OpenScap:
    """OpenSCAP on hosts of ``estate``; what is fetched stays in ``shelf``."""

    def __init__(self, estate: BenchEstate, shelf: Path) -> None:
        self._estate = estate
        self._shelf = shelf
        self._shelf.mkdir(exist_ok=True)

    def install(self, hosts: list[str]) -> None:
        """Put scanner and rules onto hosts that are alike."""
        rules = self._rules()
        packages = self._packages(hosts[0])
        bundle = self._shelf / "bundle.tar"
        with tarfile.open(bundle, "w") as tar:
            tar.add(rules, "rules.xml")
            for package in packages:
                tar.add(package, f"packages/{package.name}")
        put = (
            f"mkdir -p {_PLACE}; cd {_PLACE}; tar xf - --no-same-owner;"
            " dpkg --force-unsafe-io -i packages/*.deb; rm -r packages"
        )
        for host in hosts:
            with bundle.open("rb") as file:
                self._as_root(host, put, stdin=file)

    def scan(self, host: str) -> Result:
        """One scan by the profile, all of it (oscap(8): 2 is that some fail)."""
        self._as_root(
            host,
            f"cd {_PLACE}; oscap xccdf eval --profile {PROFILE} --results result.xml rules.xml"
            " >log 2>&1 || [ $? = 2 ]; gzip -f result.xml",
        )
        packed = self._as_root(host, f"cat {_PLACE}/result.xml.gz")
        return Result.of(gzip.decompress(packed).decode())

    def fixes(self, host: str, result: str, kind: str) -> str:
        """What ``oscap xccdf generate fix`` makes of a result: ``ansible`` or ``bash``."""
        packed = self._shelf / "result.xml"
        packed.write_text(result, encoding="utf-8")
        with packed.open("rb") as file:
            made = self._as_root(
                host,
                f"cd {_PLACE}; cat >given.xml; oscap xccdf generate fix --fix-type {kind}"
                f" --result-id '' --output fix given.xml >&2; cat fix",
                stdin=file,
            )
        return made.decode()

    def collections(self) -> Path:
        """Where the collection is that its fixes use (sysctl), which opsbook itself does not need:
        out of the package ``ansible`` that goes with our ansible-core.
        """
        place, whole = self._shelf / "collections", self._shelf / "whole"
        if not place.exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--target", whole, ANSIBLE], check=True)
            wanted = Path("ansible_collections", "ansible", "posix")
            (place / wanted).parent.mkdir(parents=True)
            (whole / wanted).rename(place / wanted)
            shutil.rmtree(whole)
        return place

    def _as_root(self, host: str, script: str, stdin: IO[bytes] | None = None) -> bytes:
        command = f"sudo sh -euc {shlex.quote(script)}"
        done = subprocess.run(
            self._estate.ssh(host, command),
            stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{host}: {script}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.stdout

    def _packages(self, host: str) -> list[Path]:
        """What ``host`` needs beside its own packages."""
        place = self._apt_root("tools")
        status = place / "status"
        status.write_bytes(self._as_root(host, "cat /var/lib/dpkg/status"))
        options = (f"Dir::State::status={status}", "APT::Install-Recommends=false")
        _apt(place, *options, command=["install", "--download-only", "--yes", *TOOLS])
        return sorted((place / "archives").glob("*.deb"))

    def _rules(self) -> Path:
        """The datastream of this Debian."""
        given = os.environ.get("OPSBOOK_BENCH_RULES")
        package = Path(given) if given else self._fetched()
        packed = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True
        )
        subprocess.run(
            ["tar", "-xf", "-", "-C", self._shelf, f"./{_RULES}"], check=True, input=packed.stdout
        )
        return self._shelf / _RULES

    def _fetched(self) -> Path:
        from opsbook.lab.images import find_mirror
        from opsbook.lab.machine import LinuxMachine

        place = self._apt_root("rules")
        there = sorted(place.glob("ssg-debian_*.deb"))
        if there:
            return there[-1]
        mirror = find_mirror(LinuxMachine(), Path("/etc/os-release").read_text())
        if mirror is None:
            raise RuntimeError("apt on this machine knows no Debian release of its own")
        sources = place / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror.uri} {AHEAD} main\n")
        (place / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        options = (f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=-",
                   f"Dir::State={place}", "Dir::State::status=/dev/null",
                   f"Dir::Cache={place}")  # fmt: skip
        _apt(place, *options, command=["update"])
        _apt(place, *options, command=["download", "ssg-debian"])
        return sorted(place.glob("ssg-debian_*.deb"))[-1]

    def _apt_root(self, name: str) -> Path:
        place = self._shelf / name
        (place / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        return place


def _apt(place: Path, *options: str, command: list[str]) -> None:
    words = [word for option in options for word in ("-o", option)]
    words += ["-o", f"Dir::Cache::archives={place / 'archives'}", "-o", "Debug::NoLocking=true",
              "-o", "APT::Sandbox::User=root"]  # fmt: skip
    subprocess.run(["apt-get", "--quiet=2", *words, *command], check=True, cwd=place,
                   stdout=subprocess.DEVNULL)  # fmt: skip
