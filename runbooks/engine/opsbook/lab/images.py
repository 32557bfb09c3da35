"""Root file systems for lab hosts: one base image, and thin layers above it.

Each is built in a directory beside its place and renamed, so that a half-built one is never
used. Its name holds a digest of everything it is made from.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from opsbook.lab import demo_packages
from opsbook.lab.hosts import Say
from opsbook.lab.machine import Machine
from opsbook.lab.plan import Layer
from opsbook.model.errors import HostFailed
from opsbook.model.message import msg
from opsbook.model.places import private

BASE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-apt", "sudo",
    "rsyslog", "cron", "logrotate", "procps", "iproute2", "zstd", "openssl", "curl",
    "nginx-light", "tzdata",
)  # fmt: skip
DB_PACKAGES = ("postgresql",)
RPM_PACKAGES = ("dnf", "rpm", "createrepo-c")
VM_PACKAGES = (
    "linux-image-cloud-amd64", "initramfs-tools", "udev", "kmod", "grub-pc-bin", "grub2-common",
    "auditd", "apparmor", "nftables",
)  # fmt: skip
_ADDED: dict[Layer, tuple[str, ...]] = {
    "db": DB_PACKAGES, "rpm": RPM_PACKAGES, "vm": VM_PACKAGES,
}  # fmt: skip
_BUILD_SECONDS = 900.0
_SPACE = ("setpriv", "--pdeathsig", "KILL",
          "unshare", "--mount-proc", "--pid", "--fork", "--kill-child", "--")  # fmt: skip
"""Start of a build command: it and its mounts end with us, also when we are killed."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """The Debian release of this machine and where its own apt fetches it from."""

    suite: str
    uri: str


def find_mirror(machine: Machine, os_release: str) -> Mirror | None:
    """What apt on this machine uses for the release named in ``os_release`` (a file's text)."""
    suite = _value(os_release, "VERSION_CODENAME")
    listing = "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)"
    for line in machine.run(["apt-get", "indextargets", "--format", listing]).out.splitlines():
        created, origin, release, codename, component, uri = [*line.split("|", 5), *[""] * 5][:6]
        if (created, origin, component) == ("Packages", "Debian", "main") and suite in (
            release, codename,
        ) and release in (suite, "stable", "oldstable"):  # fmt: skip
            return Mirror(suite, uri)
    return None


def _value(text: str, key: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip("\"'")
    return ""


class Images:
    """The images below one directory; several labs may share it."""

    def __init__(self, directory: Path, machine: Machine, say: Say) -> None:
        self.directory = directory
        self._machine = machine
        self._say = say

    def lowers(self, layer: Layer, suite: str) -> list[Path]:
        """The directories of an image, uppermost first."""
        base = self.directory / self._name("base", suite)
        return [base] if layer == "base" else [self.directory / self._name(layer, suite), base]

    def missing(self, layers: Sequence[Layer], suite: str) -> bool:
        """Whether :meth:`provide` would have to build something."""
        return any(not one.is_dir() for layer in layers for one in self.lowers(layer, suite))

    def provide(self, layers: Sequence[Layer], mirror: Mirror) -> None:
        """Build what is missing. Raises HostFailed when a step fails."""
        with self._alone():
            self._sweep()
            order: list[Layer] = ["base", *layers]
            for layer in dict.fromkeys(order):
                place = self.lowers(layer, mirror.suite)[0]
                if not place.is_dir():
                    self._build(layer, place, mirror)

    def _build(self, layer: Layer, place: Path, mirror: Mirror) -> None:
        part = private(place.with_name(place.name + ".part"))
        try:
            if layer == "base":
                self._say(msg("Building the base image; this takes about a minute."))
                self._bootstrap(part, mirror)
            else:
                self._say(msg("Building the image layer {name}.", name=layer))
                self._layer(layer, part, self.lowers("base", mirror.suite)[0])
            (part / "tree").chmod(0o755)
            (part / "tree").rename(place)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _bootstrap(self, part: Path, mirror: Mirror) -> None:
        tree = part / "tree"
        self._must(
            [*_SPACE, "debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}",
             mirror.suite, str(tree), mirror.uri]
        )  # fmt: skip
        packages = private(part / "packages")
        for package in demo_packages.packages(demo_packages.OLD):
            demo_packages.build(package, packages)
        self._must(_inside("base", "true", tree, packages))

    def _layer(self, layer: Layer, part: Path, base: Path) -> None:
        for name in ("tree", "work", "merged", "packages"):
            private(part / name)
        (part / "tree").chmod(0o755)
        if layer in _ADDED:
            self._download(base, part / "packages", _ADDED[layer])
        mount = (
            f"mount -t overlay -o lowerdir={_q(base)},upperdir={_q(part / 'tree')},"
            f"workdir={_q(part / 'work')} lab {_q(part / 'merged')}"
        )
        self._must(_inside(layer, mount, part / "merged", part / "packages"))

    def _download(self, base: Path, packages: Path, names: Sequence[str]) -> None:
        """``names`` and what they need beyond the base image, with this machine's own apt."""
        packages.chmod(0o755)
        self._must(
            ["apt-get", "--yes", "--quiet", "--download-only", "--no-install-recommends",
             "-o", f"Dir::State::status={base}/var/lib/dpkg/status",
             "-o", "Dir::State::extended_states=/dev/null",
             "-o", f"Dir::Cache::archives={packages}",
             "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1",
             "install", *names]
        )  # fmt: skip

    def _must(self, argv: list[str]) -> None:
        done = self._machine.run(argv, timeout=_BUILD_SECONDS)
        if done.status:
            tail = " / ".join((done.out + done.err).strip().splitlines()[-3:])
            raise HostFailed(
                msg("Building a lab image failed: {output}", output=tail),
                untouched=msg("No image was changed."),
                next_step=msg("Try `opsbook lab up` again; it begins the image anew."),
            )  # fmt: skip

    def _sweep(self) -> None:
        for left in self.directory.glob("*.part"):
            shutil.rmtree(left)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        private(self.directory)
        handle = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say(msg("Waiting for another lab to finish building the same images."))
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _name(self, layer: Layer, suite: str) -> str:
        made_from = hashlib.sha256()
        for part in (
            suite,
            platform.machine(),
            *BASE_PACKAGES,
            recipe("base"),
            demo_packages.fingerprint(),
        ):
            made_from.update(part.encode() + b"\0")
        if layer in _ADDED:
            made_from.update(" ".join(_ADDED[layer]).encode() + b"\0")
        if layer != "base":
            made_from.update(recipe(layer).encode())
        return f"{layer}-{made_from.hexdigest()[:12]}"


def recipe(layer: Layer) -> str:
    """The script that is run inside an image to finish it."""
    return resources.files("opsbook.lab").joinpath("recipes", f"{layer}.sh").read_text()


def _inside(layer: Layer, mount: str, tree: Path, packages: Path) -> list[str]:
    """Mount and run the recipe in a root of its own; nothing mounted or started outlives it."""
    bind = f"mount --bind {_q(packages)} {_q(tree)}/mnt && "
    script = (
        f"{mount} && mount -t proc proc {_q(tree)}/proc && {bind}exec chroot {_q(tree)} "
        '/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 /bin/sh -c "$1"'
    )
    return [*_SPACE, "unshare", "--net", "sh", "-c", script, "sh", recipe(layer)]


def _q(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
