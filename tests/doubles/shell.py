"""MemoryShell: hosts whose answers to scripts are written down beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opsbook.execution.reach.shell import Completed
from opsbook.model.errors import HostFault, HostUnreachable
from opsbook.model.estate import Host
from opsbook.model.message import msg

Answer = Completed | HostFault | Callable[[str], Completed]


class MemoryShell:
    """A :class:`opsbook.execution.reach.shell.Shell` without hosts; unknown hosts are unreachable.

    ``scripts`` lists what was run: host, script, and whether as root.
    """

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.scripts: list[tuple[str, str, bool]] = []

    def run(
        self, host: Host, script: str, *, timeout: float, become: bool | None = None
    ) -> Completed:
        """Answer as written down."""
        self.scripts.append((host.name, script, host.become if become is None else become))
        answer = self.answers.get(host.name)
        if answer is None:
            raise HostUnreachable(msg("{host} cannot be reached: {reason}", host=host.name,
                                      reason="no such host"))  # fmt: skip
        if isinstance(answer, HostFault):
            raise answer
        return answer(script) if callable(answer) else answer
