"""``logs.collect``: the nightly collection as work of a run, hosts side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opsbook.domains.logs.collect.agent import ShellAgent, loader
from opsbook.domains.logs.collect.hostnight import HostNight
from opsbook.domains.logs.collect.limits import Room, Throttle
from opsbook.domains.logs.collect.report import Timing, report
from opsbook.domains.logs.collect.sources import sources_of
from opsbook.domains.logs.collect.survey import Agent
from opsbook.domains.logs.port import LogStore
from opsbook.execution.reach.ssh import ssh_config
from opsbook.execution.reach.transport import ShellTransport, Transport
from opsbook.execution.reports import faulty
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.clock import Clock
from opsbook.model.errors import Interrupted, OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places
from opsbook.model.runbook import duration

Connect = Callable[[Host, bool, Job, Callable[[int], None]], Agent]
"""Opens an agent on a host, as root or not; the last argument hears of received bytes."""


def collect(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> LogCollectWork:
    """The work behind the procedure ``logs.collect``."""
    from opsbook.domains.logs.keep.store import open_store

    transport = ShellTransport(ssh_config(inventory, places))
    store = open_store(estate, places, clock)
    root = Path(estate.stores.logs) if estate.stores.logs else places.logs(estate.name)
    return LogCollectWork(store, over(transport), lambda: free_bytes(root))


def over(transport: Transport) -> Connect:
    """Agents over ``transport``."""

    def connect(host: Host, become: bool, job: Job, tick: Callable[[int], None]) -> Agent:
        seconds = duration(str(job.parameters["host_timeout"])).total_seconds()
        session = transport.open(
            host, loader(), become=become, seconds=seconds, cancelled=job.cancelled
        )
        return ShellAgent(host.name, session, tick)

    return connect


def free_bytes(root: Path) -> int:
    """Free bytes where ``root`` is or will be."""
    while not root.exists():
        root = root.parent
    return shutil.disk_usage(root).free


class LogCollectWork:
    """The :class:`opsbook.execution.work.Work` of log collection."""

    def __init__(self, store: LogStore, connect: Connect, free: Callable[[], int]) -> None:
        self._store = store
        self._connect = connect
        self._free = free

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """A night that was committed in this run needs not be done again."""
        found = self._store.committed(host.name, job.run)
        return None if found is None else report(host.name, found, Timing())

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """See :meth:`Work.perform`."""
        shared = Shared(job, self._free)
        parallel = max(1, int(job.parameters["parallel"]))
        with ThreadPoolExecutor(max_workers=min(parallel, len(hosts) or 1)) as pool:
            endings = [pool.submit(self._one, host, job, sink, shared) for host in hosts]
        for ending in endings:
            ending.result()

    def _one(self, host: Host, job: Job, sink: Sink, shared: Shared) -> None:
        if job.cancelled.is_set():
            return
        sink.started(host.name, "collect")
        try:
            sink.finished(self._collect(host, job, sink, shared))
        except Interrupted:
            return
        except OpsbookError as error:
            sink.finished(faulty(host.name, error))
        finally:
            shared.room.give_back(host.name)

    def _collect(self, host: Host, job: Job, sink: Sink, shared: Shared) -> HostReport:
        sources = sources_of(host)
        if not sources:
            return HostReport(host.name, Outcome.SKIPPED, msg("No log sources are declared."))
        night = self._store.night(host.name, job.run, sources)
        ours = HostNight(host, sources, night, job, sink, shared.room)
        throttle = Throttle(int(job.parameters["host_rate_mib"]), job.cancelled)

        def tick(count: int) -> None:
            ours.received += count
            throttle.take(count)
            shared.throttle.take(count)

        try:
            return ours.collect(lambda become: self._connect(host, become, job, tick))
        except BaseException:
            night.abandon()
            raise


class Shared:
    """What all hosts of a run share."""

    def __init__(self, job: Job, free: Callable[[], int]) -> None:
        self.throttle = Throttle(int(job.parameters["total_rate_mib"]), job.cancelled)
        keep = job.estate.policies.logs.min_free_mib * 1024 * 1024
        self.room = Room(free, keep)
