"""The code that modules share, imported as it is on hosts."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from opsbook.execution.declared.declarations import collection


def patching(name: str) -> Any:
    """One module of ``plugins/module_utils/patching``."""
    return _module(f"patching.{name}")


def on_host(name: str) -> Any:
    """One module of ``plugins/module_utils/host``."""
    return _module(f"host.{name}")


def hardening(name: str) -> Any:
    """One module of ``plugins/module_utils/hardening``."""
    return _module(f"hardening.{name}")


def _module(name: str) -> Any:
    content = str(collection().parents[2])
    if content not in sys.path:
        sys.path.append(content)
    return importlib.import_module(
        f"ansible_collections.opsbook.runbooks.plugins.module_utils.{name}"
    )
