"""One fault in a file somebody wrote, with its place."""

from __future__ import annotations

from dataclasses import dataclass

from opsbook.model.message import Message


@dataclass(frozen=True, slots=True)
class Fault:
    """``file`` and ``line`` (from 1; 0 when unknown), dotted ``path`` such as ``sources.0.tz``."""

    file: str
    line: int
    path: str
    problem: Message
