"""The package managers there are, and the one that is on this host."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apt import Apt


def manager(module=None) -> t.Any:
    """apt where dpkg has a database and apt is there."""
    if os.path.exists("/var/lib/dpkg/status") and os.path.exists("/usr/bin/apt-get"):
        return Apt()
    return None


Manager = t.Any
