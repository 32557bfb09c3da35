"""After patching: exactly the planned versions, nothing else, and what served before serves now."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

QUERIES = {
    "apt": r"dpkg-query -W -f '${db:Status-Abbrev}\t${Package}:${Architecture}\t${Version}\n'",
    "dnf": r"rpm -qa --qf 'ii \t%{NAME}:%{ARCH}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n'",
}


@pytest.fixture
def before(host: Host) -> dict[str, Any]:
    """What the undo bundle, made right before, says of the host."""
    newest = host.check_output("ls -t /var/lib/opsbook/undo/*/manifest.json | head -n 1")
    return dict(json.loads(host.file(newest).content_string))


def installed(host: Host, manager: str) -> dict[str, str]:
    """``name:architecture`` -> version of every installed package."""
    rows = (line.split("\t") for line in host.check_output(QUERIES[manager]).splitlines())
    return {name: version.removeprefix("0:") for state, name, version in rows if state[1] == "i"}


def test_every_planned_package_has_its_planned_version(host: Host, plan: dict[str, Any]) -> None:
    now = installed(host, plan["given"]["manager"])
    wrong = {}
    for item in plan["items"]:
        name = f"{item['detail']['package']}:{item['detail']['arch']}"
        if now.get(name) != item["after"]:
            wrong[name] = (now.get(name), item["after"])
    assert not wrong


def test_the_package_manager_is_in_order(host: Host, plan: dict[str, Any]) -> None:
    check = "dpkg --audit" if plan["given"]["manager"] == "apt" else "rpm -qa --qf ''"
    assert host.check_output(check) == ""


def test_every_service_of_before_is_active(host: Host, before: dict[str, Any]) -> None:
    listed = host.check_output(
        "systemctl list-units --type=service --state=active --plain --no-legend --no-pager --full"
    )
    active = {line.split()[0] for line in listed.splitlines() if line.strip()}
    wanted = {
        service["unit"]
        for service in before["services"]
        if service.get("state") == "active" and service.get("sub") == "running"
    }
    assert wanted <= active, f"not active any more: {sorted(wanted - active)}"
