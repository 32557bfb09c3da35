"""From Ansible's variables to :class:`Host`: what is needed to connect, checked, all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsbook.model import names
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate, Host
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

ADDRESS = r"[A-Za-z0-9_:][A-Za-z0-9._:-]{0,252}"
USER = r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}"
JUMP = rf"(?:{USER}@)?[A-Za-z0-9_][A-Za-z0-9._-]{{0,252}}(?::\d{{1,5}})?"
KEY_FILE = r"[^\x00-\x1f\x7f\"'%$\\]+"

_TRUE = (True, "true", "True", "yes", "on", 1, "1")
_FALSE = (False, "false", "False", "no", "off", 0, "0", None)


def read_hosts(answer: Mapping[str, Any], estate: Estate) -> list[Host]:
    """The hosts of what ``ansible-inventory --list`` answered, in the order of their names.

    Raises InputFault with every fault of every host.
    """
    variables = answer.get("_meta", {}).get("hostvars", {})
    groups = _groups_of_hosts(answer)
    file = str(estate.directory / "hosts.yml")
    faults: list[Fault] = []
    hosts = []
    for name in sorted(set(variables) | set(groups)):
        reader = _Reader(name, variables.get(name, {}), estate.directory, file, faults)
        hosts.append(reader.host(tuple(sorted(groups.get(name, ())))))
    _check_jumps(hosts, file, faults)
    if faults:
        raise InputFault(
            msg("The inventory of estate {estate} has faults.", estate=estate.name),
            faults,
            untouched=msg("Nothing was touched."),
        )
    return hosts


def _groups_of_hosts(answer: Mapping[str, Any]) -> dict[str, set[str]]:
    """Host -> all groups it is in, also through groups of groups, without ``all``."""
    found: dict[str, set[str]] = {}

    def walk(group: str, above: frozenset[str]) -> None:
        inside = above | {group}
        for host in answer.get(group, {}).get("hosts", []):
            found.setdefault(host, set()).update(inside - {"all", "ungrouped"})
        for child in answer.get(group, {}).get("children", []):
            if child not in inside:
                walk(child, inside)

    walk("all", frozenset())
    return found


def _check_jumps(hosts: list[Host], file: str, faults: list[Fault]) -> None:
    """A way over jump hosts must not come back to where it was."""
    by_name = {host.name: host for host in hosts}
    for host in hosts:
        way, at = [host.name], host
        while at.jump in by_name:
            at = by_name[at.jump]
            if at.name in way:
                problem = msg("the way goes in a circle: {way}", way=" > ".join([*way, at.name]))
                faults.append(Fault(file, 0, f"{host.name}.opsbook_jump", problem))
                break
            way.append(at.name)


class _Reader:
    """One host's variables; what is wrong goes to ``faults`` and a harmless value stands in."""

    def __init__(
        self,
        name: str,
        variables: Mapping[str, Any],
        directory: Path,
        file: str,
        faults: list[Fault],
    ) -> None:
        self.name = name
        self.variables = variables
        self.directory = directory
        self.file = file
        self.faults = faults

    def host(self, groups: tuple[str, ...]) -> Host:
        if not re.fullmatch(names.HOST, self.name):
            self.fault("", msg("a host's name has letters, digits, dots, dashes and underscores"))
        local = self.text("ansible_connection", r"[a-z_.]+") or "ssh"
        connection = local.removeprefix("ansible.builtin.")
        if connection not in ("ssh", "local"):
            self.fault("ansible_connection", msg("only ssh and local are possible"))
        return Host(
            name=self.name,
            address=self.text("ansible_host", ADDRESS) or self.name,
            port=self.port(),
            user=self.text("ansible_user", USER),
            key_file=self.key_file(),
            jump=self.text("opsbook_jump", JUMP),
            connection="local" if connection == "local" else "ssh",
            become=self.flag("ansible_become", False),
            python=self.flag("opsbook_python", True),
            groups=groups,
            vars={k: v for k, v in self.variables.items() if _is_ours(k, v)},
        )

    def fault(self, variable: str, problem: Message) -> None:
        path = f"{self.name}.{variable}" if variable else self.name
        self.faults.append(Fault(self.file, 0, path, problem))

    def value(self, variable: str) -> Any:
        value = self.variables.get(variable)
        if isinstance(value, str) and ("{{" in value or "{%" in value):
            self.fault(variable, msg("must be written out; templates are not read here"))
            return None
        if isinstance(value, (dict, list)):
            self.fault(variable, msg("must be one value; it cannot be vaulted"))
            return None
        return value

    def text(self, variable: str, pattern: str) -> str | None:
        value = self.value(variable)
        if value is None:
            return None
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.fault(variable, msg("{value} is not possible here", value=value))
            return None
        return value

    def port(self) -> int:
        value = self.value("ansible_port")
        if value is None:
            return 22
        text = str(value)
        if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
            self.fault("ansible_port", msg("{value} is not a port", value=text))
            return 22
        return int(text)

    def flag(self, variable: str, default: bool) -> bool:
        value = self.value(variable)
        if variable not in self.variables:
            return default
        if value not in _TRUE and value not in _FALSE:
            self.fault(variable, msg("must be true or false, not {value}", value=value))
        return value in _TRUE

    def key_file(self) -> str | None:
        value = self.text("ansible_ssh_private_key_file", KEY_FILE)
        return str(self.directory / Path(value).expanduser()) if value else None


def _is_ours(name: str, value: Any) -> bool:
    """A variable for opsbook, and not a vaulted one."""
    return name.startswith("opsbook_") and not _vaulted(value)


def _vaulted(value: Any) -> bool:
    if isinstance(value, dict):
        return "__ansible_vault" in value or any(_vaulted(part) for part in value.values())
    return isinstance(value, list) and any(_vaulted(part) for part in value)
