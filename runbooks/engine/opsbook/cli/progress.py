"""Progress of a run: a live table on a terminal, lines of what matters elsewhere."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opsbook.cli.words import PHASES, labelled, listed, word
from opsbook.documents.labels import OUTCOMES
from opsbook.documents.words import size
from opsbook.lifecycle.request import Watcher
from opsbook.model.message import Message, printable
from opsbook.model.outcome import Outcome
from opsbook.text import current, tr, translate

if TYPE_CHECKING:
    from opsbook.execution.work import HostReport
    from opsbook.lifecycle.request import RunResult
    from opsbook.model.clock import Clock


_NAMED = 20
"""So many hosts of a wave stand on its line."""


@contextmanager
def watcher_for(clock: Clock, *, to_json: bool = False) -> Iterator[Watcher]:
    """The watcher that suits standard error: live on a terminal, lines otherwise.

    The live table is taken down before anything else is printed.
    """
    if to_json or not sys.stderr.isatty():
        yield Lines(numbers=not to_json)
        return
    live = Live(clock)
    try:
        yield live
    finally:
        live.stop()


class Lines(Watcher):
    """One line for each thing that matters, for cron's mail, pipes and logs.

    ``numbers``: the run's number on standard output, where that is a terminal.
    """

    def __init__(self, *, numbers: bool) -> None:
        self._numbers = numbers

    def opened(self, run: str, plan: Mapping[str, Any]) -> None:
        """The run and how many hosts it has."""
        _say(tr("{run}: {title}, {estate}, hosts: {number}", run=run, title=_title(plan),
                estate=plan["estate"]["name"], number=len(plan["hosts"])))  # fmt: skip

    def wave_started(self, number: int, hosts: Sequence[str]) -> None:
        """The wave and its hosts."""
        names = listed(hosts[:_NAMED])
        if len(hosts) > _NAMED:
            names = tr("{hosts} and {number} more", hosts=names, number=len(hosts) - _NAMED)
        _say(tr("Wave {number} begins: {hosts}", number=number, hosts=names))

    def wave_ended(
        self, number: int, outcomes: Mapping[str, Outcome], verified: int | None
    ) -> None:
        """How many hosts ended how, and passed their verification."""
        counts = _counts(Counter(outcomes.values()))
        if verified is not None:
            counts = tr("{counts}; verified: {verified}", counts=counts, verified=verified)
        _say(tr("Wave {number} is through: {counts}", number=number, counts=counts))

    def host_finished(self, report: HostReport) -> None:
        """How the host ended; where there was nothing to do, the record says why."""
        if report.outcome is not Outcome.SKIPPED:
            what = labelled(word(OUTCOMES, report.outcome), _(report.summary))
            _say("\n  ".join([labelled(report.host, what), *map(_, report.deviations)]))

    def closed(self, result: RunResult) -> None:
        """The problems, and where there is more."""
        for problem in result.problems:
            _say(_(problem))
        _say(_ended(result))
        if self._numbers and sys.stdout.isatty():
            print(result.run)


@dataclass(slots=True)
class _Row:
    phase: str = ""
    done: int = 0
    total: int | None = None
    outcome: Outcome | None = None
    summary: str = ""


class Live(Watcher):
    """Hosts and their phase, bytes and the time that is left, redrawn a few times a second."""

    def __init__(self, clock: Clock) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._title = ""
        self._begun = clock.monotonic()
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = RichLive(
            get_renderable=self._table, console=self._console, refresh_per_second=5, transient=True
        )

    def opened(self, run: str, plan: Mapping[str, Any]) -> None:
        """Show the plan's hosts."""
        self._title = f"{run}  {_title(plan)}  {plan['estate']['name']}"
        self._rows = {host: _Row() for host in plan["hosts"]}
        self._live.start()

    def host_started(self, host: str, phase: str) -> None:
        """Show the phase."""
        with self._lock:
            self._rows.setdefault(host, _Row()).phase = phase

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Show the bytes."""
        with self._lock:
            row = self._rows.setdefault(host, _Row())
            row.done, row.total = done, total

    def host_finished(self, report: HostReport) -> None:
        """Show the outcome."""
        with self._lock:
            row = self._rows.setdefault(report.host, _Row())
            row.outcome, row.summary = report.outcome, _(report.summary)

    def closed(self, result: RunResult) -> None:
        """Print the table once more, for good, and one sentence about the run."""
        self.stop()
        self._console.print(self._table())
        for problem in result.problems:
            self._console.print(_(problem))
        self._console.print(_ended(result))

    def stop(self) -> None:
        """Take the live table down."""
        self._live.stop()

    def _table(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        with self._lock:
            rows = dict(self._rows)
        streams = any(row.done or row.total for row in rows.values())
        figures = (tr("bytes"), tr("left")) if streams else ()
        for heading in (tr("host"), tr("state"), *figures, tr("what")):
            table.add_column(heading)
        for host, row in rows.items():
            style = "red" if row.outcome and row.outcome.needs_action else ""
            numbers = (_bytes(row), self._left(row)) if streams else ()
            cells = (printable(host), self._state(row), *numbers, row.summary)
            table.add_row(*(Text(cell) for cell in cells), style=style)
        return Group(Text(self._title), table)

    def _state(self, row: _Row) -> str:
        if row.outcome:
            return word(OUTCOMES, row.outcome)
        return word(PHASES, row.phase) if row.phase else tr("waiting")

    def _left(self, row: _Row) -> str:
        """Time left by the rate so far; nothing while it cannot be told."""
        if row.outcome or not row.total or not row.done:
            return ""
        spent = self._clock.monotonic() - self._begun
        left = spent * (row.total - row.done) / row.done
        return f"{int(left) // 60}:{int(left) % 60:02d}"


def _bytes(row: _Row) -> str:
    if not row.done and not row.total:
        return ""
    if row.total:
        return f"{size(row.done)} / {size(row.total)}"
    return size(row.done)


def _title(plan: Mapping[str, Any]) -> str:
    return str(plan["runbook"]["title"]["zh" if current().startswith("zh") else "en"])


def _counts(counts: Mapping[Outcome, int]) -> str:
    return listed(f"{word(OUTCOMES, outcome)} {number}" for outcome, number in counts.items())


def _ended(result: RunResult) -> str:
    return tr("{run}: {counts}. More: opsbook records show {run}", run=result.run,
              counts=_counts(result.counts) or tr("no host has ended"))  # fmt: skip


def _say(line: str) -> None:
    """Tell it, if anybody listens; the record has it, and a run never ends for want of a reader."""
    with suppress(OSError):
        print(line, file=sys.stderr)


def _(message: Message) -> str:
    return translate(message)
