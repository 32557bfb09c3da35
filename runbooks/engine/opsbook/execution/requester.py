"""Who asks: the account, what stands behind ``sudo``, and the machine."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from typing import Any


def account(uid: int) -> str:
    """The name of the account of this machine with that number; the number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def requester(origin: str, schedule: str | None, env: Mapping[str, str]) -> dict[str, Any]:
    """The person or job behind a run, as kept in the record.

    ``sudo_user`` is what sudo(8) says in ``SUDO_USER``: a claim of the environment, named as such.
    """
    uid = os.getuid()
    return {
        "user": account(uid),
        "uid": uid,
        "sudo_user": env.get("SUDO_USER", ""),
        "origin": origin,
        "schedule": schedule or "",
        "control_host": socket.gethostname(),
        "pid": os.getpid(),
    }
