"""With which code, variables and tools a run is made: digests of contents, and versions.

Version numbers bind nothing, so everything that can decide what happens on a host is read byte
for byte each time; nothing is remembered between two looks. Digests are ``sha256:...``.
"""

from __future__ import annotations

import hmac
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import opsbook
from opsbook.execution.declared.control import SITE, collection_paths
from opsbook.execution.declared.declarations import collection, runbook_directory
from opsbook.execution.declared.inventory import variable_files
from opsbook.execution.trees import files_below, tree_digest
from opsbook.model.canonical import digest
from opsbook.model.estate import Estate
from opsbook.model.message import Message, msg

_DISTRIBUTIONS = ("ansible-core", "ansible-runner", "fabric", "pytest-testinfra", "cryptography")
_PACKAGES = ("ansible", "ansible_runner")
_BYTECODE = ("__pycache__",)
"""Python leaves it beside packages. In runbooks and roles it counts: a role may copy it."""

_OF_ENGINE = (*_BYTECODE, "_content", "*.mo")
"""What is told of by its own name, and the compiled catalogues of a build."""

_COLLECTION = re.compile(rb"\b[a-z_]\w*\.[a-z_]\w*\b")
_OURS = "opsbook.runbooks"


def inputs(runbook: str, estate: Estate, salt: str) -> dict[str, Any]:
    """All contents on which a run of ``runbook`` depends, for a plan to bind::

        code       {root: digest}
        variables  {"salt": ..., "files": {name below the estate: salted digest}}

    Variables are salted because they may be short secrets. Raises UsageFault when there is no
    such runbook, InputFault when the estate has no hosts.
    """
    return {"code": code_roots(runbook), "variables": variables(estate, salt)}


def variables(estate: Estate, salt: str) -> dict[str, Any]:
    """The part of :func:`inputs` that comes from the estate. Raises what that raises."""
    files = {
        _name(file, estate.directory): _salted(salt, file.read_bytes())
        for file in variable_files(estate)
    }
    return {"salt": salt, "files": files}


def inputs_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Message]:
    """What is different between two answers of :func:`inputs` with the same salt, by name."""
    found = []
    for root in _different(before["code"], now["code"]):
        found.append(msg("The code of {root} has changed.", root=root))
    for file in _different(before["variables"]["files"], now["variables"]["files"]):
        found.append(msg("The variables in {file} have changed.", file=file))
    return found


def code_digest(runbook: str) -> str:
    """One digest over :func:`code_roots`. Raises UsageFault when there is no such runbook."""
    return digest(code_roots(runbook))


def code_roots(runbook: str) -> dict[str, str]:
    """Digest of each tree of code that a run of ``runbook`` can execute here or send to hosts.

    The runbook's folder, our roles and plugins, the engine, Ansible itself, every other
    collection that is named anywhere in them, and what the machine adds to Ansible's search path.
    """
    home = runbook_directory(runbook)
    written = {
        f"runbook {runbook}": home,
        "roles": collection() / "roles",
        **{str(place): place for place in SITE if place.is_dir()},
    }
    packages = {
        "plugins": collection() / "plugins",
        **{name: _package(name) for name in _PACKAGES},
        **_collections([home, collection() / "roles"]),
    }
    roots = {
        "engine": tree_digest([Path(opsbook.__file__).parent], _OF_ENGINE),
        **{name: tree_digest([root]) for name, root in written.items()},
        **{name: tree_digest([root], _BYTECODE) for name, root in packages.items()},
    }
    return dict(sorted(roots.items()))


def versions() -> dict[str, str]:
    """Versions of opsbook, Python, the packages that do the work, and OpenSSH."""
    found = {"opsbook": opsbook.__version__, "python": platform.python_version()}
    found.update({name: version(name) for name in _DISTRIBUTIONS})
    found["openssh"] = _openssh()
    return found


def _package(name: str) -> Path:
    """Where Python would import ``name`` from, without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    return Path(spec.origin).parent


def _collections(roots: Iterable[Path]) -> dict[str, Path]:
    """Other collections named in the YAML below ``roots``, and those which these name."""
    found: dict[str, Path] = {}
    installed = _installed()
    waiting = list(roots)
    while waiting:
        for name in _named(waiting.pop()) & installed.keys():
            if f"collection {name}" not in found:
                found[f"collection {name}"] = installed[name]
                waiting.append(installed[name])
    return found


def _named(root: Path) -> set[str]:
    """Every ``namespace.name`` that stands in a YAML file below ``root``."""
    return {
        name.decode()
        for _, path in files_below(root, _BYTECODE)
        if path.suffix in (".yml", ".yaml")
        for name in _COLLECTION.findall(path.read_bytes())
    }


def _installed() -> dict[str, Path]:
    """The directory that Ansible would load each collection from but ours."""
    found: dict[str, Path] = {}
    for place in _collection_places():
        for directory in (place / "ansible_collections").glob("*/*/"):
            found.setdefault(f"{directory.parent.name}.{directory.name}", directory)
    found.pop(_OURS, None)
    return found


def _collection_places() -> Iterator[Path]:
    yield from collection_paths()
    yield from (Path(part) for part in sys.path if part)


def _different(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = before.keys() | now.keys()
    return sorted(name for name in names if before.get(name) != now.get(name))


def _name(file: Path, directory: Path) -> str:
    """JSON has no bytes that are not UTF-8; names of files have."""
    return str(file.relative_to(directory)).encode(errors="backslashreplace").decode()


def _salted(salt: str, content: bytes) -> str:
    return "sha256:" + hmac.digest(salt.encode(), content, "sha256").hex()


def _openssh() -> str:
    """What ``ssh -V`` says; empty when there is no ssh."""
    try:
        said = subprocess.run(
            ["ssh", "-V"], check=False, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stderr.strip().split(",")[0]
