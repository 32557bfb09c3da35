"""Commands: schedule list, next, export, run, check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from datetime import datetime

    from opsbook.model.estate import Estate, Scheduled

_ESTATE = "-e", "--estate"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Night jobs: what is due when, lines for cron, what was missed."),
        no_args_is_help=True,
    )
    group.command("list", help=tr("List the night jobs that estates declare."))(_list)
    group.command("next", help=tr("Show when night jobs are due next."))(_next)
    group.command("export", help=tr("Print the night jobs as lines for cron."))(_export)
    group.command("run", help=tr("Start one night job, as cron does."))(_run)
    group.command("check", help=tr("Find and record runs that were due and did not happen."))(
        _check
    )
    app.add_typer(group, name="schedule")


def _list(
    estate: Annotated[str | None, typer.Option(*_ESTATE, help=tr("Only this estate."))] = None,
    to_json: Annotated[bool, typer.Option("--json", help=tr("Print as JSON."))] = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.cli.words import DAYS, word

    rows = [
        {
            "estate": each.name,
            "schedule": job.name,
            "runbook": job.runbook,
            "days": job.when.days if to_json else word(DAYS, job.when.days),
            "at": job.when.at,
            "timezone": each.timezone,
            "limit": job.limit,
            "grace_minutes": job.grace_minutes,
            "parameters": dict(job.parameters) if to_json else _pairs(job),
        }
        for each in _estates(estate)
        for job in each.schedules
    ]
    columns = [
        ("estate", tr("estate")),
        ("schedule", tr("schedule")),
        ("runbook", tr("runbook")),
        ("days", tr("days")),
        ("at", tr("at")),
        ("timezone", tr("time zone")),
        ("limit", tr("limit")),
        ("parameters", tr("parameters")),
    ]
    listing(rows, columns, to_json=to_json)


def _next(
    estate: Annotated[str | None, typer.Option(*_ESTATE, help=tr("Only this estate."))] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, max=1000, help=tr("How many of each job."))
    ] = 1,
    to_json: Annotated[bool, typer.Option("--json", help=tr("Print as JSON."))] = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.model.clock import SystemClock

    now = SystemClock().now()
    rows = [row for each in _estates(estate) for row in _due_rows(each, now, number)]
    rows.sort(key=lambda row: (row["utc"], row["estate"], row["schedule"]))
    columns = [
        ("due", tr("due")),
        ("estate", tr("estate")),
        ("schedule", tr("schedule")),
        ("runbook", tr("runbook")),
    ]
    listing(rows, columns, to_json=to_json)


def _export(
    estate: Annotated[str | None, typer.Option(*_ESTATE, help=tr("Only this estate."))] = None,
    cron: Annotated[bool, typer.Option("--cron", help=tr("Lines for cron."))] = False,
    user: Annotated[
        str | None,
        typer.Option("--user", help=tr("For a file in /etc/cron.d: the account of the job.")),
    ] = None,
) -> None:
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg
    from opsbook.model.places import Places
    from opsbook.scheduler.crontab import control_host, lines, warnings
    from opsbook.scheduler.declared import check_schedules
    from opsbook.text import translate

    if not cron:
        raise UsageFault(
            msg("Say for what the schedules are exported."),
            next_step=msg("opsbook schedule export --cron prints lines for cron."),
        )
    now = SystemClock().now()
    for each in _estates(estate):
        check_schedules(each)
        host = control_host(each, Places.from_env(), user or "")
        printed = list(lines(each, host, now))
        for warning in warnings(each, host, now):
            _say(translate(warning))
        print("\n".join(printed))


def _run(
    name: Annotated[str, typer.Argument(help=tr("The schedule."))],
    estate: Annotated[str, typer.Option(*_ESTATE, help=tr("The estate."))],
    if_due: Annotated[
        bool, typer.Option("--if-due", help=tr("Only when it is due and has not started yet."))
    ] = False,
) -> int:
    from opsbook.cli.progress import watcher_for
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places
    from opsbook.scheduler.job import Silent, start_job

    clock, places = SystemClock(), Places.from_env()
    if not sys.stderr.isatty():
        return start_job(name, estate, places, clock, Silent(), _say, if_due=if_due)
    with watcher_for(clock) as live:
        return start_job(name, estate, places, clock, live, _say, if_due=if_due)


def _check(
    estate: Annotated[str | None, typer.Option(*_ESTATE, help=tr("Only this estate."))] = None,
    to_json: Annotated[bool, typer.Option("--json", help=tr("Print as JSON."))] = False,
) -> int:
    from opsbook.cli.show import listing
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places
    from opsbook.scheduler.missed import record_missed

    clock = SystemClock()
    ledger = open_ledger(Places.from_env(), clock)
    rows = [
        {
            "due": miss.due.astimezone(each.zone).isoformat(timespec="minutes"),
            "estate": each.name,
            "schedule": miss.schedule,
            "runbook": miss.runbook,
            "run": miss.run,
        }
        for each in _estates(estate)
        for miss in record_missed(each, ledger, clock)
    ]
    columns = [
        ("due", tr("due")),
        ("estate", tr("estate")),
        ("schedule", tr("schedule")),
        ("runbook", tr("runbook")),
        ("run", tr("recorded as")),
    ]
    if rows or to_json:
        listing(rows, columns, to_json=to_json)
    return Exit.DONE


def _say(paragraph: str) -> None:
    print(paragraph, file=sys.stderr, flush=True)


def _estates(name: str | None) -> Sequence[Estate]:
    """The estate asked for, its schedules checked; or all that can be given by name, as they are:
    one estate's fault does not hide the others.
    """
    from opsbook.execution.declared.declarations import list_estates, load_estate
    from opsbook.model.places import Places
    from opsbook.scheduler.declared import load_schedules

    places = Places.from_env()
    if name:
        return [load_schedules(name, places)]
    return [load_estate(str(directory), places) for directory in list_estates(places).values()]


def _due_rows(estate: Estate, now: datetime, number: int) -> list[dict[str, Any]]:
    from opsbook.calendars.load import load_calendars
    from opsbook.scheduler.due import next_times

    calendars = load_calendars(estate)
    return [
        {
            "due": due.astimezone(estate.zone).isoformat(timespec="minutes"),
            "utc": due.isoformat(timespec="minutes"),
            "estate": estate.name,
            "schedule": job.name,
            "runbook": job.runbook,
        }
        for job in estate.schedules
        for due in next_times(job.when, estate.zone, calendars, after=now, number=number)
    ]


def _pairs(job: Scheduled) -> str:
    return " ".join(f"{name}={value}" for name, value in job.parameters.items())
