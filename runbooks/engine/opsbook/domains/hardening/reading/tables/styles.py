"""Numbers of spreadsheets as people see them: dates as dates, 443 and not 443.0."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_DATES = {14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 59)}
_TIMES = {18, 19, 20, 21, 22, 32, 33, 45, 46, 47}
"""Number formats built in (ECMA-376 part 1, 18.8.30), with those of Chinese."""

_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_MOST_STYLES = 65_536
_MOST_FORMAT = 255


@dataclass(slots=True)
class Styles:
    """Which styles of cells are dates: "date", "time" (a date with a time) or "" (a number)."""

    since_1904: bool = False
    _custom: dict[str, str] = field(default_factory=dict)
    _kinds: list[str] = field(default_factory=list)

    def custom(self, number: str, code: str) -> None:
        """A format of the workbook's own."""
        if len(self._custom) < _MOST_STYLES:
            self._custom[number] = _kind_of(code[:_MOST_FORMAT])

    def add(self, number: str) -> None:
        """The next style has the format with this ``number``."""
        if len(self._kinds) < _MOST_STYLES:
            self._kinds.append(self._custom.get(number) or _built_in(number))

    def kind(self, style: str) -> str:
        """What the style with this number shows."""
        number = int(style) if style.isdecimal() and len(style) < 6 else -1
        return self._kinds[number] if 0 <= number < len(self._kinds) else ""


def _built_in(number: str) -> str:
    value = int(number) if number.isdecimal() and len(number) < 6 else 0
    return "date" if value in _DATES else "time" if value in _TIMES else ""


def _kind_of(code: str) -> str:
    code = _QUOTED.sub("", code.split(";")[0]).lower()
    if "h" in code or "s" in code:
        return "time"
    return "date" if "y" in code or "d" in code else ""


def plain(text: str, kind: str, since_1904: bool = False) -> str:
    """A number as written in a file, shown; what is no number stays as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    if kind:
        return _day(value, kind, since_1904) or text
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _day(value: float, kind: str, since_1904: bool) -> str:
    """Days since the end of 1899 or 1903; Excel takes 1900 for a leap year."""
    if not 0 <= value < 2_958_466:
        return ""
    start = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
    shift = 1 if not since_1904 and value < 60 else 0
    moment = start + timedelta(days=shift, seconds=round(value * 86_400))
    if kind == "date" and moment.hour == moment.minute == moment.second == 0:
        return moment.date().isoformat()
    return moment.isoformat(sep=" ") if kind == "date" or value >= 1 else moment.time().isoformat()
