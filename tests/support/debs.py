"""Small Debian packages made on the spot, and an archive of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


def make_deb(
    directory: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes] | None = None,
    *,
    scripts: Mapping[str, str] | None = None,
    arch: str = "all",
    **fields: str,
) -> Path:
    """Build one package into ``directory``; what it has below /etc is its conffiles."""
    tree = directory / "tree"
    content = {f"usr/share/{name}/version": version + "\n", **(files or {})}
    for path, text in content.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    control = tree / "DEBIAN"
    control.mkdir()
    told = {"Package": name, "Version": version, "Architecture": arch,
            "Maintainer": "Tests <tests@example.invalid>", "Description": f"for a test\n {name}",
            **{key.replace("_", "-"): value for key, value in fields.items()}}  # fmt: skip
    (control / "control").write_text("".join(f"{key}: {value}\n" for key, value in told.items()))
    conffiles = sorted("/" + path for path in content if path.startswith("etc/"))
    (control / "conffiles").write_text("".join(path + "\n" for path in conffiles))
    for script, text in (scripts or {}).items():
        (control / script).write_text("#!/bin/sh\nset -e\n" + text)
        (control / script).chmod(0o755)
    built = directory / f"{name}_{version.replace(':', '%3a')}_{arch}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(built)],
        check=True, capture_output=True,
    )  # fmt: skip
    shutil.rmtree(tree)
    return built


def make_archive(directory: Path, suite: str = "stable-security", label: str = "Tests") -> None:
    """Make the packages in ``directory`` an archive that apt can read by ``file:``."""
    listing = subprocess.run(
        ["apt-ftparchive", "packages", "."], cwd=directory, check=True, capture_output=True
    ).stdout
    (directory / "Packages").write_bytes(listing)
    release = subprocess.run(
        ["apt-ftparchive", "-o", "APT::FTPArchive::Release::Origin=Tests",
         "-o", f"APT::FTPArchive::Release::Label={label}",
         "-o", f"APT::FTPArchive::Release::Suite={suite}", "release", "."],
        cwd=directory, check=True, capture_output=True,
    ).stdout  # fmt: skip
    (directory / "Release").write_bytes(release)
