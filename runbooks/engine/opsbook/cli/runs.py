"""Commands: run, apply, resume, undo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.cli.options import DetailedOption, EstateOption, JsonOption, LimitOption, SetOption
from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.ledger.port import Ledger
    from opsbook.lifecycle import RunRequest
    from opsbook.lifecycle.request import Adopted, RunResult, Watcher
    from opsbook.model.clock import Clock
    from opsbook.model.estate import Estate
    from opsbook.model.places import Places


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command("run", help=tr("Run a routine runbook, or a standard one under its envelope."))(
        _run
    )
    app.command("apply", help=tr("Carry out an approved change."))(_apply)
    app.command("resume", help=tr("Go on with a run that was cut off or stopped."))(_resume)
    app.command("undo", help=tr("Bring back what a change has changed."))(_undo)


def _run(
    runbook: Annotated[str, typer.Argument(help=tr("The runbook."))],
    estate: EstateOption,
    limit: LimitOption = None,
    settings: SetOption = None,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", help=tr("Take limit and parameters from this schedule.")),
    ] = None,
    detailed: DetailedOption = False,
    to_json: JsonOption = False,
) -> int:
    from opsbook.cli.options import pairs
    from opsbook.lifecycle import RunRequest

    request = RunRequest(
        runbook=runbook.replace("-", "_"),
        estate=estate,
        limit=limit,
        settings=pairs(settings or []),
        schedule=schedule,
    )
    return run_watched(request, to_json=to_json, detailed=detailed)


def run_watched(request: RunRequest, *, to_json: bool, detailed: bool = False) -> int:
    """Run what needs no signature of its own, its progress shown; the exit code."""
    from opsbook.lifecycle import run_runbook

    return _watched(
        lambda p, c, w: run_runbook(request, p, c, w, beforehand=partial(_tell_missed, c)),
        to_json,
        detailed,
    )


def _resume(
    number: Annotated[str, typer.Argument(help=tr("The number of the run or change."))],
    detailed: DetailedOption = False,
    to_json: JsonOption = False,
) -> int:
    from opsbook.lifecycle.resuming import resume

    return _watched(lambda p, c, w: resume(number, p, c, w), to_json, detailed)


def _apply(
    change: Annotated[str, typer.Argument(help=tr("The change, CHG-..."))],
    detailed: DetailedOption = False,
    to_json: JsonOption = False,
) -> int:
    from opsbook.lifecycle.change.applying import apply_change

    return _watched(lambda p, c, w: apply_change(change, p, c, w), to_json, detailed)


def _undo(
    change: Annotated[str, typer.Argument(help=tr("The change, CHG-..."))],
    limit: LimitOption = None,
    detailed: DetailedOption = False,
    to_json: JsonOption = False,
) -> int:
    from opsbook.lifecycle.change.applying import undo_change

    return _watched(lambda p, c, w: undo_change(change, limit, p, c, w), to_json, detailed)


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
    go: Callable[[Places, Clock, Watcher], RunResult | Adopted], to_json: bool, detailed: bool
) -> int:
    from opsbook.cli.progress import watcher_for
    from opsbook.cli.show import as_json
    from opsbook.lifecycle.request import Adopted
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    clock = SystemClock()
    with watcher_for(clock, to_json=to_json) as watcher:
        result = go(Places.from_env(), clock, watcher)
    if isinstance(result, Adopted):
        return _adopted(result, to_json)
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


def _adopted(result: Adopted, to_json: bool) -> int:
    """The policy is in force; a witness that did not hear of it is told."""
    from opsbook.cli.show import as_json, warn
    from opsbook.model.change import ChangeState

    if to_json:
        as_json({"change": result.change, "state": str(ChangeState.APPLIED), "exit": 0})
    else:
        print(tr("The approver policy is in force."))
    warn(result.problems)
    return Exit.DONE
