"""The package managers there are, and the one that looks after this host."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.common.respawn import (
    has_respawned,
    probe_interpreters_for_module,
    respawn_module,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import read
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apt import Apt
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.rpm import Rpm

Manager = t.Union[Apt, Rpm]  # noqa: UP007 (Python 3.8)

_PYTHONS = ("/usr/libexec/platform-python", "/usr/bin/python3")


def manager(which: str = "auto") -> Manager | None:
    """The package manager asked for, or the one this host is of; None when there is none.

    Raises Refused when the one asked for is not there. dnf's library belongs to the system's own
    Python, so this may start the module anew under that one.
    """
    there = {"apt": os.path.exists("/usr/bin/apt-get") and os.path.exists("/var/lib/dpkg/status"),
             "dnf": os.path.exists("/usr/bin/dnf") or os.path.exists("/usr/bin/dnf-3")}  # fmt: skip
    if which != "auto" and not there[which]:
        raise Refused(f"{which} is not on this host. Nothing was touched.")
    if which == "apt" or (which == "auto" and there["apt"] and not _is_of_rpm(there["dnf"])):
        return Apt()
    if there["dnf"]:
        _have_dnf()
        return Rpm()
    return None


def _is_of_rpm(has_dnf: bool) -> bool:
    """A host with both is of the family that its own description names."""
    words = " ".join(
        line.partition("=")[2] for line in read("/etc/os-release").splitlines()
        if line.startswith(("ID=", "ID_LIKE="))
    )  # fmt: skip
    return has_dnf and any(one in words for one in ("rhel", "fedora", "centos", "suse"))


def _have_dnf() -> None:
    try:
        import dnf  # noqa: F401
    except ImportError as error:
        python = None if has_respawned() else probe_interpreters_for_module(_PYTHONS, "dnf")
        if python is None:
            raise Refused(
                "No Python on this host has dnf's library. Nothing was touched."
            ) from error
        respawn_module(python)
