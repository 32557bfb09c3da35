"""What a plan gives a step, checked field by field before anything is done with it.

Values came from a site's variables, from what a host answered or from the catalogue: none of them
may hold a control character, and what becomes a path, a name or a mode has the form of one.
"""

from __future__ import annotations

import os
import re
import typing as t
import unicodedata

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused

Row = t.Mapping[str, t.Any]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,127}\$?", re.ASCII)
_OCTAL = re.compile(r"0?[0-7]{3,4}", re.ASCII)
_COMMON = {"id", "control", "kind", "risky", "before", "after", "activate", "packages"}
_KEPT_OFF = ("/proc", "/sys", "/dev", "/var/lib/opsbook", "/run/opsbook")
_LONGEST = 8192
_MOST = 20_000


class Given:
    """One planned step. Every getter raises Refused, naming step and field."""

    def __init__(self, row: Row, family: str) -> None:
        self.row = row
        self.family = family
        self.id = str(row.get("id", ""))[:200]
        self.kind = str(row.get("kind", ""))
        self._asked = set(_COMMON)
        if not self.id or not _is_plain(self.id):
            raise Refused("A planned step has no name. Nothing was touched.")

    def fault(self, field: str, why: str) -> Refused:
        """The refusal of a field."""
        return Refused(f"{field} of the planned step {self.id} {why}. Nothing was touched.")

    def has(self, field: str) -> bool:
        """Whether the field is given and not null."""
        return self.row.get(field) is not None

    def raw(self, field: str, needed: bool = True) -> t.Any:
        """The value as it is given."""
        self._asked.add(field)
        value = self.row.get(field)
        if value is None and needed:
            raise self.fault(field, "is missing")
        return value

    def text(self, field: str, default: str | None = None) -> str:
        """One line of text; numbers are written down."""
        value = self.raw(field, default is None)
        return default if value is None and default is not None else self._line(field, value)

    def _line(self, field: str, value: t.Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self.fault(field, "is not one line of text")
        text = str(value)
        if len(text) > _LONGEST or not _is_plain(text):
            raise self.fault(field, "holds a line break or another character that cannot be used")
        return text

    def path(self, field: str) -> str:
        """An absolute path of something that a step may write."""
        return self._path(field, self.raw(field))

    def place(self, field: str) -> str:
        """An absolute path of something that is only named, such as a mount."""
        return self._absolute(field, self._line(field, self.raw(field)))

    def paths(self, field: str) -> list[str]:
        """Absolute paths; ``*`` and ``?`` are allowed."""
        value = self.raw(field)
        return [self._path(field, one) for one in self._list(field, value)]

    def _path(self, field: str, value: t.Any) -> str:
        path = self._absolute(field, self._line(field, value))
        if any(path == top or path.startswith(top + "/") for top in _KEPT_OFF):
            raise self.fault(field, f"lies where no step may write ({path[:80]})")
        return path

    def _absolute(self, field: str, path: str) -> str:
        plain = os.path.isabs(path) and os.path.normpath(path) == path and path[:2] != "//"
        if not plain or len(path) < 2:
            raise self.fault(field, f"is no absolute path ({path[:80]!r})")
        return path

    def lines(self, field: str) -> list[str]:
        """Lines of text."""
        return [self._line(field, one) for one in self._list(field, self.raw(field))]

    def name(self, field: str, default: str | None = None) -> str:
        """A name of a unit, a package, an option, an account."""
        return self._name(field, self.text(field, default))

    def _name(self, field: str, value: str) -> str:
        if value and not NAME.fullmatch(value):
            raise self.fault(field, f"is no name ({value[:80]!r})")
        return value

    def names(self, field: str, needed: bool = True) -> list[str]:
        """Names; one alone may stand without a list."""
        value = self.raw(field, needed)
        value = [] if value is None else [value] if isinstance(value, str) else value
        return [self._name(field, self._line(field, one)) for one in self._list(field, value)]

    def number(self, field: str) -> int | None:
        """A whole number or nothing."""
        value = self.raw(field, needed=False)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
            value = int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.fault(field, "is no whole number")
        return value

    def mode(self, field: str, default: str | None = None) -> int | None:
        """File permissions in octal, or nothing."""
        value = self.raw(field, needed=False)
        value = default if value is None else value
        if value is None:
            return None
        if not _OCTAL.fullmatch(str(value)):
            raise self.fault(field, f"is no file mode in octal ({str(value)[:20]!r})")
        return int(str(value), 8)

    def flag(self, field: str, default: bool | None = None) -> bool | None:
        """Yes, no, or the default."""
        value = self.raw(field, needed=False)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fault(field, "is neither true nor false")
        return value

    def choice(self, field: str, choices: t.Sequence[str], default: str | None = None) -> str:
        """One of several words."""
        value = self.raw(field, default is None)
        value = default if value is None else value
        if value not in choices:
            raise self.fault(field, "is none of " + ", ".join(repr(one) for one in choices))
        return str(value)

    def _list(self, field: str, value: t.Any) -> list[t.Any]:
        if not isinstance(value, list) or len(value) > _MOST:
            raise self.fault(field, "is no list")
        return value

    def done(self) -> None:
        """Refuse fields that nobody asked for: they would be approved and not done."""
        beyond = sorted(set(self.row) - self._asked)
        if beyond:
            raise self.fault(beyond[0][:60], f"means nothing to a step of kind {self.kind}")


def _is_plain(text: str) -> bool:
    """No control, format, line or surrogate characters (Unicode categories C, Zl, Zp) but tabs."""
    return all(
        one == "\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
        for one in text
    )
