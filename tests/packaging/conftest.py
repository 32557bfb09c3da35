"""A checkout to attack, the wheelhouse, and an installation from it, away from any checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.packages import Installed, copy_of_the_checkout, succeed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_of_the_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_of_the_checkout(tmp_path_factory.mktemp("source"))
    directory = tmp_path_factory.mktemp("out") / "wheelhouse"
    succeed(sys.executable, ".ci/wheelhouse.py", directory, cwd=source)
    return directory


@pytest.fixture(scope="session")
def prefix(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installed from the wheelhouse alone, by its own instructions, without a network."""
    prefix = tmp_path_factory.mktemp("venv") / "opsbook"
    # No pip configuration of this machine: an index or a link found there would be help.
    env = {"PATH": os.environ["PATH"], "HOME": str(prefix.parent), "PIP_CONFIG_FILE": os.devnull}
    offline = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    succeed(*offline, sys.executable, "-m", "venv", prefix, cwd=wheelhouse, env=env)
    succeed(
        *offline, prefix / "bin" / "pip", "install", "--quiet", "--no-index", "--find-links", ".",
        "--require-hashes", "-r", "requirements.txt", cwd=wheelhouse, env=env,
    )  # fmt: skip
    return prefix


@pytest.fixture
def installed(prefix: Path, tmp_path: Path) -> Installed:
    return Installed(prefix, tmp_path)
