"""``estate.yml`` and the hosts of an estate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator

from opsbook.model.base import Bilingual, Declared
from opsbook.model.calendar import Calendar, Windows
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg
from opsbook.model.names import EstateName, RunbookName
from opsbook.model.runbook import Schedule

ARCHIVE_FLOOR_DAYS = 183
"""The least archive retention in days (Cybersecurity Law of the PRC: not less than six months)."""

HOT_FLOOR_DAYS = 30
"""The least hot retention in days (service contract: run logs kept 30 days)."""


def _is_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise WrongValue(
            msg("not a time zone of the tz database, such as Asia/Shanghai")
        ) from error
    return name


TimeZone = Annotated[str, AfterValidator(_is_timezone)]


class Witness(Declared):
    """A place under another account that keeps copies of our checkpoints."""

    kind: Literal["file", "git", "syslog"]
    path: str | None = None
    address: str | None = None


class Stores(Declared):
    """Where collected logs go; without a value, below opsbook's own state."""

    logs: str | None = None
    archive: str | None = None

    @field_validator("logs", "archive")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not Path(value).is_absolute():
            raise WrongValue(msg("a store is an absolute path"))
        return value


class LogPolicy(Declared):
    """Retention and limits of log collection. The floors cannot be lowered."""

    hot_days: int = Field(default=HOT_FLOOR_DAYS, ge=HOT_FLOOR_DAYS)
    archive_days: int = Field(default=ARCHIVE_FLOOR_DAYS, ge=ARCHIVE_FLOOR_DAYS)
    min_free_mib: int = Field(default=1024, ge=0)


class FindingsPolicy(Declared):
    """Within how many days of being first seen a finding is to be closed, by its severity.

    Without a number no clock runs. Where more than ``not_applicable_percent`` of a scanner's rules
    do not apply to a host, nobody may say it is compliant.
    """

    critical_days: int | None = Field(default=None, ge=1, le=3650)
    high_days: int | None = Field(default=None, ge=1, le=3650)
    medium_days: int | None = Field(default=None, ge=1, le=3650)
    low_days: int | None = Field(default=None, ge=1, le=3650)
    not_applicable_percent: int = Field(default=50, ge=0, le=99)

    @property
    def limits(self) -> dict[str, int]:
        """Severity -> days, of those that are declared."""
        declared = {"critical": self.critical_days, "high": self.high_days,
                    "medium": self.medium_days, "low": self.low_days}  # fmt: skip
        return {name: days for name, days in declared.items() if days is not None}


class Policies(Declared):
    """The estate's rules."""

    logs: LogPolicy = LogPolicy()
    findings: FindingsPolicy = FindingsPolicy()
    require_witness: bool = False


class Scheduled(Declared):
    """A night job of this estate."""

    name: RunbookName
    runbook: RunbookName
    when: Schedule
    limit: str | None = None
    parameters: Mapping[str, str | int | bool] = Field(default_factory=dict)
    grace_minutes: int = Field(default=60, ge=1)


class Estate(Declared):
    """One contract's systems. ``directory`` is where it was read from."""

    schema_version: Literal[1] = Field(alias="schema")
    name: EstateName
    title: Bilingual
    timezone: TimeZone
    calendar: Calendar = Calendar()
    windows: Windows = Field(default=(), strict=False)
    witnesses: tuple[Witness, ...] = Field(default=(), strict=False)
    stores: Stores = Stores()
    policies: Policies = Policies()
    schedules: tuple[Scheduled, ...] = Field(default=(), strict=False)
    on_failure: tuple[str, ...] = Field(default=(), strict=False)
    directory: Path = Field(default=Path(), exclude=True)

    @property
    def zone(self) -> ZoneInfo:
        """The estate's time zone."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Host:
    """One host as the inventory gives it.

    ``python`` is False where the inventory says ``opsbook_python: false``: old or bare hosts
    on which only a POSIX shell is asked for. ``jump`` names another host of the inventory or
    an ``user@address[:port]``. ``vars`` holds only variables named ``opsbook_*``.
    """

    name: str
    address: str
    port: int = 22
    user: str | None = None
    key_file: str | None = None
    jump: str | None = None
    connection: Literal["ssh", "local"] = "ssh"
    become: bool = False
    python: bool = True
    groups: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)

    @property
    def left_alone(self) -> str | None:
        """Why opsbook keeps off it, where the inventory says ``opsbook_managed: false``."""
        if self.vars.get("opsbook_managed") is not False:
            return None
        return str(self.vars.get("opsbook_managed_reason", "opsbook_managed: false"))


@dataclass(frozen=True, slots=True)
class Inventory:
    """The resolved hosts of an estate, and the digest of the snapshot they came from.

    ``jumps`` are hosts outside the limit through which some of ``hosts`` are reached.
    """

    hosts: tuple[Host, ...]
    digest: str
    known_hosts: Path
    jumps: tuple[Host, ...] = ()

    def __getitem__(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)
