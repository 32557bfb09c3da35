"""With which code and which tools a run is made: digest of the content, versions."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import opsbook
from opsbook.execution.declared.declarations import collection, runbook_directory

_DISTRIBUTIONS = ("ansible-core", "ansible-runner", "fabric", "pytest-testinfra", "cryptography")
_LEFT_OUT = {"__pycache__", "_content", ".git"}


def code_digest(runbook: str) -> str:
    """``sha256:...`` over all code that a run of ``runbook`` can execute of ours.

    The runbook's folder, all roles and plugins of the collection, and the engine. Raises
    UsageFault when there is no such runbook.
    """
    engine = Path(opsbook.__file__).parent
    return tree_digest(
        [runbook_directory(runbook), collection() / "roles", collection() / "plugins", engine]
    )


def tree_digest(roots: Iterable[Path]) -> str:
    """``sha256:...`` over the relative names and contents of every file below ``roots``.

    Links are followed, so that an editable install and a wheel of the same code agree. What
    Python or a build leaves beside the code (bytecode, compiled catalogues) does not count.
    """
    whole = hashlib.sha256()
    for root in roots:
        for name, path in sorted(_below(root, root.name)):
            content = hashlib.sha256(path.read_bytes()).digest()
            whole.update(len(name).to_bytes(4) + name.encode(errors="surrogateescape") + content)
    return "sha256:" + whole.hexdigest()


def _below(directory: Path, name: str) -> Iterable[tuple[str, Path]]:
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        if path.name in _LEFT_OUT or path.suffix in (".pyc", ".mo"):
            continue
        if path.is_dir():
            yield from _below(path, f"{name}/{path.name}")
        elif path.is_file():
            yield f"{name}/{path.name}", path


def versions() -> dict[str, str]:
    """Versions of opsbook, Python, the packages that do the work, and OpenSSH."""
    found = {"opsbook": opsbook.__version__, "python": platform.python_version()}
    found.update({name: version(name) for name in _DISTRIBUTIONS})
    found["openssh"] = _openssh()
    return found


def _openssh() -> str:
    """What ``ssh -V`` says; empty when there is no ssh."""
    try:
        said = subprocess.run(
            ["ssh", "-V"], check=False, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stderr.strip().split(",")[0]
