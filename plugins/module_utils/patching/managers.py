"""The package managers there are, and the one that is on this host."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apt import Apt

Manager = t.Any


def manager(module=None) -> t.Any:
    if os.path.exists("/var/lib/dpkg/status") and os.path.exists("/usr/bin/apt-get"):
        return Apt()
    return None
