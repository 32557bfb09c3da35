"""A Debian archive of our own, signed by a throwaway key, on the loopback; bundles of it."""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import zstandard

from opsbook.approval.signatures import SshSignatures
from opsbook.domains.patching.bundle.export import NAMESPACE, Exported, Order, export
from opsbook.domains.patching.bundle.manifest import Manifest, read_manifest
from opsbook.domains.patching.bundle.need import make_need
from opsbook.domains.patching.bundle.serve import server
from opsbook.lab.demo_packages import OLD, DemoPackage, build, control
from opsbook.lab.demo_packages import packages as demo_packages
from opsbook.model.clock import Clock, stamp

CODENAME, ARCH = "ursula", "amd64"
SUITES = ("ursula", "ursula-security")
Members = dict[str, bytes]


@dataclass
class GpgKey:
    """A key that signs archives."""

    home: Path

    @classmethod
    def new(cls, home: Path) -> GpgKey:
        """Made now, in its own directory."""
        home.mkdir(mode=0o700)
        key = cls(home)
        key.run("--passphrase", "", "--quick-gen-key", "archive", "ed25519", "sign", "never")
        (home / "keyring.gpg").write_bytes(key.run("--export"))
        return key

    @property
    def keyring(self) -> Path:
        """The public key, for gpgv and apt."""
        return self.home / "keyring.gpg"

    def run(self, *words: str, data: bytes = b"") -> bytes:
        """Ask gpg."""
        gpg = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--pinentry-mode",
               "loopback", *words]  # fmt: skip
        return subprocess.run(gpg, input=data, capture_output=True, check=True).stdout

    def end(self) -> None:
        """Its agent goes with it."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=True)


class Archive:
    """Two suites, ``ursula`` and ``ursula-security``, below ``directory``."""

    def __init__(self, directory: Path, key: GpgKey) -> None:
        self.directory = directory
        self.key = key

    def publish(
        self, packages: list[DemoPackage], date: datetime, valid: timedelta | None = None
    ) -> None:
        """Replace the packages of the security suite; the other one has one old package."""
        root = self.directory / "debian"
        shutil.rmtree(root / "dists", ignore_errors=True)
        pool = root / "pool/main"
        pool.mkdir(parents=True, exist_ok=True)
        for suite, offered in zip(SUITES, (demo_packages(OLD)[:1], packages), strict=True):
            text = "\n".join(self._stanza(one, pool) for one in offered)
            self._sign(root / "dists" / suite, suite, text, date, valid)

    def _stanza(self, one: DemoPackage, pool: Path) -> str:
        data = build(one, pool).read_bytes()
        return (
            f"{control(one)}Filename: pool/main/{one.filename}\n"
            f"Size: {len(data)}\nSHA256: {sha256(data).hexdigest()}\n"
        )

    def _sign(
        self, place: Path, suite: str, text: str, date: datetime, valid: timedelta | None
    ) -> None:
        index = place / f"main/binary-{ARCH}/Packages.xz"
        index.parent.mkdir(parents=True)
        index.write_bytes(lzma.compress(text.encode()))
        form = "%a, %d %b %Y %H:%M:%S UTC"
        until = f"Valid-Until: {(date + valid).strftime(form)}\n" if valid else ""
        plain, data = text.encode(), index.read_bytes()
        name = f"main/binary-{ARCH}/Packages"
        release = (
            f"Origin: Test\nLabel: Test\nSuite: {suite}\nCodename: {suite}\n"
            f"Date: {date.strftime(form)}\n{until}Architectures: {ARCH}\n"
            "Components: main\nSHA256:\n"
            f" {sha256(plain).hexdigest()} {len(plain)} {name}\n"
            f" {sha256(data).hexdigest()} {len(data)} {name}.xz\n"
        )
        (place / "InRelease").write_bytes(self.key.run("--clearsign", data=release.encode()))

    @contextmanager
    def served(self) -> Iterator[str]:
        """On a port of the loopback; gives the sources that name it."""
        serving = server(lambda: [self.directory], "127.0.0.1", 0)
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        try:
            yield (
                f"Types: deb\nURIs: http://127.0.0.1:{serving.server_port}/debian\n"
                f"Suites: {' '.join(SUITES)}\nComponents: main\nSigned-By: {self.key.keyring}\n"
            )
        finally:
            serving.shutdown()
            serving.server_close()


@dataclass
class Outsider:
    """The person outside: a machine with apt, an SSH key, the archive's keyring."""

    directory: Path
    archive: Archive
    clock: Clock

    @property
    def key(self) -> Path:
        """With which bundles are signed."""
        return self.directory / "key"

    @property
    def signers(self) -> str:
        """The line for ``bundle_signers``."""
        return "porter@example.invalid " + self.key.with_suffix(".pub").read_text()

    def prepare(self) -> Outsider:
        """Make the key."""
        self.directory.mkdir(exist_ok=True)
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
        subprocess.run(words, check=True)
        return self

    def export(
        self, name: str, installed: dict[str, str], *, since: Path | None = None,
        tracker: Path | None = None,
    ) -> tuple[Path, Exported]:  # fmt: skip
        """A bundle for one host that has ``installed``."""
        need, target = self.directory / f"{name}.need", self.directory / f"{name}.bundle"
        answers = [(CODENAME, ARCH, installed)]
        need.write_bytes(make_need("city", stamp(self.clock.now()), answers, 0).to_bytes())
        with self.archive.served() as sources:
            file = self.directory / "given.sources"
            file.write_text(sources)
            order = Order(need, target, self.key, since, file, (self.archive.key.keyring,), tracker)
            return target, export(order, self.clock, lambda _: None)

    def repack(
        self,
        bundle: Path,
        change: Callable[[Members], None],
        *,
        sign: bool = True,
        describe: Callable[[Manifest], Manifest] | None = None,
    ) -> Path:
        """A copy of ``bundle`` whose members went through ``change``: what an attacker makes.

        ``sign``: with the right key again, over a manifest that ``describe`` changed.
        """
        members = read_members(bundle)
        change(members)
        if describe:
            members["manifest.json"] = describe(read_manifest(members["manifest.json"])).to_bytes()
        if sign:
            armored = SshSignatures(NAMESPACE).sign(members["manifest.json"], self.key)
            members["manifest.json.sig"] = armored.encode()
        target = bundle.with_suffix(".changed")
        target.write_bytes(pack(members))
        return target


def read_members(bundle: Path) -> Members:
    """All members by name, in order."""
    data = zstandard.ZstdDecompressor().stream_reader(bundle.open("rb")).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tape:
        return {one.name: tape.extractfile(one).read() for one in tape}  # type: ignore[union-attr]


def pack(members: Members) -> bytes:
    """Members as a bundle."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tape:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tape.addfile(info, io.BytesIO(data))
    return zstandard.compress(out.getvalue())
