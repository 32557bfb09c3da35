"""Verification of finished hosts: what the runbook's suite says goes into the ledger, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from opsbook.execution.verify.verification import Verified
from opsbook.execution.work import Job
from opsbook.lifecycle.conduct.sink import LedgerSink
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome

Verifier = Callable[[Sequence[Host], Job], Mapping[str, Verified]]
"""Runs the runbook's verification suite on hosts."""


class Verification:
    """``problems`` are the sentences about hosts that did not pass."""

    def __init__(self, job: Job, verifier: Verifier | None, sink: LedgerSink) -> None:
        self.problems: list[Message] = []
        self._job = job
        self._verifier = verifier
        self._sink = sink

    def open(self, names: Iterable[str]) -> list[str]:
        """Those whose work is done and of which the suite has not yet said anything."""
        if self._verifier is None:
            return []
        so_far = self._sink.so_far
        done = (Outcome.OK, Outcome.CHANGED)
        return [h for h in names if so_far.outcomes.get(h) in done and h not in so_far.verified]

    def verify(self, names: Iterable[str]) -> None:
        """Verify what is open among ``names``, unless the run is to stop."""
        wanted = set(self.open(names))
        todo = [host for host in self._job.inventory.hosts if host.name in wanted]
        if not todo or self._verifier is None or self._job.cancelled.is_set():
            return
        for name, verified in self._verifier(todo, self._job).items():
            self.note(name, verified)

    def note(self, name: str, verified: Verified) -> None:
        """Record what the suite says of a host; one that did not pass has failed."""
        self._sink.write(self._sink.event("host.verified", verified.to_json(), name))
        if verified.failed:
            self.problems.append(msg("{host} did not pass its verification.", host=name))
