"""The leases of the hosts of a wave: taken before it, released after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opsbook.execution.work import HostReport, Job
from opsbook.ledger import resources
from opsbook.ledger.port import Holder, Lease, Ledger
from opsbook.lifecycle.conduct.sink import LedgerSink
from opsbook.model.errors import Busy
from opsbook.model.estate import Host
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome


class Leases:
    """Hands out hosts together with the right to work on them; ``job.tokens`` follows."""

    def __init__(self, job: Job, ledger: Ledger, holder: Holder, sink: LedgerSink) -> None:
        self._job = job
        self._ledger = ledger
        self._holder = holder
        self._sink = sink

    @contextmanager
    def held(
        self, names: Sequence[str], missed: Callable[[HostReport], None]
    ) -> Iterator[list[Host]]:
        """The hosts whose lease is ours until the end; ``missed`` hears why others are not."""
        try:
            yield [host for name in names if (host := self._host(name, missed))]
        except BaseException:
            self._release(noted=False)
            raise
        self._release(noted=True)

    def _host(self, name: str, missed: Callable[[HostReport], None]) -> Host | None:
        try:
            host = self._job.inventory[name]
        except KeyError:
            gone = msg("{host} is no longer in the inventory; it was left untouched.", host=name)
            missed(HostReport(name, Outcome.NOT_STARTED, gone))
            return None
        if host.left_alone is not None:
            missed(_unmanaged(host, host.left_alone))
            return None
        try:
            self._take(name)
        except Busy as busy:
            missed(HostReport(name, Outcome.BUSY, busy.problem))
            return None
        return host

    def _take(self, name: str) -> None:
        resource = resources.of_host(self._job.estate.name, name)
        lease = self._ledger.take(resource, self._holder)
        self._sink.hold(name, lease)
        self._job.tokens[name] = lease.token
        if lease.recovered is None:
            self._note("lease.taken", lease)
        else:
            stale = {"run": lease.recovered.run, "pid": lease.recovered.pid}
            self._note("lease.recovered", lease, {"stale": stale})

    def _release(self, *, noted: bool) -> None:
        self._job.tokens.clear()
        for lease in self._sink.let_go():
            self._ledger.release(lease)
            if noted:
                self._note("lease.released", lease)

    def _note(self, kind: str, lease: Lease, more: Mapping[str, object] | None = None) -> None:
        payload = {"resource": lease.resource, "token": lease.token} | dict(more or {})
        self._sink.defer(self._sink.event(kind, payload))


def _unmanaged(host: Host, reason: str) -> HostReport:
    why = msg("{host} is not managed by opsbook: {reason}", host=host.name, reason=reason)
    return HostReport(host.name, Outcome.SKIPPED, why)
