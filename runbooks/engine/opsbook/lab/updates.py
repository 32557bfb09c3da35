"""Pending updates for lab hosts: real ones of the release's archives, and the demo packages.

<images>/updates-<digest>/
|-- tree/       what is served: one folder per archive, with the archive's own signatures
|-- archives    what hosts may read of it, as JSON
|-- demo.asc    the key that signs the demo packages, made with them and then forgotten
`-- until       when the first archive becomes stale (RFC 3339), or empty

Real packages come through this machine's own apt, once; labs that share images share them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from opsbook.domains.patching.bundle import client
from opsbook.domains.patching.bundle.arrival import name_by_hash
from opsbook.domains.patching.bundle.chain import DISTRIBUTION_KEYRING, sha256_of
from opsbook.domains.patching.bundle.gather import Outside, gather
from opsbook.domains.patching.bundle.index import stanzas
from opsbook.domains.patching.bundle.manifest import Archive
from opsbook.domains.patching.bundle.need import System
from opsbook.domains.patching.bundle.outside import Apt
from opsbook.lab import demo_packages as demo
from opsbook.lab.hosts import Say
from opsbook.lab.mirror import HOST_KEYRING, NAME, PORT, Offer
from opsbook.model.canonical import parse
from opsbook.model.clock import Clock, SystemClock, unstamp
from opsbook.model.message import msg
from opsbook.model.places import private

_ROOT = "opsbook-demo-security"
_SPARE = timedelta(hours=6)


class Updates:
    """The updates beside the images in ``directory``."""

    def __init__(self, directory: Path, say: Say, clock: Clock | None = None) -> None:
        self._directory = directory
        self._say = say
        self._clock = clock or SystemClock()

    def provide(self, images: Sequence[Path], suite: str) -> Offer:
        """The updates of hosts made of ``images``; fetched when there are none, or stale ones.

        Raises HostFailed, Refused.
        """
        place = self._directory / f"updates-{_digest(images, suite)}"
        if not self._fresh(place):
            self._make(place, images, suite)
        archives = [Archive.model_validate(one, strict=False)
                    for one in parse((place / "archives").read_bytes())]  # fmt: skip
        text = client.sources(archives, f"http://{NAME}:{PORT}", keyrings={_ROOT: HOST_KEYRING})
        return Offer(place / "tree", text, (place / "demo.asc").read_text())

    def _fresh(self, place: Path) -> bool:
        if not (place / "until").is_file():
            return False
        until = (place / "until").read_text().strip()
        return not until or self._clock.now() + _SPARE < unstamp(until)

    def _make(self, place: Path, images: Sequence[Path], suite: str) -> None:
        part = place.with_name(place.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            tree = private(part / "tree")
            self._say(msg("Fetching the pending updates of the lab's hosts."))
            outside = Outside(
                Apt(), (DISTRIBUTION_KEYRING,), tree, self._say,
                suites=lambda target: target.codename != suite,
            )  # fmt: skip
            system = _system(images, suite)
            gathered = gather(system, outside)
            archives = [*gathered.archives, _demo_archive(tree, part / "demo.asc", system.arch)]
            name_by_hash(tree)
            rows = [one.model_dump(mode="json") for one in archives]
            (part / "archives").write_text(json.dumps(rows))
            dates = [one.valid_until for one in archives if one.valid_until]
            (part / "until").write_text(min(dates, default=""))
            shutil.rmtree(place, ignore_errors=True)
            part.rename(place)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _digest(images: Sequence[Path], suite: str) -> str:
    words = [suite, demo.fingerprint(), *sorted(one.name for one in images)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _system(images: Sequence[Path], suite: str) -> System:
    """What the images have installed, the demo packages aside."""
    packages: dict[str, dict[str, int]] = {}
    arch = ""
    for image in images:
        status = image / "var/lib/dpkg/status"
        with status.open(encoding="utf-8", errors="replace") as lines:
            for fields in stanzas(lines):
                name = fields["Package"]
                if name == "dpkg":
                    arch = fields["Architecture"]
                if fields["Status"].endswith(" installed") and not name.startswith("opsbook-demo"):
                    counted = packages.setdefault(name, {})
                    counted[fields["Version"]] = counted.get(fields["Version"], 0) + 1
    return System(codename=suite, arch=arch, hosts=len(images), packages=packages)


def _demo_archive(tree: Path, key: Path, arch: str) -> Archive:
    """Build, index and sign the demo packages below ``tree``."""
    root = tree / _ROOT
    pool, suite = root / "pool/main", root / "dists" / demo.SUITE
    index = suite / f"main/binary-{arch}/Packages"
    pool.mkdir(parents=True)
    index.parent.mkdir(parents=True)
    every = [*demo.packages(demo.OLD), *demo.packages(demo.NEW)]
    index.write_text("\n".join(_stanza(one, demo.build(one, pool), root) for one in every))
    date = "Fri, 21 Nov 2025 03:00:00 UTC"
    _sign(suite, {index.relative_to(suite).as_posix(): index}, arch, date, key)
    return Archive(
        root=_ROOT, suite=demo.SUITE, codename=demo.SUITE, components=("main",), archs=(arch,),
        origin="opsbook", label=demo.LABEL, date="2025-11-21T03:00:00.000000Z", valid_until=None,
    )  # fmt: skip


def _stanza(package: demo.DemoPackage, file: Path, root: Path) -> str:
    return (
        f"{demo.control(package)}Filename: {file.relative_to(root)}\n"
        f"Size: {file.stat().st_size}\nSHA256: {sha256_of(file)}\n"
    )


def _sign(suite: Path, indexes: Mapping[str, Path], arch: str, date: str, key: Path) -> None:
    """An InRelease by a key that exists only while it is made (gpg(1))."""
    rows = "".join(
        f" {sha256_of(file)} {file.stat().st_size} {name}\n" for name, file in indexes.items()
    )
    release = (
        f"Origin: opsbook\nLabel: {demo.LABEL}\nSuite: {demo.SUITE}\nCodename: {demo.SUITE}\n"
        f"Date: {date}\nAcquire-By-Hash: yes\nArchitectures: {arch}\nComponents: main\n"
        f"SHA256:\n{rows}"
    )
    with tempfile.TemporaryDirectory(prefix="opsbook-gpg-") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"]
        try:
            user = "opsbook lab <lab@opsbook.invalid>"
            made = [*gpg, "--passphrase", "", "--quick-gen-key", user, "ed25519", "sign", "never"]
            demo.run_tool(made)
            (suite / "InRelease").write_bytes(
                demo.run_tool([*gpg, "--clearsign"], release.encode())
            )
            key.write_bytes(demo.run_tool([*gpg, "--armor", "--export"]))
        finally:
            demo.run_tool(["gpgconf", "--homedir", home, "--kill", "all"])
