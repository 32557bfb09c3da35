"""Calls the command an estate names for failures: no shell, the story on standard input."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from opsbook.model.message import Message, msg

TIME_LIMIT = 60.0
"""Seconds after which the command and its children are killed."""


def call(
    command: Sequence[str], story: str, facts: Mapping[str, str], *, seconds: float = TIME_LIMIT
) -> Message | None:
    """Run ``command`` with ``facts`` added to the environment; what went wrong, or None.

    What it prints goes where our own output goes. It gets a session of its own, so that its
    children end with it when the time is over.
    """
    try:
        process = subprocess.Popen(
            list(command),
            env={**os.environ, **facts},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return msg(
            "The failure command {command} cannot be started: {reason}.",
            command=command[0], reason=getattr(error, "strerror", None) or str(error),
        )  # fmt: skip
    try:
        process.communicate((story + "\n").encode(errors="replace"), timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return msg(
            "The failure command {command} was still at work after {seconds} seconds "
            "and was killed.",
            command=command[0], seconds=int(seconds),
        )  # fmt: skip
    if process.returncode == 0:
        return None
    return msg(
        "The failure command {command} ended with exit code {code}.",
        command=command[0], code=process.returncode,
    )  # fmt: skip
