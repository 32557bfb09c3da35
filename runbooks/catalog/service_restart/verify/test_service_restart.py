"""After a restart: the services run, and came up at the first attempt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture
def units(plan: Mapping[str, Any]) -> list[str]:
    """The services that the plan names."""
    named = (re.search(r"Restart the service (\S+)#", item["key"]) for item in plan["items"])
    return [match.group(1) for match in named if match]


def test_every_service_is_active(host: Host, units: list[str]) -> None:
    assert units
    for unit in units:
        assert host.check_output("systemctl is-active %s", unit) == "active", unit


def test_no_service_is_being_restarted_by_systemd(host: Host, units: list[str]) -> None:
    for unit in units:
        told = host.check_output("systemctl show -p NRestarts %s", unit)
        assert told in ("NRestarts=0", ""), unit
