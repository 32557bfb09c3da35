"""Who asks: the account, what stands behind ``sudo``, and the machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsbook.model.places import account

_NO_LOGIN = 2**32 - 1


def login_account(file: Path = Path("/proc/self/loginuid")) -> str:
    """The account that logged in, which su(1) and sudo(8) do not change; empty where the kernel
    knows none, as for jobs of cron on many systems (proc(5), ``/proc/pid/loginuid``).
    """
    try:
        uid = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    return account(uid) if 0 <= uid < _NO_LOGIN else ""


def requester(origin: str, schedule: str | None, env: Mapping[str, str]) -> dict[str, Any]:
    """The person or job behind a run, as kept in the record.

    ``login_user`` is what the kernel says of the login; ``sudo_user`` is what sudo(8) says in
    ``SUDO_USER``: a claim of the environment, named as such.
    """
    uid = os.getuid()
    return {
        "user": account(uid),
        "uid": uid,
        "login_user": login_account(),
        "sudo_user": env.get("SUDO_USER", ""),
        "origin": origin,
        "schedule": schedule or "",
        "control_host": socket.gethostname(),
        "pid": os.getpid(),
    }
