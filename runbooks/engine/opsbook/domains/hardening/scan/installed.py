"""``hardening.oscap`` and ``hardening.lynis``: a scanner that hosts have, run there in place.

One look at what the host has, one session in which the rules go there, the scanner runs within
its limits and its file comes back; then the file is imported like any other, and kept beside the
store under the number of the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opsbook.domains.hardening.content.shelf import Shelf
from opsbook.domains.hardening.controls.loader import load_catalogue
from opsbook.domains.hardening.reading.intake import Reading, read_file
from opsbook.domains.hardening.scan.remote import (
    MOST_HEAD,
    PROBE,
    Head,
    read_equipment,
    read_head,
    script,
)
from opsbook.domains.hardening.scan.tools import Lynis, Oscap, Prepared, Tool
from opsbook.domains.hardening.scan.work import intake_of
from opsbook.domains.hardening.store.importing import Arrival, Identity, Intake, Kept, report
from opsbook.domains.hardening.store.matching import Matcher
from opsbook.execution.reach.shell import HostShell, Shell
from opsbook.execution.reach.ssh import ssh_config
from opsbook.execution.reach.transport import Session, ShellTransport, Transport
from opsbook.execution.reports import faulty
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger
from opsbook.model.clock import Clock
from opsbook.model.errors import HostFailed, Interrupted, OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.finding import Seen, Told
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places, private

MOST_BYTES = 512 << 20
"""The most bytes of a compressed file that is taken from a host."""
_PROBE_SECONDS = 60.0
_BROKEN = (134, 139)
"""Exit codes of a program that was aborted, or touched memory that it was not given."""
_GRACE = 60.0


def oscap(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> InstalledWork:
    """The work behind the procedure ``hardening.oscap``."""
    return _work(Oscap(Shelf(places.content)), estate, inventory, places, clock)


def lynis(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> InstalledWork:
    """The work behind the procedure ``hardening.lynis``."""
    return _work(Lynis(), estate, inventory, places, clock)


def _work(
    tool: Tool, estate: Estate, inventory: Inventory, places: Places, clock: Clock
) -> InstalledWork:
    intake = intake_of(estate, places, load_catalogue())
    reach = Reach(HostShell(inventory, places), ShellTransport(ssh_config(inventory, places)))
    return InstalledWork(tool, reach, intake, open_ledger(places, clock))


@dataclass(frozen=True, slots=True)
class Reach:
    """How hosts are asked and how bulk travels."""

    shell: Shell
    transport: Transport


@dataclass(frozen=True, slots=True)
class _Brought:
    """A file that came from a host, and how."""

    path: Path
    prepared: Prepared
    head: Head
    version: str
    system: str
    root: bool


class InstalledWork:
    """The :class:`opsbook.execution.work.Work` of scanners that hosts have."""

    def __init__(self, tool: Tool, reach: Reach, intake: Intake, ledger: Ledger | None) -> None:
        self._tool = tool
        self._reach = reach
        self._intake = intake
        self._ledger = ledger
        self._matcher = Matcher(intake.inventory.hosts)

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """Always done again: a scan only reads, and the newest look counts."""
        return None

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """See :meth:`opsbook.execution.work.Work.perform`.

        Hosts are scanned side by side; their files are imported one after the other.
        """
        parallel = max(1, int(job.parameters["parallel"]))
        with ThreadPoolExecutor(max_workers=min(parallel, len(hosts) or 1)) as pool:
            scans: dict[Future[_Brought | None], Host] = {
                pool.submit(self._scan, host, job, sink): host for host in hosts
            }
            for scan in as_completed(scans):
                self._finish(scans[scan], scan, job, sink)
        if self._ledger is not None:
            report(self._intake.database, self._ledger)

    def _scan(self, host: Host, job: Job, sink: Sink) -> _Brought | None:
        """One host; None when the run was stopped before it."""
        if job.cancelled.is_set():
            return None
        sink.started(host.name, "scan")
        answer = self._reach.shell.run(host, PROBE, timeout=_PROBE_SECONDS)
        has = read_equipment(answer.out)
        prepared = self._tool.prepare(host, has, job.parameters)
        path = private(job.places.scans(job.run)) / f"{host.name}{self._tool.suffix}.gz"
        head = self._fetch(host, prepared, path, job)
        if self._tool.problem(head.rc):
            path.unlink(missing_ok=True)
            raise _did_not_work(self._tool.name, host, head, prepared.order.seconds)
        return _Brought(path, prepared, head, str(getattr(has, self._tool.name)),
                        has.system, has.root)  # fmt: skip

    def _fetch(self, host: Host, prepared: Prepared, path: Path, job: Job) -> Head:
        with self._tool.sending(prepared) as sent:
            size = os.fstat(sent.fileno()).st_size if sent else 0
            seconds = min(prepared.order.seconds + _GRACE, job.seconds_left)
            session = self._reach.transport.open(
                host, script(replace(prepared.order, receives=size)), become=host.become,
                seconds=seconds, cancelled=job.cancelled,
            )  # fmt: skip
            try:
                while sent and (chunk := sent.read(1 << 20)):
                    session.send(chunk)
                return _received(host, session, path, seconds)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            finally:
                session.kill()

    def _finish(self, host: Host, scan: Future[_Brought | None], job: Job, sink: Sink) -> None:
        try:
            brought = scan.result()
            if brought is not None:
                kept = self._keep(host, brought, job)
                sink.finished(self._told(host, brought, kept))
        except Interrupted:
            return
        except OpsbookError as error:
            sink.finished(faulty(host.name, error))

    def _keep(self, host: Host, brought: _Brought, job: Job) -> Kept:
        """Import the file. It is of this host, whatever it says."""
        reading = read_file(brought.path)

        def identity() -> Identity:
            if not reading.summary.formats:
                raise HostFailed(msg("What {tool} wrote on {host} is no report.",
                                     tool=self._tool.name, host=host.name))  # fmt: skip
            return Identity(reading.summary.sha256, reading.summary.size)

        told = self._of_host(host, brought, reading)
        return self._intake.keep(
            Arrival(f"{job.run}/{brought.path.name}", told, identity, host.name), job.clock.now()
        )

    def _of_host(self, host: Host, brought: _Brought, reading: Reading) -> Iterator[Told]:
        """With the host's own name first, its own word of its system, and with the rights that the
        scanner had there; names that lead to another host are left out.
        """
        for told in reading:
            if not isinstance(told, Seen):
                yield told
                continue
            match = self._matcher.match(told.names, told.addresses)
            ours = replace(told, names=(host.name, *told.names), os=brought.system or told.os,
                           credentialed=brought.root)  # fmt: skip
            alone = match.host == host.name or (match.host is None and not match.several)
            yield ours if alone else replace(ours, names=(host.name,), addresses=())

    def _told(self, host: Host, brought: _Brought, kept: Kept) -> HostReport:
        results: Mapping[str, int] = kept.told["rows"]["results"]
        found = {
            "schema": "opsbook.installed-scan/1",
            "tool": self._tool.name,
            "version": brought.version,
            "seconds": brought.head.seconds,
            "exit": brought.head.rc,
            "file": kept.told["file"],
            "sha256": kept.told["sha256"],
            "bytes": kept.told["bytes"],
            "numbers": dict(results),
            **brought.prepared.told,
        }
        deviations = tuple(_deviations(brought, kept))
        return HostReport(host.name, Outcome.OK, _summary(results), found, deviations)


def _received(host: Host, session: Session, path: Path, seconds: float) -> Head:
    """The lines before the file, and the file itself into ``path``."""
    data = b""
    while b"\n\n" not in data:
        more = session.receive(idle=seconds)
        if not more:
            raise session.fault()
        data += more
        if b"\n\n" not in data and len(data) > MOST_HEAD:
            raise HostFailed(
                msg("{host} did not answer as expected while it was scanned.", host=host.name)
            )
    lines, _, rest = data.partition(b"\n\n")
    head = read_head(host.name, lines)
    if head.bytes > MOST_BYTES:
        raise HostFailed(msg("The file of the scanner on {host} is larger than allowed.",
                             host=host.name))  # fmt: skip
    _write(host, session, path, rest, head.bytes)
    while session.receive():  # until the script has tidied up
        pass
    return head


def _write(host: Host, session: Session, path: Path, rest: bytes, size: int) -> None:
    left = size
    with suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        data = rest
        while left and (data or (data := session.receive())):
            file.write(data[:left])
            left -= len(data[:left])
            data = b""
        file.flush()
        os.fsync(file.fileno())
    if left:
        raise HostFailed(
            msg("The connection to {host} ended before all of the scanner's file was here.",
                host=host.name)
        )  # fmt: skip


def _did_not_work(tool: str, host: Host, head: Head, seconds: int) -> HostFailed:
    if head.rc in (124, 137):
        return HostFailed(
            msg("{tool} on {host} was not done within {seconds} s.", tool=tool, host=host.name,
                seconds=seconds),
            next_step=msg("Rules that walk whole file systems take minutes: allow more with"
                          " --set seconds=..., or leave them out with --set skip=RULE,..."),
        )  # fmt: skip
    memory = msg("It may have run out of the memory it was allowed: --set memory_mib=... gives"
                 " more.")  # fmt: skip
    return HostFailed(
        msg("{tool} on {host} ended with exit {code}: {reason}", tool=tool, host=host.name,
            code=head.rc, reason=head.said[-300:] or "-"),
        next_step=memory if head.rc in _BROKEN else None,
    )  # fmt: skip


def _summary(results: Mapping[str, int]) -> Message:
    decided = results.get("fail", 0) + results.get("pass", 0)
    return msg(
        "{failed} fail of {decided} that were decided; {not_applicable} do not apply, {unsure}"
        " ended in an error or without an answer",
        failed=results.get("fail", 0),
        decided=decided,
        not_applicable=results.get("not_applicable", 0),
        unsure=results.get("error", 0) + results.get("unknown", 0),
    )


def _deviations(brought: _Brought, kept: Kept) -> Iterator[Message]:
    told: Any = brought.prepared.told.get("skipped")
    if told:
        yield msg("left out as asked: {rules}", rules=", ".join(told))
    if any(one["ends"] for one in kept.told["unreadable"]):
        yield msg("the end of the scanner's file could not be read")
