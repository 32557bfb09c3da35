"""The package managers there are, and the one that looks after this host.

What a module does not use is not loaded: Python compiles a module's files anew on every host.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import read

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apt import Apt
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apthost import AptHost
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.rpm import Rpm

    Reader = t.Union[AptHost, Rpm]  # noqa: UP007 (Python 3.8)
    Manager = t.Union[Apt, Rpm]  # noqa: UP007 (Python 3.8)

_PYTHONS = ("/usr/libexec/platform-python", "/usr/bin/python3")


def manager(which: str = "auto") -> Manager | None:
    """The package manager asked for, or the one this host is of; None when there is none.

    Raises Refused when the one asked for is not there. dnf's library belongs to the system's own
    Python, so this may start the module anew under that one.
    """
    if _of_this_host(which) == "apt":
        from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apt import Apt

        return Apt()
    return _rpm(which)


def reader(which: str = "auto") -> Reader | None:
    """As :func:`manager`, for modules that only read."""
    if _of_this_host(which) == "apt":
        from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apthost import (
            AptHost,
        )

        return AptHost()
    return _rpm(which)


def _rpm(which: str) -> Rpm | None:
    if _of_this_host(which) != "dnf":
        return None
    _have_dnf()
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.rpm import Rpm

    return Rpm()


def _of_this_host(which: str) -> str:
    """``apt``, ``dnf`` or nothing. Raises Refused when the one asked for is not there."""
    there = {"apt": os.path.exists("/usr/bin/apt-get") and os.path.exists("/var/lib/dpkg/status"),
             "dnf": os.path.exists("/usr/bin/dnf") or os.path.exists("/usr/bin/dnf-3")}  # fmt: skip
    if which != "auto":
        if not there[which]:
            raise Refused(f"{which} is not on this host. Nothing was touched.")
        return which
    if there["apt"] and not _is_of_rpm(there["dnf"]):
        return "apt"
    return "dnf" if there["dnf"] else ""


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
        from ansible.module_utils.common.respawn import (
            has_respawned,
            probe_interpreters_for_module,
            respawn_module,
        )

        python = None if has_respawned() else probe_interpreters_for_module(_PYTHONS, "dnf")
        if python is None:
            raise Refused(
                "No Python on this host has dnf's library. Nothing was touched."
            ) from error
        respawn_module(python)
