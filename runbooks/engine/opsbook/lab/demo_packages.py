"""Small Debian packages in two versions, so that pending updates do not depend on the day.

The base image has the old versions; the lab's repository offers both. Each shows one thing that
happens to updates: a closed CVE, a changed conffile, a service, a script that fails half-way, a new
dependency. Their CVE ids are of a form that is never given out.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opsbook.model.errors import HostFailed
from opsbook.model.message import msg

OLD, NEW = "1.0-1", "1.1-1"
SUITE = "opsbook-demo-security"
LABEL = "Opsbook-Demo-Security"
FAIL_SWITCH = "/etc/opsbook-demo/fail"
"""Where this file exists, the new ``opsbook-demo-fail`` fails while it is being set up."""

_EPOCH = 1763694000  # 2025-11-21T03:00:00Z, so that a package has the same bytes whenever built
_SECONDS = 60.0

_UNIT = """[Unit]
Description=A service to be restarted by updates
[Service]
ExecStart=/usr/lib/opsbook-demo/service
[Install]
WantedBy=multi-user.target
"""
_SERVICE = "#!/bin/sh\n# version {version}\nwhile :; do sleep 3600; done\n"
_SERVICE_SETUP = """#!/bin/sh
set -e
systemctl enable --quiet opsbook-demo.service
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl restart opsbook-demo.service
fi
"""
_SERVICE_REMOVAL = """#!/bin/sh
set -e
if [ "$1" = remove ]; then systemctl disable --quiet --now opsbook-demo.service || :; fi
"""
_FAILING = f"""#!/bin/sh
set -e
if [ -e {FAIL_SWITCH} ]; then
    echo "opsbook-demo-fail: {FAIL_SWITCH} exists" >&2
    exit 1
fi
"""


@dataclass(frozen=True, slots=True)
class DemoPackage:
    """One version of one package. ``files``: path -> text; those in bin and lib are programs."""

    name: str
    version: str
    depends: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    news: str = "New version."

    @property
    def filename(self) -> str:
        """The name of its file."""
        return f"{self.name}_{self.version}_all.deb"


def packages(version: str) -> list[DemoPackage]:
    """All packages of the old or the new version; the new ones are one more."""
    new = version == NEW
    app = DemoPackage(
        "opsbook-demo-app", version, f"opsbook-demo-lib (>= {version})",
        {"/usr/bin/opsbook-demo-app": f"#!/bin/sh\necho {version}\n"},
        news="Refuse names with a slash (CVE-2026-9900001); bound the input (CVE-2026-9900002).",
    )  # fmt: skip
    lib = DemoPackage(
        "opsbook-demo-lib", version, "", {"/usr/share/opsbook-demo/lib.txt": f"{version}\n"},
        news="Clear memory after use (CVE-2026-9900003).",
    )  # fmt: skip
    conf = DemoPackage(
        "opsbook-demo-conf", version, "",
        {"/etc/opsbook-demo/conf.ini": f"[demo]\nversion={version}\nlimit={2 if new else 1}\n"},
        conffiles=("/etc/opsbook-demo/conf.ini",), news="A higher limit.",
    )  # fmt: skip
    service = DemoPackage(
        "opsbook-demo-service", version, "",
        {"/usr/lib/opsbook-demo/service": _SERVICE.format(version=version),
         "/lib/systemd/system/opsbook-demo.service": _UNIT},
        scripts={"postinst": _SERVICE_SETUP, "prerm": _SERVICE_REMOVAL},
        news="Drop privileges earlier (CVE-2026-9900004).",
    )  # fmt: skip
    fail = DemoPackage(
        "opsbook-demo-fail", version, "", {"/usr/share/opsbook-demo/fail.txt": f"{version}\n"},
        scripts={"postinst": _FAILING} if new else {}, news="Set up anew.",
    )  # fmt: skip
    more = DemoPackage(
        "opsbook-demo-more", version, "opsbook-demo-extra" if new else "",
        {"/usr/share/opsbook-demo/more.txt": f"{version}\n"}, news="Needs a package of its own.",
    )  # fmt: skip
    extra = DemoPackage(
        "opsbook-demo-extra", version, "", {"/usr/share/opsbook-demo/extra.txt": f"{version}\n"}
    )
    return [app, lib, conf, service, fail, more, *([extra] if new else [])]


def fingerprint() -> str:
    """Changes when any of the packages does."""
    return hashlib.sha256(repr([packages(OLD), packages(NEW)]).encode()).hexdigest()


def build(package: DemoPackage, directory: Path) -> Path:
    """Make the package's file in ``directory`` by dpkg-deb(1). Raises HostFailed."""
    target = directory / package.filename
    with tempfile.TemporaryDirectory(prefix="opsbook-demo-") as name:
        tree = Path(name) / "tree"
        tree.mkdir(mode=0o755)
        _furnish(package, tree)
        run_tool(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(target)])
    return target


def control(package: DemoPackage) -> str:
    """Its fields, as in a Packages file (deb-control(5))."""
    fields = {
        "Package": package.name, "Version": package.version, "Architecture": "all",
        "Maintainer": "opsbook lab <lab@opsbook.invalid>", "Installed-Size": "16",
        "Depends": package.depends, "Section": "misc", "Priority": "optional",
        "Description": "package of the opsbook lab",
    }  # fmt: skip
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def run_tool(words: list[str], data: bytes = b"") -> bytes:
    """Standard output of a tool of this machine. Raises HostFailed."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": str(_EPOCH)}
    try:
        done = subprocess.run(
            words, input=data, capture_output=True, timeout=_SECONDS, env=env, check=False
        )
    except FileNotFoundError as error:
        raise HostFailed(
            msg("The program {program} is missing; the lab's packages need it.", program=words[0])
        ) from error
    if done.returncode:
        raise HostFailed(
            msg("{program} failed: {output}", program=words[0],
                output=done.stderr.decode(errors="replace").strip()[-300:])
        )  # fmt: skip
    return done.stdout


def _furnish(package: DemoPackage, tree: Path) -> None:
    documents = f"/usr/share/doc/{package.name}"
    for path, text in package.files.items():
        program = "/bin/" in path or path.startswith("/usr/lib/")
        _write(tree / path[1:], text.encode(), 0o755 if program else 0o644)
    changelog = gzip.compress(_changelog(package).encode(), mtime=_EPOCH)
    _write(tree / documents[1:] / "changelog.Debian.gz", changelog, 0o644)
    _write(tree / "DEBIAN/control", control(package).encode(), 0o644)
    if package.conffiles:
        _write(tree / "DEBIAN/conffiles", "".join(f"{c}\n" for c in package.conffiles).encode(),
               0o644)  # fmt: skip
    for script, text in package.scripts.items():
        _write(tree / "DEBIAN" / script, text.encode(), 0o755)


def _changelog(package: DemoPackage) -> str:
    """deb-changelog(5), newest first."""
    entries = [(NEW, package.news)] if package.version == NEW else []
    return "\n".join(
        f"{package.name} ({version}) {SUITE}; urgency=medium\n\n  * {text}\n\n"
        " -- opsbook lab <lab@opsbook.invalid>  Fri, 21 Nov 2025 11:00:00 +0800\n"
        for version, text in [*entries, (OLD, "First version.")]
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
