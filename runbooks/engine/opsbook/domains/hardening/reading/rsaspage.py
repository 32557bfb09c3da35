"""Newer pages of RSAS: all of a report is one JSON value, given to the page's own script as
``window.data = {...};``.

It is found as text and walked through as JSON; nothing of the script is run, and no more of it is
held than one finding. The value is a tree of ``categories`` with ``data`` and ``children``; where
data stand differs from version to version, so they are known by their own names: ``vul_items`` are
findings of the page's host, ``vuln_list`` findings of many hosts, ``web_scan_vuls_list`` those of
a web site.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsbook.domains.hardening.reading.endpoints import is_address
from opsbook.domains.hardening.reading.rsas import Detail, Place, row, seen
from opsbook.domains.hardening.reading.text import line
from opsbook.model.finding import Scan, Told, Unreadable
from opsbook.model.jsonstream import Event, How, Path, Step, walk
from opsbook.model.jsonwindow import Malformed

ASSIGNED = re.compile(r"window\s{0,8}\.\s{0,8}data\s{0,8}=\s{0,64}(?=[{\[])")
_LONGEST = 200
_MOST_OF_ONE = 16 * 2**20
_LISTS = ("vul_items", "vuln_list", "web_scan_vuls_list")


class Script:
    """The text of a page from behind ``window.data =`` on; ``found`` where it has that at all."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self._rest = ""
        self.found = self._look()

    def _look(self) -> bool:
        window = ""
        for chunk in self._chunks:
            window += chunk
            if match := ASSIGNED.search(window):
                self._rest = window[match.end() :]
                return True
            window = window[-_LONGEST:]
        return False

    def read(self, size: int = -1, /) -> str:
        """As of a file of text."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return ""
            self._rest = chunk
        size = len(self._rest) if size < 0 else size
        text, self._rest = self._rest[:size], self._rest[size:]
        return text


def told(script: Script, scan: Scan, host_of_file: str) -> Iterator[Told]:
    """What the page's value tells; ``scan`` is filled in with what it says of itself.

    ``host_of_file`` is the host where the page does not name it. A page that was cut off tells of
    the findings that are whole, and that it was cut off.
    """
    reading = _Reading(scan, host_of_file)
    try:
        for step in walk(script, _how, most=_MOST_OF_ONE):
            yield from reading.take(step)
            if step.event is Event.END and not step.path:
                break
    except Malformed as fault:
        yield from reading.begin()
        why = "cut off" if fault.cut else "no JSON"
        yield Unreadable(where=f"window.data, character {fault.at}", why=why, ends=True)
    else:
        yield from reading.end()


def _how(path: Path) -> How:
    if len(path) >= 2 and path[-1] == "*" and path[-2] in _LISTS:
        return How.WHOLE
    if len(path) > 40 or (path and path[-1] == "other_info_data"):
        return How.PASS
    return How.INTO


class _Reading:
    """What the page said of itself so far; the scan is told before the first finding."""

    def __init__(self, scan: Scan, host: str) -> None:
        self._scan = scan
        self._host = host
        self._said: dict[str, str] = {}
        self._begun = self._host_told = self._summary = False

    def take(self, step: Step) -> Iterator[Told]:
        if step.event is Event.TOO_LARGE:
            yield Unreadable(where=".".join(step.path)[:200], why="too large")
        elif step.event is Event.VALUE and isinstance(step.value, Mapping):
            yield from self.begin()
            yield from self._finding(step.path[-2], step.value)
        elif step.event is Event.VALUE and step.path:
            self._said.setdefault(step.path[-1], line(str(step.value or ""), 1024))

    def begin(self) -> Iterator[Told]:
        """The scan, once."""
        if self._begun:
            return
        self._begun = True
        said = self._said
        yield Scan(
            self._scan.format,
            self._scan.tool,
            self._scan.file,
            tool_version=_text(said, "version", "system_version", "sysVersion"),
            profile=_text(said, "vulnTemplate", "vuln_template", "template"),
            content_version=_text(said, "pluginVersion", "sysvul_version", "vulVersion"),
            started=_text(said, "timeStart", "time_start"),
            ended=_text(said, "timeEnd", "time_end"),
        )

    def end(self) -> Iterator[Told]:
        """A host where nothing was found has been looked at all the same."""
        yield from self.begin()
        target = _text(self._said, "target")
        host = target if is_address(target) else self._host
        if host and not self._summary:
            yield from self._look_at(host)

    def _look_at(self, host: str) -> Iterator[Told]:
        if not self._host_told:
            self._host_told = True
            name, system = _text(self._said, "hostname", "host_name"), _text(self._said, "os")
            yield seen(host, name, system)

    def _finding(self, kind: str, one: Mapping[str, Any]) -> Iterator[Told]:
        if kind == "vuln_list":
            self._summary = True
            yield from _of_many(one)
            return
        host = _text(self._said, "target") or self._host
        if host:
            yield from self._look_at(host)
        yield from _of_host(one, host) if kind == "vul_items" else _of_site(one, host)


def _of_host(item: Mapping[str, Any], host: str) -> Iterator[Told]:
    """Everything found at one port."""
    for one in _list(item.get("vuls")):
        about = one.get("vul_msg")
        about = about if isinstance(about, Mapping) else {}
        named = host or _text(about, "host_ip")
        if not named:
            yield Unreadable(where=f"vul_id {_text(one, 'vul_id')}", why="no host")
            continue
        if not host:
            yield seen(named)
        place = Place(
            host=named,
            port=_text(item, "port") or _text(one, "port"),
            protocol=_text(item, "protocol") or _text(one, "protocol"),
            service=_text(item, "service") or _text(one, "service"),
            answer=_prose(one, "vul_response", "response", "mess_string", "vul_info"),
        )
        yield row(_detail(about, one), place)


def _of_many(one: Mapping[str, Any]) -> Iterator[Told]:
    """A summary: a vulnerability with its hosts, without ports."""
    hosts = one.get("target")
    for host in hosts if isinstance(hosts, list) else [hosts]:
        named = line(str(host), 255) if isinstance(host, str | int) else ""
        if named:
            yield seen(named)
            yield row(_detail(one, one), Place(host=named))
        else:
            yield Unreadable(where=f"vul_id {_text(one, 'vul_id')}", why="no host")


def _of_site(one: Mapping[str, Any], host: str) -> Iterator[Told]:
    about = one.get("web_vuln_obj")
    detail = _detail(about if isinstance(about, Mapping) else {}, one)
    for page in _list(one.get("pages")) or [{}]:
        where, how = _text(page, "url"), _text(page, "verification", "param")
        if host:
            yield row(detail, Place(host=host, location=where, answer=how))
        else:
            yield Unreadable(where=where or "a page", why="no host")


def _detail(about: Mapping[str, Any], one: Mapping[str, Any]) -> Detail:
    both = {**one, **about}
    names = ("cve_id", "cnnvd_id", "cnnvd", "cnvd_id", "cnvd", "cncve_id", "cncve")
    return Detail.of(
        number=_text(one, "vul_id") or _text(about, "vul_id"),
        title=_text(both, "i18n_name", "name"),
        level=_text(one, "vul_level", "vuln_level", "risk_level") or _text(about, "vul_level"),
        points=_text(both, "severity_points", "risk_points"),
        description=_prose(both, "i18n_description"),
        remedy=_prose(both, "i18n_solution"),
        category=_text(both, "threat_category"),
        ids=[_prose(both, name) for name in names],
    )


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: Mapping[str, Any], *names: str) -> str:
    """The first of ``names`` that has a text or a number."""
    for name in names:
        found = value.get(name)
        if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found):
            return line(str(found), 1024)
    return ""


def _prose(value: Mapping[str, Any], *names: str) -> str:
    """The first of ``names`` that has a text or a list of them: paragraphs."""
    for name in names:
        found = value.get(name)
        if isinstance(found, list):
            found = "\n".join(str(part) for part in found[:1000] if isinstance(part, str | int))
        if isinstance(found, str) and found:
            return found
    return ""
