"""A sentence kept as data, so that one recorded fact can be read in Chinese and in English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """An English sentence with ``{named}`` places, and the values for them.

    ``text`` is the key of the gettext catalogues. Values come from outside (host names, file
    names, command output) and are only ever put in as values, never parsed for places. A value
    may be a message itself: a reason, told in the language of the whole.
    """

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def english(self) -> str:
        """The sentence in English."""
        return self.said(str)

    def said(self, translated: Callable[[str], str]) -> str:
        """The sentence with every text, also those of messages among its values, translated."""
        values = {
            name: value.said(translated) if isinstance(value, Message) else value
            for name, value in self.params.items()
        }
        return fill(translated(self.text) if self.text else "", values)

    def to_json(self) -> dict[str, Any]:
        """As kept in events and records: ``{"text": ..., "params": {...}}``."""
        return {"text": self.text, "params": {k: _plain(v) for k, v in self.params.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Message:
        """Read back what :meth:`to_json` wrote."""
        params = data.get("params", {})
        return cls(str(data["text"]), {name: _read(value) for name, value in params.items()})


def msg(text: str, **params: Any) -> Message:
    """Make a :class:`Message`; gettext extraction looks for this name."""
    return Message(text, params)


def fill(text: str, params: Mapping[str, Any]) -> str:
    """Put ``params`` into the ``{named}`` places of ``text``; an unknown place stays as it is."""
    for name in params:
        text = text.replace("{" + name + "}", "\0" + name + "\0")
    for name, value in params.items():
        text = text.replace("\0" + name + "\0", printable(str(value)))
    return text


def printable(value: str) -> str:
    """``value`` on one line with control and bidirectional characters made visible.

    Output of hosts and names of files are hostile: a terminal must never obey them.
    """
    return "".join(
        ch if ch.isprintable() else ch.encode("unicode_escape", "backslashreplace").decode("ascii")
        for ch in value
    )


def _read(value: Any) -> Any:
    return Message.from_json(value) if isinstance(value, Mapping) and "text" in value else value


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_json()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
