"""After patching: exactly the planned versions, nothing else, and what served before serves now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from testinfra.host import Host

PATIENCE_SECONDS = 30
"""How long services may take to come up again."""

FIRST_EPHEMERAL_PORT = 32768
"""From here on ports are anybody's; below they are somebody's."""

PACKAGES = {
    "apt": r"dpkg-query -W -f '${db:Status-Abbrev}\t${Package}:${Architecture}\t${Version}\n'",
    "dnf": r"rpm -qa --qf 'ii \t%{NAME}:%{ARCH}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n'",
}
UNITS = "systemctl list-units --plain --no-legend --no-pager --full"


@lru_cache(maxsize=64)
def installed(host: Host, manager: str) -> dict[str, str]:
    """``name:architecture`` -> version of every installed package."""
    rows = (line.split("\t") for line in host.check_output(PACKAGES[manager]).splitlines())
    return {
        name: version.removeprefix("0:")
        for state, name, version in rows
        if state[1] == "i" and not name.startswith("gpg-pubkey:")
    }


@lru_cache(maxsize=64)
def manifest(host: Host) -> dict[str, Any]:
    """What the undo bundle, made right before, says of the host."""
    newest = "ls -t /var/lib/opsbook/undo/CHG-*/manifest.json | head -n 1"
    return dict(json.loads(host.check_output(f'cat "$({newest})"')))


@pytest.fixture
def before(host: Host) -> dict[str, Any]:
    return manifest(host)


def eventually_nothing(missing: Callable[[], set[Any]]) -> set[Any]:
    """What is still missing when there was time enough."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (left := missing()) and time.monotonic() < end:
        time.sleep(2)
    return left


def test_every_planned_package_has_its_planned_version(host: Host, plan: dict[str, Any]) -> None:
    now = installed(host, plan["given"]["manager"])
    wrong = {}
    for item in plan["items"]:
        name = f"{item['detail']['package']}:{item['detail']['arch']}"
        if now.get(name) != item["after"]:
            wrong[name] = (now.get(name), item["after"])
    assert not wrong


def test_no_package_changed_beyond_the_plan(
    host: Host, plan: dict[str, Any], before: dict[str, Any]
) -> None:
    planned = {f"{item['detail']['package']}:{item['detail']['arch']}" for item in plan["items"]}
    was = set(before["before"]["installed"].items())
    changed = {name for name, _ in was ^ set(installed(host, plan["given"]["manager"]).items())}
    assert not changed - planned


def test_the_package_manager_is_in_order(host: Host, plan: dict[str, Any]) -> None:
    check = "dpkg --audit" if plan["given"]["manager"] == "apt" else "rpm -qa --qf ''"
    assert host.check_output(check) == ""


def test_every_service_of_before_is_active(host: Host, before: dict[str, Any]) -> None:
    wanted = {
        service["unit"]
        for service in before["services"]
        if service.get("state") == "active" and service.get("sub") == "running"
    }

    def inactive() -> set[str]:
        listed = host.check_output(f"{UNITS} --type=service --state=active").splitlines()
        return wanted - {line.split()[0] for line in listed if line.strip()}

    left = eventually_nothing(inactive)
    assert not left, f"not active any more: {sorted(left)}"


def test_no_unit_failed_that_had_not_failed_before(host: Host, before: dict[str, Any]) -> None:
    listed = host.run(f"{UNITS} --state=failed").stdout.splitlines()
    assert not {line.split()[0] for line in listed if line.strip()} - set(
        before["before"]["failed"]
    )


def test_every_port_of_before_is_listened_on(host: Host, before: dict[str, Any]) -> None:
    wanted = {
        row["port"]
        for row in before["before"]["listeners"]
        if row["protocol"] == "tcp" and row["port"] < FIRST_EPHEMERAL_PORT
    }

    def silent() -> set[int]:
        lines = host.run("cat /proc/net/tcp /proc/net/tcp6").stdout.splitlines()
        fields = [line.split() for line in lines]
        open_ = {row[1].rpartition(":")[2] for row in fields if len(row) > 3 and row[3] == "0A"}
        return wanted - {int(port, 16) for port in open_}

    left = eventually_nothing(silent)
    assert not left, f"not listened on any more: {sorted(left)}"
