"""Recorded values in words of one language: messages, moments, sizes. Tolerates any shape.

Records may be older or newer than this opsbook, and what hosts said may be anything: a value of
an unexpected shape is shown as text or left out, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.model.message import Message, msg
from opsbook.text import translate

LONGEST = 600
"""The most characters of one sentence or value on a page; the record itself has the whole."""


@dataclass(frozen=True, slots=True)
class Words:
    """Speaks ``language``; moments without a local form are shown in ``zone``."""

    language: str
    zone: ZoneInfo

    def of(self, message: Message) -> str:
        """A message of ours."""
        return translate(message, self.language)

    def said(self, value: Any, nested: int = 3) -> str:
        """A recorded message (``{"text", "params"}``), or whatever stands in its place.

        Messages among its values are told as such, ``nested`` deep.
        """
        if nested and isinstance(value, Mapping) and value.get("text"):
            params = {
                str(name): self.said(part, nested - 1)
                for name, part in table(value, "params").items()
            }
            return self.of(Message(text(value["text"]), params))
        return "" if value in (None, "", {}, []) else shorten(text(value))

    def any(self, value: Any) -> str:
        """A message of ours, a recorded one, or plain text."""
        return self.of(value) if isinstance(value, Message) else self.said(value)

    def arrow(self, name: str, before: str, after: str) -> str:
        """``name before -> after``; what is not there is a dash."""
        return f"{name} {before or '–'} → {after or '–'}".strip()

    def labelled(self, name: str, value: str) -> str:
        """``name: value``."""
        return self.of(msg("{name}: {value}", name=name, value=value))

    def noted(self, name: str, note: str) -> str:
        """``name (note)``."""
        return self.of(msg("{name} ({notes})", name=name, notes=note))

    def named(self, holder: Mapping[str, Any]) -> str:
        """Title and name of an estate or a runbook; one of them where they are the same."""
        title, name = self.both(holder.get("title")), text(holder.get("name"))
        return self.noted(title, name) if title and name and title != name else title or name

    def listed(self, parts: Iterable[str]) -> str:
        """``a, b, c``."""
        return self.of(msg(", ")).join(parts)

    def both(self, value: Any) -> str:
        """A bilingual text in this language, or in the other one when it is missing."""
        if not isinstance(value, Mapping):
            return shorten(text(value))
        ours, other = ("zh", "en") if self.language.startswith("zh") else ("en", "zh")
        return shorten(text(value.get(ours) or value.get(other)))

    def word(self, known: Mapping[str, Message], value: Any) -> str:
        """A fixed word of the format; one we do not know stays as it is."""
        key = text(value)
        return self.of(known[key]) if key in known else key

    def moment(self, value: Any) -> str:
        """A moment as date, time and offset: ``2026-11-21 10:10:00 +08:00``."""
        known = table(value).get("local")
        given = known or (table(value).get("utc") if isinstance(value, Mapping) else value)
        try:
            at = datetime.fromisoformat(text(given))
        except ValueError:
            return text(given)
        if not known:
            at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(self.zone)
        return local(at)

    def span(self, first: Any, last: Any) -> tuple[str, ...]:
        """From one moment to another, in two parts; the offset stands once where it is the same."""
        begin, end = self.moment(first), self.moment(last)
        if not begin or not end:
            return tuple(filter(None, (begin, end)))
        return (f"{begin[:19] if begin[19:] == end[19:] else begin} –", end)

    def seconds(self, value: Any) -> str:
        """How long something took."""
        number = amount(value)
        if number is None:
            return ""
        if number < 60:
            return self.of(msg("{seconds} s", seconds=f"{number:.1f}"))
        whole = round(number)
        if whole < 3600:
            return self.of(
                msg("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
            )
        return self.of(
            msg("{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60)
        )


def zone_of(name: Any) -> ZoneInfo:
    """The time zone ``name``; UTC when there is none of that name."""
    try:
        return ZoneInfo(text(name) or "UTC")
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")


def local(at: datetime) -> str:
    """An aware moment as it stands: ``2026-11-21 10:10:00 +08:00``."""
    stamp = at.strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{stamp[:-2]}:{stamp[-2:]}" if at.tzinfo else stamp.rstrip()


def table(value: Any, *path: str) -> Mapping[str, Any]:
    """The mapping at ``path`` of ``value``; an empty one where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> Sequence[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: Any) -> str:
    """Any value as text; nothing is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shorten(value: str) -> str:
    """``value`` without its middle when it is longer than :data:`LONGEST`."""
    if len(value) <= LONGEST:
        return value
    return value[: LONGEST // 2] + " ... " + value[-LONGEST // 3 :]


def amount(value: Any) -> float | None:
    """A number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def size(value: Any) -> str:
    """Bytes for people: ``12.3 MiB``."""
    number = amount(value)
    if number is None:
        return ""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def count(value: Any) -> str:
    """A number with thousands apart: ``1,440``."""
    number = amount(value)
    return "" if number is None else f"{number:,.0f}"
