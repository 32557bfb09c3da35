"""Progress of a run: a live table on a terminal, only what matters elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opsbook.cli.words import PHASES, labelled, listed, word
from opsbook.documents.labels import OUTCOMES
from opsbook.documents.words import size
from opsbook.model.message import Message, printable
from opsbook.text import tr, translate

if TYPE_CHECKING:
    from opsbook.execution.work import HostReport
    from opsbook.lifecycle.request import RunResult, Watcher
    from opsbook.model.clock import Clock
    from opsbook.model.outcome import Outcome


@contextmanager
def watcher_for(clock: Clock, *, to_json: bool = False) -> Iterator[Watcher]:
    """The watcher that suits standard error: live on a terminal, quiet otherwise.

    The live table is taken down before anything else is printed.
    """
    if to_json or not sys.stderr.isatty():
        yield Quiet(says=not to_json)
        return
    live = Live(clock)
    try:
        yield live
    finally:
        live.stop()


class Quiet:
    """Says only what somebody has to act on: hosts that went wrong, and problems of the run."""

    def __init__(self, *, says: bool) -> None:
        self._says = says

    def opened(self, run: str, plan: Mapping[str, Any]) -> None:
        """Nothing to say."""

    def host_started(self, host: str, phase: str) -> None:
        """Nothing to say."""

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Nothing to say."""

    def host_finished(self, report: HostReport) -> None:
        """Say what went wrong, what was left untouched and what to do next."""
        if not report.outcome.good:
            what = labelled(word(OUTCOMES, report.outcome), _(report.summary))
            _say("\n  ".join([labelled(report.host, what), *map(_, report.deviations)]))

    def closed(self, result: RunResult) -> None:
        """Say the problems; on success print the number of the run to standard output."""
        for problem in result.problems:
            _say(_(problem))
        if self._says and sys.stdout.isatty():
            print(result.run)


@dataclass(slots=True)
class _Row:
    phase: str = ""
    done: int = 0
    total: int | None = None
    outcome: Outcome | None = None
    summary: str = ""


class Live:
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
        from opsbook.text import current

        title = plan["runbook"]["title"]["zh" if current().startswith("zh") else "en"]
        self._title = f"{run}  {title}  {plan['estate']['name']}"
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
        counts = listed(f"{word(OUTCOMES, o)} {n}" for o, n in result.counts.items())
        self._console.print(
            tr("{run}: {counts}. More: opsbook records show {run}", run=result.run, counts=counts)
        )

    def stop(self) -> None:
        """Take the live table down."""
        self._live.stop()

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(self._title), box=None, pad_edge=False, title_justify="left")
        for heading in (tr("host"), tr("state"), tr("bytes"), tr("left"), tr("what")):
            table.add_column(heading)
        with self._lock:
            for host, row in self._rows.items():
                style = "red" if row.outcome and row.outcome.needs_action else ""
                cells = (printable(host), self._state(row), _bytes(row), self._left(row),
                         row.summary)  # fmt: skip
                table.add_row(*(Text(cell) for cell in cells), style=style)
        return table

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


def _say(line: str) -> None:
    """Tell it, if anybody listens; the record has it, and a run never ends for want of a reader."""
    with suppress(OSError):
        print(line, file=sys.stderr)


def _(message: Message) -> str:
    return translate(message)
