"""The hosts of an estate, by Ansible's own answer, kept so that a night job need not ask again.

``ansible-inventory`` takes more than half a second; its answer is kept below the cache directory
under a digest of everything it depends on. Only connection variables and variables named
``opsbook_*`` are kept, never secrets; nothing is kept when a whole file of the inventory is
vaulted.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opsbook.execution.declared.control import ansible_command, ansible_environment
from opsbook.execution.declared.hostvars import read_hosts
from opsbook.execution.declared.yamlfile import refuse_bomb
from opsbook.execution.privatefile import write_private
from opsbook.execution.trees import files_below
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

FORMAT = 2
"""Goes into the digest: raise it when the kept form changes."""

HOSTS = "hosts.yml"
_VAULTED = b"$ANSIBLE_VAULT;"
_ASK_SECONDS = 120
_STRICT = {
    "ANSIBLE_HOST_PATTERN_MISMATCH": "error",  # else a mistyped host is passed over
    "ANSIBLE_DUPLICATE_YAML_DICT_KEY": "error",  # else the hosts under the first key are gone
}
_UNMATCHED = re.compile(r"Could not match supplied host pattern, ignoring: (?P<name>.*)")


def load_inventory(estate: Estate, places: Places, limit: str | None) -> Inventory:
    """The hosts that ``limit`` (a pattern as Ansible understands it) leaves of the estate.

    Raises InputFault when the inventory cannot be read, when a host has faults (all of them at
    once), and when no host is left.
    """
    if limit is not None and _senseless(limit):
        raise _no_pattern(limit)
    everything = _hosts(estate, places, None)
    try:
        chosen = everything if limit in (None, "all") else _hosts(estate, places, limit)
    except _UnmatchedError as error:
        raise _unknown(estate, limit, str(error), everything) from error
    if not chosen:
        raise _nothing_left(estate, limit, everything)
    by_name = {host.name: host for host in everything}
    return Inventory(
        hosts=tuple(chosen),
        digest=_digest(chosen),
        known_hosts=estate.directory / "known_hosts",
        jumps=tuple(_jumps(chosen, by_name)),
    )


def inventory_file(estate: Estate) -> Path:
    """The estate's ``hosts.yml``. Raises InputFault when it is missing."""
    file = estate.directory / HOSTS
    if not file.is_file():
        raise InputFault(msg("Estate {estate} has no {file}.", estate=estate.name, file=file))
    return file


def variable_files(estate: Estate) -> list[Path]:
    """``hosts.yml`` and every file of the estate's variables, as far as they are there; links are
    followed, as Ansible does. Raises InputFault when links go round in a circle.
    """
    found = [file for file in (estate.directory / HOSTS,) if file.is_file()]
    for folder in ("group_vars", "host_vars"):
        found += [file for _, file in files_below(estate.directory / folder)]
    return sorted(found)


def inventory_digest(estate: Estate) -> str:
    """A digest of the inventory's files as they are, without asking Ansible."""
    return _key(estate, None)[0]


def _senseless(limit: str) -> bool:
    """Whether Ansible would leave nothing of the pattern, which to it means: every host."""
    return not re.search(r"[\w*]", limit) or limit.count("[") != limit.count("]")


def _no_pattern(limit: str) -> InputFault:
    return InputFault(
        msg("The limit '{limit}' is no pattern of hosts or groups.", limit=limit),
        untouched=msg("Nothing was touched."),
        next_step=msg("For all hosts leave the limit out."),
    )


def _jumps(chosen: Sequence[Host], by_name: dict[str, Host]) -> Iterator[Host]:
    """Hosts outside ``chosen`` on the way to them, each once."""
    seen = {host.name for host in chosen}
    ways = [host.jump for host in chosen]
    while ways:
        jump = ways.pop()
        if jump in by_name and jump not in seen:
            seen.add(jump)
            ways.append(by_name[jump].jump)
            yield by_name[jump]


def _digest(hosts: Sequence[Host]) -> str:
    plain = json.dumps([asdict(host) for host in hosts], sort_keys=True)
    return "sha256:" + hashlib.sha256(plain.encode()).hexdigest()


class _UnmatchedError(Exception):
    """A name in a limit that is no host and no group."""


