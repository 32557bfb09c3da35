"""Rows of a table as what a scanner tells: the columns found, the values normalised.

The names of columns are looked for at the top of every sheet, because people put titles above
them. A sheet whose columns are not known is told, and the others are read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opsbook.domains.hardening.reading import audits
from opsbook.domains.hardening.reading.endpoints import (
    NOTHING,
    host_of_file,
    is_address,
    port_of,
    split_hosts,
)
from opsbook.domains.hardening.reading.levels import by_points, level, outcome
from opsbook.domains.hardening.reading.port import Source
from opsbook.domains.hardening.reading.severity import by_cvss
from opsbook.domains.hardening.reading.tables.lines import Line, Part
from opsbook.domains.hardening.reading.tables.styles import plain
from opsbook.domains.hardening.reading.text import clean, filled, ids, line
from opsbook.model.finding import Ids, Result, Row, Scan, Seen, Severity, Told, Unreadable

if TYPE_CHECKING:
    from opsbook.domains.hardening.reading.mapping import Mapping as Columns

HEADER_WITHIN = 40
"""Rows at the top of a sheet among which the names of columns are looked for."""

_REMEMBERED = 50_000
_TOTALS = ("合计", "总计", "小计", "共计", "total")


def rows(parts: Iterable[Part], source: Source, format_name: str) -> Iterator[Told]:
    """What the rows ``parts`` tell, by ``source.options["mapping"]`` or a mapping of ours."""
    yield from _Reading(source, format_name).told(parts)


@dataclass(slots=True)
class _Sheet:
    """Where reading stands in a sheet: ``places`` are known once its columns are."""

    name: str
    looked_at: int = 0
    mapping: Columns | None = None
    places: dict[str, int] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    above: dict[str, str] = field(default_factory=dict)


class _Reading:
    def __init__(self, source: Source, format_name: str) -> None:
        from opsbook.domains.hardening.reading import mapping

        given = source.options.get("mapping")
        self._given = given if isinstance(given, mapping.Mapping) else None
        self._source = source
        self._format = format_name
        self._host = str(source.options.get("host") or "")
        self._scan: Scan | None = None
        self._seen: dict[str, None] = {}
        self._used: dict[str, Columns] = {}
        self._unknown: list[str] = []

    def told(self, parts: Iterable[Part]) -> Iterator[Told]:
        sheet = _Sheet("")
        started = False
        for part in parts:
            if isinstance(part, Unreadable):
                yield part
                continue
            if not started or part.sheet != sheet.name:
                self._leave(sheet if started else None)
                sheet, started = _Sheet(part.sheet), True
            yield from self._line(sheet, part)
        self._leave(sheet if started else None)
        yield from self._rest()

    def _leave(self, sheet: _Sheet | None) -> None:
        if sheet and not sheet.places and self._wanted(sheet.name) and len(self._unknown) < 1000:
            self._unknown.append(sheet.name)

    def _wanted(self, sheet: str) -> bool:
        return not (self._given and self._given.sheet and sheet != self._given.sheet)

    def _rest(self) -> Iterator[Unreadable]:
        """Sheets that were not understood, but for those known to tell of something else."""
        other = {name for found in self._used.values() for name in found.other_sheets}
        for name in self._unknown:
            if name not in other:
                place = f"sheet {name}" if name else "the table"
                yield Unreadable(where=place, why="columns that are not known")

    def _line(self, sheet: _Sheet, found: Line) -> Iterator[Told]:
        if not self._wanted(sheet.name):
            return
        if not sheet.places:
            self._look_for_columns(sheet, found)
            return
        cells = _values(sheet, found.cells)
        if sheet.mapping is None or found.cells == sheet.header or not any(cells.values()):
            return
        if found.cut:
            yield Unreadable(where=found.place, why="longer or wider than is allowed")
        yield from self._row(sheet.mapping, found, _filled(sheet, sheet.mapping, cells))

    def _look_for_columns(self, sheet: _Sheet, found: Line) -> None:
        sheet.looked_at += 1
        given = self._given
        if given and given.header_row:
            if found.number != given.header_row:
                return
        elif sheet.looked_at > HEADER_WITHIN:
            return
        from opsbook.domains.hardening.reading.mapping import recognised

        fitting = given if given else recognised(found.cells)
        if fitting and "title" in (places := fitting.places(found.cells)):
            sheet.mapping, sheet.places, sheet.header = fitting, places, found.cells
            self._used[fitting.scanner] = fitting

    def _row(self, mapping: Columns, found: Line, cells: dict[str, str]) -> Iterator[Told]:
        title = line(cells.get("title")).strip() or line(cells.get("rule")).strip()
        if not title:
            first = next((cell for cell in found.cells if cell.strip()), "").strip().casefold()
            if not first.startswith(_TOTALS):
                yield Unreadable(where=found.place, why="no name of a finding")
            return
        hosts = self._hosts(mapping, cells)
        if not hosts:
            yield Unreadable(where=found.place, why="no host")
            return
        yield from self._begin(mapping, cells)
        row = _row_of(mapping, cells, title)
        row = _audited(row, cells) if mapping.scanner == "nessus" else row
        for host, port in hosts:
            yield from self._host_seen(host, cells)
            yield replace(row, host=host, location=_location(cells, port))

    def _begin(self, mapping: Columns, cells: Mapping[str, str]) -> Iterator[Scan]:
        """The scan, told anew where a sheet is another scanner's."""
        tool = mapping.tool or mapping.scanner
        if self._scan and self._scan.tool == tool:
            return
        when = _moment(line(cells.get("scanned"), 40))
        self._scan = Scan(self._format, tool, self._source.name, started=when, ended=when)
        yield self._scan

    def _hosts(self, mapping: Columns, cells: Mapping[str, str]) -> list[tuple[str, str]]:
        told = cells.get("host") or cells.get("name") or self._host
        if not told and mapping.host_from_file:
            told = host_of_file(self._source.name)
        return split_hosts(told)

    def _host_seen(self, host: str, cells: Mapping[str, str]) -> Iterator[Seen]:
        if host in self._seen:
            return
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[host] = None
        names = [] if is_address(host) else [host]
        name = line(cells.get("name"), 255)
        if name and name not in names and name.casefold() not in NOTHING:
            (names if not is_address(name) else []).append(name)
        addresses = (host,) if is_address(host) else ()
        yield Seen(host, tuple(names), addresses, line(cells.get("os"), 255))


