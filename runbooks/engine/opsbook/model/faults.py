"""What is wrong in a file somebody wrote: a fault with its place, a value that cannot be."""

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


class WrongValue(ValueError):
    """Raised where a declared value is checked; pydantic carries it to who explains the file."""

    def __init__(self, problem: Message) -> None:
        super().__init__(problem.english())
        self.problem = problem
