"""One command as it is typed, in this process: what it says and its exit code, without the start
of an interpreter. Where the process itself is the question, take a process.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from opsbook.cli.main import run


def typed(environment: Mapping[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``opsbook WORDS`` in that environment, as :func:`subprocess.run` would."""
    argv = [str(word) for word in words]
    streams = [
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
        for _ in range(2)
    ]
    with pytest.MonkeyPatch.context() as env:
        for name, value in environment.items():
            env.setenv(name, value)
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            code = run(argv)
    return subprocess.CompletedProcess(argv, int(code), *map(_said, streams))


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()