def _values(sheet: _Sheet, cells: Sequence[str]) -> dict[str, str]:
    return {
        meaning: cells[at].strip() if at < len(cells) else ""
        for meaning, at in sheet.places.items()
    }


def _filled(sheet: _Sheet, mapping: Columns, cells: dict[str, str]) -> dict[str, str]:
    """With what the row above had, where all cells that are left out when they repeat are blank."""
    carried = [name for name in mapping.fill_down if name in sheet.places]
    if carried and not any(cells[name] for name in carried):
        return {**cells, **sheet.above}
    sheet.above = {name: cells[name] for name in carried}
    return cells


def _row_of(mapping: Columns, cells: Mapping[str, str], title: str) -> Row:
    severity, told = _severity(mapping, cells)
    more = {name: clean(cells.get(name)) for name in ("description", "service", "score")}
    return Row(
        host="",
        scanner=mapping.scanner,
        rule=line(cells.get("rule"), 200) or rule_of_title(title),
        result=_result(mapping, cells, severity),
        severity=severity,
        told=told,
        title=title,
        evidence=clean(cells.get("evidence")),
        remedy=clean(cells.get("remedy")),
        ids=_ids(cells, title),
        package=line(cells.get("package"), 200),
        installed=line(cells.get("installed"), 200),
        fixed=line(cells.get("fixed"), 200),
        more=filled(more),
    )


def _audited(row: Row, cells: Mapping[str, str]) -> Row:
    """A check of an audit file: what it is called and whether it passed is in its description."""
    name, result = audits.described(cells.get("description", ""))
    if not name:
        return row
    rule, found = audits.rule_of(row.rule, name), audits.RESULTS.get(result, Result.UNKNOWN)
    evidence = row.evidence or row.more.get("description", "")
    return replace(row, rule=rule, title=name, result=found, evidence=evidence)


def _severity(mapping: Columns, cells: Mapping[str, str]) -> tuple[Severity, str]:
    told, score = line(cells.get("severity"), 64), line(cells.get("score"), 64)
    if told in mapping.severities:
        return Severity(mapping.severities[told]), told
    found = level(told) if told else Severity.UNKNOWN
    for text in (score, told):
        if found is Severity.UNKNOWN:
            found = by_points(text) if mapping.scanner == "rsas" else by_cvss(score_of(text))
    return found, told or score


def score_of(text: str) -> float | None:
    """A score written as text; None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _result(mapping: Columns, cells: Mapping[str, str], severity: Severity) -> Result:
    """A table of vulnerabilities has no column for it: what is in it was found."""
    told = line(cells.get("result"), 64)
    if told:
        known = mapping.results.get(told)
        return Result(known) if known else outcome(told) or Result.UNKNOWN
    return Result.INFORMATIONAL if severity is Severity.INFO else Result.FAIL


def _ids(cells: Mapping[str, str], title: str) -> Ids:
    told = [
        cells[name] for name in ("cve", "cnvd", "cnnvd", "cncve", "cce", "ids") if cells.get(name)
    ]
    bare = [_prefixed(name, cells.get(name, "")) for name in ("cnvd", "cnnvd", "cve")]
    return ids([*told, *(text for text in bare if text), title])


def _prefixed(space: str, told: str) -> str:
    """``2020-1938`` in a column of CVE numbers: some tables leave the name away."""
    told = told.strip()
    return f"{space.upper()}-{told}" if re.fullmatch(r"\d{4,6}-\d{2,8}", told) else ""


_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d{1,12})?")
"""A day of 1954 to 2091 as a spreadsheet counts it, in a cell that is not shown as a date."""


_DAY = re.compile(
    r"((?:19|20)\d\d)[-/.年] ?(\d\d?)[-/.月] ?(\d\d?)日?(?: +(\d\d?:\d\d(?::\d\d)?))?"
)


def _moment(told: str) -> str:
    """A day, perhaps with a time, as ISO 8601 writes it; anything else as told."""
    if _SERIAL.fullmatch(told):
        return plain(told, "date")
    if not (found := _DAY.fullmatch(told)):
        return told
    day = f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
    hour, colon, rest = (found[4] or "").partition(":")
    return f"{day} {int(hour):02}:{rest}" if colon else day


_SUFFIX = re.compile(r"【[^】]{0,40}】\s*$")


def rule_of_title(title: str) -> str:
    """A rule where the scanner gives it no number: its name in one form, without how it was found
    (``【原理扫描】``).
    """
    plain = unicodedata.normalize("NFKC", title)
    while (shorter := _SUFFIX.sub("", plain)) != plain:
        plain = shorter
    return line(plain, 200).casefold() or line(title, 200) or "unnamed"


def _location(cells: Mapping[str, str], port: str) -> str:
    where = line(cells.get("location"), 1024)
    return where or port_of(port or cells.get("port", ""), cells.get("protocol", ""))
