"""Commands: run, resume."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.ledger.port import Ledger
    from opsbook.lifecycle.request import RunResult, Watcher
    from opsbook.model.clock import Clock
    from opsbook.model.estate import Estate
    from opsbook.model.places import Places


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command("run", help=tr("Run a routine runbook on an estate."))(_run)
    app.command("resume", help=tr("Go on with a run that was cut off."))(_resume)


def _run(
    runbook: Annotated[str, typer.Argument(help=tr("The runbook."))],
    estate: Annotated[str, typer.Option("-e", "--estate", help=tr("The estate."))],
    limit: Annotated[
        str | None,
        typer.Option("-l", "--limit", help=tr("Only these hosts, groups or patterns.")),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="K=V", help=tr("A parameter; may be repeated.")),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", help=tr("Take limit and parameters from this schedule.")),
    ] = None,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help=tr("Exit with 2 when hosts were changed."))
    ] = False,
    to_json: Annotated[bool, typer.Option("--json", help=tr("Print the result as JSON."))] = False,
) -> int:
    from opsbook.lifecycle import RunRequest, run_runbook

    request = RunRequest(
        runbook=runbook.replace("-", "_"),
        estate=estate,
        limit=limit,
        settings=_pairs(settings or []),
        schedule=schedule,
    )
    return _watched(
        lambda p, c, w: run_runbook(request, p, c, w, beforehand=partial(_tell_missed, c)),
        to_json,
        detailed,
    )


def _resume(
    run: Annotated[str, typer.Argument(help=tr("The number of the run, RUN-..."))],
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help=tr("Exit with 2 when hosts were changed."))
    ] = False,
    to_json: Annotated[bool, typer.Option("--json", help=tr("Print the result as JSON."))] = False,
) -> int:
    from opsbook.lifecycle import resume_run

    return _watched(lambda p, c, w: resume_run(run, p, c, w), to_json, detailed)


def _tell_missed(clock: Clock, estate: Estate, ledger: Ledger) -> None:
    """Night jobs of this estate that were due and did not happen are recorded and told."""
    import sys

    from opsbook.scheduler.missed import record_missed

    for miss in record_missed(estate, ledger, clock):
        due = miss.due.astimezone(estate.zone).isoformat(" ", "minutes")
        told = tr("{schedule} was due at {due} and did not run; recorded as {run}.",
                  schedule=miss.schedule, due=due, run=miss.run)  # fmt: skip
        print(told, file=sys.stderr)


def _watched(
    go: Callable[[Places, Clock, Watcher], RunResult], to_json: bool, detailed: bool
) -> int:
    from opsbook.cli.progress import watcher_for
    from opsbook.cli.show import as_json
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    clock = SystemClock()
    with watcher_for(clock, to_json=to_json) as watcher:
        result = go(Places.from_env(), clock, watcher)
    if to_json:
        as_json(
            {
                "run": result.run,
                "state": str(result.state),
                "exit": int(result.exit),
                "counts": {str(outcome): number for outcome, number in result.counts.items()},
            }
        )
    if result.exit is Exit.CHANGED and not detailed:
        return Exit.DONE
    return result.exit


def _pairs(settings: list[str]) -> dict[str, str]:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    for word in settings:
        if "=" not in word:
            raise UsageFault(
                msg("--set {word} is not of the form name=value.", word=word),
                untouched=msg("Nothing was started."),
            )
    return {name: value for name, _, value in (word.partition("=") for word in settings)}
