"""opsbook installed from the wheelhouse alone, without a network, away from any checkout."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import opsbook
from support.packages import Installed, succeed


def test_the_wheelhouse_says_what_is_in_it_and_nothing_else_is(wheelhouse: Path) -> None:
    stated = {}
    for line in (wheelhouse / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        stated[name] = digest
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in wheelhouse.iterdir()
    }
    found.pop("SHA256SUMS")
    assert stated == found


def test_the_wheelhouse_names_no_place_to_download_from(wheelhouse: Path) -> None:
    for name in ("requirements.txt", "INSTALL.md", "system-packages.txt"):
        assert "://" not in (wheelhouse / name).read_text(encoding="utf-8"), name


def test_every_requirement_has_a_wheel_and_a_hash(wheelhouse: Path) -> None:
    lines = (wheelhouse / "requirements.txt").read_text().splitlines()
    assert len(lines) == len(list(wheelhouse.glob("*.whl")))
    assert all(" --hash=sha256:" in line for line in lines)


def test_the_system_packages_are_listed(wheelhouse: Path) -> None:
    packages = (wheelhouse / "system-packages.txt").read_text().split()
    assert {"openssh-client", "python3-venv"} <= set(packages)


def test_the_instructions_name_this_version(wheelhouse: Path) -> None:
    assert f"opsbook {opsbook.__version__}" in (wheelhouse / "INSTALL.md").read_text()


def test_the_command_helps_and_states_its_version(installed: Installed) -> None:
    assert installed.opsbook("--help").returncode == 0
    assert installed.opsbook("--version").stdout == f"opsbook {opsbook.__version__}\n"


def test_the_help_is_chinese_where_the_locale_is(installed: Installed) -> None:
    chinese = installed.opsbook("--lang", "zh", "--help").stdout
    assert chinese != installed.opsbook("--lang", "en", "--help").stdout


def test_runbooks_are_found_with_the_installed_package(installed: Installed) -> None:
    listed = json.loads(installed.opsbook("runbooks", "--json").stdout)
    assert "log_collection" in {runbook["name"] for runbook in listed}


def test_the_collection_shows_its_version_to_ansible(installed: Installed) -> None:
    content = installed.python("import opsbook; print(opsbook.__path__[0])").strip() + "/_content"
    listed = succeed(
        installed.prefix / "bin" / "ansible-galaxy", "collection", "list", "--format", "json",
        "opsbook.runbooks", cwd=installed.home,
        env={**installed.env, "ANSIBLE_COLLECTIONS_PATH": content},
    )  # fmt: skip
    (collections,) = json.loads(listed).values()
    assert collections["opsbook.runbooks"]["version"] == opsbook.__version__


def test_no_runbooks_package_is_installed(installed: Installed) -> None:
    """PyPI has another project that installs a package of this name."""
    code = "import importlib.util as u; print(u.find_spec('runbooks'))"
    assert installed.python(code).strip() == "None"
