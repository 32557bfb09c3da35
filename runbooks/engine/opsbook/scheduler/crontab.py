"""Schedules as lines for cron (Debian's cron 3.0, crontab(5)), which starts jobs with next to
nothing in the environment.

Cron knows only the control host's clock, so times are converted to it. Where one line cannot say
it exactly (the two clocks change on different days, or the first of a month falls on the last
day of the month before), there are several lines with ``--if-due``: all but one do nothing.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from opsbook.calendars.load import load_calendars
from opsbook.execution.declared.declarations import runbook_directory, ships_with_us
from opsbook.model.calendar import WEEK
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.estate import Estate, Scheduled
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.scheduler.due import due_times
from opsbook.text import current

LONGEST = 900
"""Bytes of a command that cron surely takes (its own limit is 1000, MAX_COMMAND)."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_YEAR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Host:
    """The control host as cron will see it: its zone, and where things are.

    ``program`` is the absolute path of opsbook; ``environment`` is put in front of the command;
    ``user`` is the account column of files below /etc/cron.d, empty for a user's own crontab.
    """

    zone: ZoneInfo
    program: str
    environment: Mapping[str, str]
    user: str = ""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A time on the control host's clock, ``shift`` days after the estate's date."""

    hour: int
    minute: int
    shift: int


def control_zone(localtime: Path = Path("/etc/localtime")) -> ZoneInfo:
    """The zone of this machine's clock, as cron reads it; UTC where the file is missing."""
    if not localtime.exists():
        return ZoneInfo("UTC")
    with localtime.open("rb") as rules:
        return ZoneInfo.from_file(rules)


def control_host(estate: Estate, places: Places, user: str = "") -> Host:
    """This machine, with what the jobs of ``estate`` need in their environment.

    Raises UsageFault when ``user`` cannot be the name of an account.
    """
    if user and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", user):
        raise UsageFault(msg("{user} is not the name of an account.", user=user))
    program = _program()
    environment = {
        "PATH": f"{program.parent}:{_PATH}",
        "LANG": "C.UTF-8",
        "OPSBOOK_LANG": current(),
        "OPSBOOK_STATE": str(places.root),
    }
    folders = _runbook_folders(estate)
    if folders:
        environment["OPSBOOK_RUNBOOKS"] = ":".join(folders)
    return Host(control_zone(), str(program), environment, user)


def lines(estate: Estate, host: Host, now: datetime) -> Iterator[str]:
    """The crontab lines of ``estate``, each under a comment that says what it is.

    Raises InputFault when a path cannot stand in a crontab.
    """
    for job in estate.schedules:
        yield _comment(estate, job)
        slots = _slots(estate, job, host.zone, now)
        exact = len(slots) == 1 and not _only_if_due(estate, job, slots[0])
        command = _command(estate, job, host, exact=exact)
        for slot in slots:
            yield f"{slot.minute} {slot.hour} {_days(estate, job, slot.shift)} {command}"


def _only_if_due(estate: Estate, job: Scheduled, slot: _Slot) -> bool:
    """Cron can say neither the last day of a month nor which days are public holidays."""
    last_of_month = job.when.days == "monthly" and slot.shift < 0
    return last_of_month or (job.when.days == "workdays" and estate.calendar.holidays != "none")


def warnings(estate: Estate, host: Host, now: datetime) -> list[Message]:
    """What the person who installs the lines should know."""
    return [
        msg(
            "The clock of this machine and {zone} do not change on the same days: {schedule} "
            "has {number} lines, and each night the one that is due does the work.",
            zone=estate.timezone, schedule=job.name, number=len(slots),
        )
        for job in estate.schedules
        if len(slots := _slots(estate, job, host.zone, now)) > 1
    ]  # fmt: skip


def _program() -> Path:
    """The ``opsbook`` that is running, or the one beside this Python."""
    running = Path(sys.argv[0]).absolute()
    if running.name == "opsbook" and running.is_file():
        return running
    return Path(sys.executable).with_name("opsbook")


def _runbook_folders(estate: Estate) -> list[str]:
    """Folders of scheduled runbooks that did not come with opsbook; cron has no ``./``."""
    found = [runbook_directory(job.runbook) for job in estate.schedules]
    return sorted({str(folder.parent) for folder in found if not ships_with_us(folder)})


def _slots(estate: Estate, job: Scheduled, zone: ZoneInfo, now: datetime) -> list[_Slot]:
    """Where the due times of the next year stand on the clock of ``zone``, most usual first."""
    calendar = load_calendars(estate)
    dues = list(due_times(job.when, estate.zone, calendar, after=now, until=now + _YEAR))
    if not dues:
        return []
    hour, minute = (int(part) for part in job.when.at.split(":"))
    if all(
        due.astimezone(zone).utcoffset() == due.astimezone(estate.zone).utcoffset() for due in dues
    ):
        return [_Slot(hour, minute, 0)]
    found: dict[_Slot, int] = {}
    for due in dues:
        here, there = due.astimezone(zone), due.astimezone(estate.zone)
        slot = _Slot(here.hour, here.minute, (here.date() - there.date()).days)
        found[slot] = found.get(slot, 0) + 1
    return sorted(found, key=lambda slot: -found[slot])


def _days(estate: Estate, job: Scheduled, shift: int) -> str:
    """Day of month, month and day of week (0 is Sunday)."""
    if job.when.days == "monthly":
        return "28-31 * *" if shift < 0 else f"{1 + shift} * *"
    if job.when.days == "weekly":
        return f"* * {_weekday(0, shift)}"
    if job.when.days == "workdays" and estate.calendar.holidays == "none":
        days = sorted(_weekday(WEEK.index(day), shift) for day in estate.calendar.work_days)
        return f"* * {','.join(str(day) for day in days)}"
    return "* * *"


def _weekday(from_monday: int, shift: int) -> int:
    return (from_monday + 1 + shift) % 7


def _comment(estate: Estate, job: Scheduled) -> str:
    return (
        f"# opsbook: estate {estate.name}, schedule {job.name}: "
        f"{job.runbook} {job.when.days} at {job.when.at} {estate.timezone}"
    )


def _command(estate: Estate, job: Scheduled, host: Host, *, exact: bool) -> str:
    words = [host.program, "schedule", "run", job.name, "-e", str(estate.directory.absolute())]
    words += [] if exact else ["--if-due"]
    settings = [f"{name}={shlex.quote(value)}" for name, value in host.environment.items()]
    command = " ".join([*settings, shlex.join(words)])
    _check(command, words)
    column = f"{host.user} " if host.user else ""
    return column + command.replace("%", "\\%")


def _check(command: str, words: Sequence[str]) -> None:
    """Cron has no way to write these: a line break, a backslash before ``%``, too long a line."""
    if not command.isprintable() or "\\" in command:
        raise InputFault(
            msg("A path on this machine cannot be written in a crontab: {words}",
                words=shlex.join(words)),
            next_step=msg("Move opsbook's state or the estate to a plain path."),
        )  # fmt: skip
    if len(command.encode()) > LONGEST:
        raise InputFault(
            msg("The command is too long for cron: {words}", words=shlex.join(words)),
            next_step=msg("Move opsbook's state or the estate to a shorter path."),
        )
