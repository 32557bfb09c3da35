"""One host's night from its first word to the store's commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from opsbook.domains.logs.collect.collector import FileCollector, FlowCollector, Outcome
from opsbook.domains.logs.collect.limits import Room
from opsbook.domains.logs.collect.losses import Zones
from opsbook.domains.logs.collect.report import Timing, report
from opsbook.domains.logs.collect.survey import Agent, Facts
from opsbook.domains.logs.model import NightResult, Source
from opsbook.domains.logs.port import Night
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.estate import Host
from opsbook.model.message import msg

CLOCK_OFF = 300
"""Seconds that a host's clock may differ from ours without being a deviation."""


class HostNight:
    """The collection of one host in one run; also its :class:`collector.Watch`."""

    def __init__(
        self,
        host: Host,
        sources: Sequence[Source],
        night: Night,
        job: Job,
        sink: Sink,
        room: Room,
    ) -> None:
        self.received = 0
        self._host = host
        self._sources = sources
        self._night = night
        self._job = job
        self._sink = sink
        self._room = room
        self._outcome = Outcome()
        self._timing = Timing()
        self._expected = 0
        self._done = 0
        self._greeted = (0, 0.0)

    def collect(self, connect: Callable[[bool], Agent]) -> HostReport:
        """Everything the host's sources have; committed when this returns."""
        for become in (False, True):
            mine = [s for s in self._sources if self._wants(s) == become]
            if mine:
                self.phase("survey")
                agent = connect(become)
                try:
                    self._part(agent, mine)
                finally:
                    agent.close()
        self.phase("seal")
        result = self._commit()
        self.phase("")
        self._timing.wire_bytes = self.received
        return report(self._host.name, result, self._timing, self._outcome)

    def _wants(self, source: Source) -> bool:
        return self._host.become if source.become is None else source.become

    def _commit(self) -> NightResult:
        outcome = self._outcome
        return self._night.commit(list(outcome.streams.values()), list(outcome.losses.values()))

    def _part(self, agent: Agent, sources: Sequence[Source]) -> None:
        facts = agent.hello()
        self._greet(facts)
        files = [source for source in sources if source.kind == "files"]
        zone = self._job.estate.zone
        zones = Zones(
            {s.name: ZoneInfo(s.timezone) if s.timezone else zone for s in sources},
            self._job.started,
        )
        if files:
            FileCollector(agent, self._night, facts, files, self, self._outcome, zones).collect()
        self.phase("transfer")
        flows = FlowCollector(agent, self._night, self, self._outcome)
        for source in sources:
            if source.kind == "journal":
                flows.journal(source, self.host_now())
            elif source.kind == "command":
                flows.command(source)

    def _greet(self, facts: Facts) -> None:
        clock = self._job.clock
        self._greeted = (facts.now, clock.monotonic())
        self._timing.clock_offset = facts.now - int(clock.now().timestamp())
        self._timing.boot_id, self._timing.packer = facts.boot_id, facts.packer
        if abs(self._timing.clock_offset) > CLOCK_OFF:
            self._outcome.deviations.append(
                msg("The clock of {host} is off by {seconds} s.", host=self._host.name,
                    seconds=self._timing.clock_offset)
            )  # fmt: skip

    # --- as the collector's watch

    def expect(self, raw_bytes: int) -> None:
        """See :meth:`collector.Watch.expect`."""
        self._expected += raw_bytes
        self._room.promise(self._host.name, self._expected)

    def advance(self, raw_bytes: int) -> None:
        """See :meth:`collector.Watch.advance`."""
        self._done += raw_bytes
        self._sink.progress(self._host.name, self._done, max(self._expected, self._done))

    def phase(self, name: str) -> None:
        """See :meth:`collector.Watch.phase`."""
        self._timing.begin(name, self._job.clock.monotonic())

    def host_now(self) -> int:
        """See :meth:`collector.Watch.host_now`."""
        then, ticks = self._greeted
        return then + int(self._job.clock.monotonic() - ticks)
