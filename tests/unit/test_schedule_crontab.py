"""Cron lines say on the control host's clock what the estate declares on its own."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from opsbook.calendars.load import load_calendars
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.places import Places
from opsbook.scheduler.crontab import Host, control_host, control_zone, lines, warnings
from opsbook.scheduler.due import due_times

NOW = datetime(2026, 11, 21, 8, 41, tzinfo=UTC)
BOTH = {"zh": "文", "en": "text"}


def estate(zone: str, at: str, days: str = "daily", directory: str = "/srv/small") -> Estate:
    declared = {
        "schema": 1, "name": "small", "title": BOTH, "timezone": zone,
        "schedules": [{"name": "night", "runbook": "look", "when": {"at": at, "days": days}}],
    }  # fmt: skip
    return Estate.model_validate(declared).model_copy(update={"directory": Path(directory)})


def host(zone: str = "UTC", **more: Any) -> Host:
    return Host(ZoneInfo(zone), "/opt/ops/bin/opsbook", {"PATH": "/usr/bin:/bin"}, **more)


def times(declared: Estate, zone: str) -> list[str]:
    """The five time fields of every line, and whether it asks first."""
    found = []
    for line in lines(declared, host(zone), NOW):
        if not line.startswith("#"):
            fields = " ".join(line.split()[:5])
            found.append(fields + (" if due" if line.endswith("--if-due") else ""))
    return found


@pytest.mark.parametrize(
    ("zone", "at", "days", "control", "expected"),
    [
        ("Asia/Shanghai", "02:10", "daily", "Asia/Shanghai", ["10 2 * * *"]),
        ("Asia/Shanghai", "02:10", "workdays", "Asia/Shanghai", ["10 2 * * 1,2,3,4,5"]),
        ("Asia/Shanghai", "02:10", "weekly", "Asia/Shanghai", ["10 2 * * 1"]),
        ("Asia/Shanghai", "02:10", "monthly", "Asia/Shanghai", ["10 2 1 * *"]),
        ("Asia/Shanghai", "02:10", "daily", "UTC", ["10 18 * * *"]),
        ("Asia/Shanghai", "02:10", "workdays", "UTC", ["10 18 * * 0,1,2,3,4"]),
        ("Asia/Shanghai", "02:10", "weekly", "UTC", ["10 18 * * 0"]),
        ("Asia/Shanghai", "02:10", "monthly", "UTC", ["10 18 28-31 * * if due"]),
        ("Asia/Shanghai", "22:10", "monthly", "Pacific/Auckland",
         ["10 3 2 * * if due", "10 2 2 * * if due"]),
        ("UTC", "22:10", "weekly", "Asia/Shanghai", ["10 6 * * 2"]),
        ("Europe/Berlin", "02:30", "daily", "Europe/Berlin", ["30 2 * * *"]),
        ("Europe/Berlin", "02:30", "daily", "Europe/Paris", ["30 2 * * *"]),
        ("Asia/Kathmandu", "00:00", "daily", "UTC", ["15 18 * * *"]),
    ],
)  # fmt: skip
def test_a_schedule_becomes_these_lines(
    zone: str, at: str, days: str, control: str, expected: list[str]
) -> None:
    assert times(estate(zone, at, days), control) == expected


def test_working_days_with_holidays_are_asked_for_every_day() -> None:
    declared = estate("Asia/Shanghai", "02:10", "workdays")
    china = declared.calendar.model_copy(update={"holidays": "china"})
    declared = declared.model_copy(update={"calendar": china})
    assert times(declared, "Asia/Shanghai") == ["10 2 * * * if due"]
    assert times(declared, "UTC") == ["10 18 * * * if due"]


def _fires(line: str, moment: datetime) -> bool:
    """Whether cron (crontab(5)) starts ``line`` at ``moment`` of its own clock."""
    minute, hour, month_day, _, week_day = line.split()[:5]
    days = range(1, 32) if month_day == "*" else _numbers(month_day)
    weekdays = range(7) if week_day == "*" else _numbers(week_day)
    return (
        (moment.hour, moment.minute) == (int(hour), int(minute))
        and moment.day in days
        and (moment.weekday() + 1) % 7 in weekdays
    )


def _numbers(field: str) -> list[int]:
    if "-" in field:
        first, last = field.split("-")
        return list(range(int(first), int(last) + 1))
    return [int(part) for part in field.split(",")]


@pytest.mark.parametrize("days", ["daily", "workdays", "weekly", "monthly"])
@pytest.mark.parametrize(
    ("zone", "control"),
    [("Asia/Shanghai", "UTC"), ("America/New_York", "UTC"), ("Europe/Berlin", "America/New_York"),
     ("Australia/Lord_Howe", "Asia/Shanghai"), ("Asia/Shanghai", "Europe/Berlin")],
)  # fmt: skip
def test_cron_fires_at_every_due_time_of_a_year(zone: str, control: str, days: str) -> None:
    declared = estate(zone, "02:30", days)
    entries = [line for line in lines(declared, host(control), NOW) if line[0] != "#"]
    when = declared.schedules[0].when
    calendar = load_calendars(declared)
    dues = list(
        due_times(when, declared.zone, calendar, after=NOW, until=NOW + timedelta(days=399))
    )
    assert dues
    for due in dues:
        assert any(_fires(line, due.astimezone(ZoneInfo(control))) for line in entries)


@pytest.mark.parametrize(
    ("zone", "control", "number"),
    [("Asia/Shanghai", "UTC", 0), ("Europe/Berlin", "Europe/Paris", 0),
     ("America/New_York", "UTC", 1), ("Asia/Shanghai", "America/New_York", 1)],
)  # fmt: skip
def test_clocks_that_change_on_different_days_are_warned_of(
    zone: str, control: str, number: int
) -> None:
    assert len(warnings(estate(zone, "02:30"), host(control), NOW)) == number


def test_a_line_stands_under_a_comment_and_says_all_that_cron_does_not_know() -> None:
    comment, line = lines(estate("UTC", "02:10"), host(), NOW)
    assert comment == "# opsbook: estate small, schedule night: look daily at 02:10 UTC"
    assert line == (
        "10 2 * * * PATH=/usr/bin:/bin /opt/ops/bin/opsbook schedule run night -e /srv/small"
    )


def test_a_line_for_cron_d_names_the_account() -> None:
    _, line = lines(estate("UTC", "02:10"), host(user="ops"), NOW)
    assert line.startswith("10 2 * * * ops PATH=")


@pytest.mark.parametrize(
    "directory", ["/srv/a b", "/srv/a%b", "/srv/$(id)", "/srv/'; id '", "/政务"]
)
def test_a_path_stays_one_word_of_the_command(directory: str) -> None:
    _, line = lines(estate("UTC", "02:10", directory=directory), host(), NOW)
    command = line.split(None, 5)[5].replace("\\%", "%")
    assert shlex.split(command)[-1] == directory
    assert line.replace("\\%", "").count("%") == 0


@pytest.mark.parametrize("directory", ["/srv/a\nb", "/srv/a\\b", "/srv/" + "x" * 1000, "/a\x1bb"])
def test_a_path_that_cron_cannot_carry_is_refused(directory: str) -> None:
    with pytest.raises(InputFault):
        list(lines(estate("UTC", "02:10", directory=directory), host(), NOW))


@pytest.mark.parametrize("user", ["a b", "root\n* * * * * id", "-x", "a;b"])
def test_an_account_that_is_none_is_refused(user: str) -> None:
    with pytest.raises(UsageFault):
        control_host(estate("UTC", "02:10"), Places(Path("/state")), user)


def test_the_zone_of_the_machine_is_read_from_its_rules(tmp_path: Path) -> None:
    rules = Path("/usr/share/zoneinfo/Asia/Shanghai")
    (tmp_path / "localtime").symlink_to(rules)
    moment = NOW.astimezone(control_zone(tmp_path / "localtime"))
    assert moment.utcoffset() == timedelta(hours=8)
    assert NOW.astimezone(control_zone(tmp_path / "none")).utcoffset() == timedelta(0)
