"""What the package imports is what the project declares, no less and no more."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "runbooks" / "engine" / "opsbook"
STARTED_AS_PROGRAMS = {"ansible-core", "pytest"}
"""Used without an import: ``python -m ansible``, ``python -m pytest``."""


def _declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[<>=\[]", text)[0] for text in project["dependencies"]}


def _imported() -> set[str]:
    tops: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops.add(node.module.split(".")[0])
    outside = tops - set(sys.stdlib_module_names) - {"opsbook", "__future__"}
    by_module = packages_distributions()
    return {re.sub(r"[-_.]+", "-", by_module[top][0]).lower() for top in outside}


def test_every_imported_package_is_declared() -> None:
    assert _imported() - {re.sub(r"[-_.]+", "-", name) for name in _declared()} == set()


def test_every_declared_package_is_used() -> None:
    used = _imported() | STARTED_AS_PROGRAMS
    assert {re.sub(r"[-_.]+", "-", name) for name in _declared()} - used == set()


def test_the_locks_pin_every_declared_package() -> None:
    for lock in ("runtime.txt", "dev.txt"):
        text = (ROOT / ".ci" / "lock" / lock).read_text(encoding="utf-8")
        pinned = set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE))
        wanted = {re.sub(r"[-_.]+", "-", name) for name in _declared()}
        assert wanted - {re.sub(r"[-_.]+", "-", name) for name in pinned} == set(), lock


def test_the_locks_name_no_place_to_download_from() -> None:
    for lock in (ROOT / ".ci" / "lock").glob("*.txt"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name