def _unknown(estate: Estate, limit: str | None, name: str, everything: list[Host]) -> InputFault:
    return InputFault(
        msg("In the limit {limit}, {name} is no host and no group of estate {estate}.",
            limit=limit, name=name, estate=estate.name),
        untouched=msg("Nothing was touched."),
        next_step=_there_are(everything),
    )  # fmt: skip


def _nothing_left(estate: Estate, limit: str | None, everything: list[Host]) -> InputFault:
    if not everything:
        return InputFault(
            msg("Estate {estate} has no hosts.", estate=estate.name),
            untouched=msg("Nothing was touched."),
        )
    return InputFault(
        msg("{limit} matches no host of estate {estate}.", limit=limit, estate=estate.name),
        untouched=msg("Nothing was touched."),
        next_step=_there_are(everything),
    )


def _there_are(everything: list[Host]) -> Message:
    groups = sorted({group for host in everything for group in host.groups})
    return msg("There are the hosts {hosts} and the groups {groups}.",
               hosts=_some([host.name for host in everything]), groups=_some(groups))  # fmt: skip


def _some(words: list[str]) -> str:
    return ", ".join(words[:20]) + (" ..." if len(words) > 20 else "") or "-"


def _hosts(estate: Estate, places: Places, limit: str | None) -> list[Host]:
    key, vaulted = _key(estate, limit)
    kept = places.cache / "inventory" / f"{key}.json"
    may_keep = not vaulted and "@" not in (limit or "")  # @file: a limit that may change
    hosts = _kept(kept) if may_keep else None
    if hosts is None:
        for file in variable_files(estate):
            refuse_bomb(file)
        hosts = read_hosts(_ask(estate, limit), estate)
        if may_keep:
            _keep(kept, hosts)
    return hosts


def _key(estate: Estate, limit: str | None) -> tuple[str, bool]:
    """A digest of all that the answer depends on, and whether a whole file is vaulted."""
    from importlib.metadata import version

    whole = hashlib.sha256(f"{FORMAT} {version('ansible-core')} {limit!r}".encode())
    vaulted = False
    for file in variable_files(estate):
        content = file.read_bytes()
        vaulted = vaulted or content.startswith(_VAULTED)
        name = str(file).encode(errors="surrogateescape")
        whole.update(b"%d %s %d " % (len(name), name, len(content)) + content)
    return whole.hexdigest(), vaulted


def _kept(file: Path) -> list[Host] | None:
    try:
        return [_host(item) for item in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _host(item: dict[str, Any]) -> Host:
    return Host(**{**item, "groups": tuple(item["groups"])})


def _keep(file: Path, hosts: list[Host]) -> None:
    """Keep the answer for the next time; a cache that cannot be written is no trouble."""
    with suppress(OSError):
        write_private(file, json.dumps([asdict(host) for host in hosts]))


def _ask(estate: Estate, limit: str | None) -> Any:
    """``ansible-inventory --list`` as data."""
    command = [*ansible_command("inventory"), "--list"]
    command += ["-i", str(inventory_file(estate))]
    command += [f"--limit={limit}"] if limit else []
    try:
        answer = subprocess.run(
            command,
            env={**ansible_environment(estate), **_STRICT},
            cwd=estate.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreadable(estate, f"no answer in {_ASK_SECONDS} s") from error
    unknown = _UNMATCHED.search(answer.stderr)
    if unknown and limit:
        raise _UnmatchedError(unknown["name"])
    if answer.returncode:
        raise _unreadable(estate, _last_words(answer.stderr))
    return json.loads(answer.stdout)


def _unreadable(estate: Estate, reason: str) -> InputFault:
    return InputFault(
        msg("Ansible cannot read the inventory of estate {estate}: {reason}",
            estate=estate.name, reason=reason),
        untouched=msg("Nothing was touched."),
        next_step=msg("opsbook estate check -e {estate} shows where.", estate=estate.directory),
    )  # fmt: skip


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "WARNING" not in line]
    said = " ".join(lines).rpartition("<<< caused by >>>")[2]
    return said.partition("[ERROR]: Completely failed")[0].strip()[:600] or "no reason given"
