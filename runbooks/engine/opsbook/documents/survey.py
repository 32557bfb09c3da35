"""The evidence of a host survey (``plugins/modules/host_survey.py``) as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.blocks import Grid
from opsbook.documents.words import Words, amount, count, rows, size, table, text
from opsbook.model.message import Message, msg

MOST_ROWS = 300
"""The most file systems shown, the fullest first."""

SURVEY_KEYS = frozenset(
    {
        "schema", "os", "kernel", "boot", "cpu", "memory", "file_systems", "sockets",
        "failed_units", "time", "reboot_pending", "python",
    }
)  # fmt: skip
"""What the survey tells; its keys besides these are shown as recorded."""

_HOSTS = (
    msg("Host"), msg("System"), msg("Kernel"), msg("Processors"), msg("Memory free / total"),
    msg("Up since boot"), msg("Clock synchronised"), msg("Reboot pending"),
)  # fmt: skip
_FILE_SYSTEMS = (
    msg("Host"), msg("Mounted at"), msg("Type"), msg("Used"), msg("Size"), msg("In use"),
    msg("Inodes in use"),
)  # fmt: skip
_YES_NO = {True: msg("yes"), False: msg("no")}


def is_survey(evidence: Mapping[str, Any]) -> bool:
    """Whether ``evidence`` tells how a host stands."""
    return bool(table(evidence, "os")) and bool(table(evidence, "kernel"))


def survey_tables(hosts: Sequence[Mapping[str, Any]], words: Words) -> list[Grid]:
    """Systems, file systems, sockets and failed units, as far as hosts told of them."""
    told = [
        (text(host.get("name")), table(host, "evidence"))
        for host in hosts
        if is_survey(table(host, "evidence"))
    ]
    made = [
        _table(msg("Systems surveyed"), _HOSTS, [_host(*each, words) for each in told], words,
               3, 4),
        _table(msg("File systems, the fullest first"), _FILE_SYSTEMS, _file_systems(told), words,
               3, 4, 5, 6),
        _table(msg("Listening sockets"), (msg("Host"), msg("Sockets")),
               [(name, _sockets(found, words)) for name, found in told], words),
        _table(msg("Failed units"), (msg("Host"), msg("Units")),
               [(name, _units(found, words)) for name, found in told], words),
    ]  # fmt: skip
    return [each for each in made if each.rows]


def _table(
    title: Message, headings: Sequence[Message], lines: Sequence[Sequence[str]], words: Words,
    *figures: int,
) -> Grid:  # fmt: skip
    told = [line for line in lines if any(line[1:])]
    return Grid(words.of(title), [words.of(each) for each in headings], told, frozenset(figures))


def _host(name: str, found: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    memory, clock = table(found, "memory"), table(found, "time")
    system = table(found, "os")
    free, total = size(memory.get("available_bytes")), size(memory.get("total_bytes"))
    return (
        name,
        text(system.get("pretty_name")) or text(system.get("id")),
        text(table(found, "kernel").get("release")),
        count(table(found, "cpu").get("count")),
        f"{free} / {total}" if free and total else total,
        words.seconds(table(found, "boot").get("uptime_seconds")),
        _said(clock.get("synchronised"), words),
        _said(found.get("reboot_pending"), words),
    )


def _said(value: Any, words: Words) -> str:
    return words.of(_YES_NO[value]) if isinstance(value, bool) else text(value)


def _file_systems(told: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    found = [
        (name, part)
        for name, evidence in told
        for part in rows(evidence.get("file_systems"))
        if isinstance(part, Mapping)
    ]
    found.sort(key=lambda each: -(amount(each[1].get("used_percent")) or 0))
    return [
        (
            name,
            text(part.get("mount")),
            text(part.get("type")),
            size(part.get("used_bytes")),
            size(part.get("size_bytes")),
            _percent(part.get("used_percent")),
            _percent(part.get("inodes_used_percent")),
        )
        for name, part in found[:MOST_ROWS]
    ]


def _percent(value: Any) -> str:
    number = amount(value)
    return "" if number is None else f"{number:.0f} %"


def _sockets(found: Mapping[str, Any], words: Words) -> str:
    def told() -> Iterator[str]:
        for each in rows(found.get("sockets")):
            protocol, port = text(table(each).get("protocol")), text(table(each).get("port"))
            address = text(table(each).get("address"))
            shown = f"[{address}]" if ":" in address else address
            yield f"{protocol} {shown}:{port}"

    return words.listed(dict.fromkeys(told()))


def _units(found: Mapping[str, Any], words: Words) -> str:
    return words.listed(text(unit) for unit in rows(found.get("failed_units")))
