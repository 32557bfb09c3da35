"""Nessus's report in XML (``.nessus``, version 2): hosts, plugins, and items of compliance audits.

Source: Tenable, "Nessus v2 File Format"; real files. Rules:

- One plugin makes hundreds of compliance items, so their rule is the plugin and the check's name.
- What a plugin printed changes from scan to scan: it is evidence and never part of an identity.
- Plugin 19506 tells the scanner's version, its feed, its policy and whether logins worked; it comes
  somewhere among a host's items, so scan and host are told again when it has been read.
- The policy may be larger than the report; only its name is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from opsbook.domains.hardening.reading import audits
from opsbook.domains.hardening.reading.hostnames import names_and_addresses
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.text import clean, ids, line
from opsbook.domains.hardening.reading.xmlstream import Element, Piece, named, pieces
from opsbook.model.finding import Ids, Result, Row, Scan, Seen, Severity, Told, Unreadable

_WANTED = frozenset({"ReportItem", "HostProperties", "policyName"})
_SKIPPED = frozenset({"Preferences", "FamilySelection", "IndividualPluginSelection"})
_SCAN_INFORMATION = "19506"
_NAMES = ("host-fqdn", "hostname", "netbios-name", "host-rdns")
_LEVELS = {
    "0": (Severity.INFO, Result.INFORMATIONAL, "0 (Info)"),
    "1": (Severity.LOW, Result.FAIL, "1 (Low)"),
    "2": (Severity.MEDIUM, Result.FAIL, "2 (Medium)"),
    "3": (Severity.HIGH, Result.FAIL, "3 (High)"),
    "4": (Severity.CRITICAL, Result.FAIL, "4 (Critical)"),
}
_FACT = re.compile(r"^\s*([A-Za-z][^:\n]{0,60}?)\s*:[ \t]*(.*?)\s*$", re.MULTILINE)
_REMEMBERED = 2_048
_NEEDED = ("plugin_output", "solution", "cve", "xref", "compliance")
_MORE_AUDITED = {
    "compliance-reference": "reference",
    "compliance-audit-file": "audit_file",
    "compliance-benchmark-name": "benchmark",
    "compliance-benchmark-version": "benchmark_version",
}


class Nessus:
    """Format ``nessus``."""

    name = "nessus"

    def recognises(self, head: Head) -> int:
        """By the root element, which nothing else has."""
        return 100 if head.root == "NessusClientData_v2" else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, hosts and items as they come."""
        report = _Report(source.name)
        for piece in pieces(source.stream, _WANTED, skip=_SKIPPED):
            if isinstance(piece, Unreadable):
                yield from report.begin()
                yield piece
            elif piece.element.tag == "ReportItem":
                yield from report.item(piece)
            elif piece.element.tag == "HostProperties":
                yield from report.host(piece)
            else:
                report.policy(piece.element)
        yield from report.begin()


FORMAT = Nessus()


class _Report:
    """The scan and the host that items belong to, as far as they are known."""

    def __init__(self, file: str) -> None:
        self._scan = Scan(format="nessus", tool="Nessus", file=file)
        self._begun = False
        self._around: Element | None = None
        self._seen = Seen("")

    def policy(self, element: Element) -> None:
        self._scan = replace(self._scan, profile=line(element.text))

    def begin(self) -> Iterator[Told]:
        if not self._begun:
            self._begun = True
            yield self._scan

    def host(self, piece: Piece) -> Iterator[Told]:
        """A host's properties: they come before its items."""
        told = {tag.get("name", ""): tag.text or "" for tag in piece.element.iter("tag")}
        if not self._begun:
            self._scan = replace(self._scan, started=_started(told))
        yield from self.begin()
        self._around = piece.within("ReportHost")
        name = _name(self._around)
        calls = (name, told.get("host-ip", ""), *(told.get(key, "") for key in _NAMES))
        names, addresses = names_and_addresses(calls)
        self._seen = Seen(
            name or (*names, *addresses, "")[0],
            names,
            addresses,
            line(told.get("operating-system"), 200),
            _yes(told.get("Credentialed_Scan", "")),
        )
        yield self._seen

    def item(self, piece: Piece) -> Iterator[Told]:
        if piece.path[-1] is not self._around:
            yield from self._bare_host(piece.within("ReportHost"))
        item = piece.element
        plugin = item.get("pluginID", "")
        if not plugin:
            yield Unreadable(f"ReportItem of {self._seen.id}", "item without a plugin")
            return
        found = _found(item)
        if plugin == _SCAN_INFORMATION:
            yield from self._information(found.printed)
        row = _row(self._seen.id, plugin, item, found)
        yield _audited(row, item) if found.audited else row

    def _bare_host(self, host: Element | None) -> Iterator[Told]:
        """A host without properties."""
        yield from self.begin()
        self._around = host
        name = _name(host)
        self._seen = Seen(name, *names_and_addresses([name]))
        yield self._seen

    def _information(self, printed: str) -> Iterator[Told]:
        facts = dict(_FACT.findall(printed[:20_000]))
        scan = replace(
            self._scan,
            tool_version=line(facts.get("Nessus version", "").split(" ")[0], 60),
            content="Nessus plugins",
            content_version=line(facts.get("Plugin feed version"), 60),
            profile=self._scan.profile or line(facts.get("Scan policy used")),
        )
        logged_in = _yes(facts.get("Credentialed checks", ""))
        seen = replace(self._seen, credentialed=self._seen.credentialed or logged_in)
        if scan != self._scan:
            self._scan, self._seen = scan, seen
            yield scan
            yield seen
        elif seen != self._seen:
            self._seen = seen
            yield seen


class _Found(NamedTuple):
    """What is needed of each item, found in one pass over its children: there are millions."""

    printed: str
    solution: str
    audited: bool
    cves: tuple[str, ...]
    xrefs: tuple[str, ...]


def _found(item: Element) -> _Found:
    printed = solution = ""
    audited = "Compliance" in item.get("pluginFamily", "")
    cves, xrefs = [], []
    for child in named(item, *_NEEDED):
        name, text = child.tag, child.text or ""
        if name == "cve":
            cves.append(text)
        elif name == "plugin_output":
            printed = text
        elif name == "solution":
            solution = text
        elif name == "xref":
            xrefs.append(text)
        else:
            audited = True
    return _Found(printed, solution, audited, tuple(cves), tuple(xrefs))


def _row(host: str, plugin: str, item: Element, found: _Found) -> Row:
    level = item.get("severity", "")
    severity, result, told = _LEVELS.get(level) or (Severity.UNKNOWN, Result.UNKNOWN, line(level))
    return Row(
        host,
        "nessus",
        line(plugin, 40),
        result,
        severity,
        told,
        _title(item.get("pluginName")),
        _location(item.get("port", "0"), item.get("protocol", "")),
        clean(found.printed),
        _remedy(found.solution),
        _ids(found.cves, found.xrefs),
    )


def _audited(row: Row, item: Element) -> Row:
    """One check of an audit file; older scanners tell it in the first line of the description.

    Not all of the family are: whether a host fulfils PCI DSS is a plugin like any other.
    """
    texts = {child.tag.rpartition("}")[2]: child.text for child in item}
    described, result = audits.described(texts.get("description") or "")
    name = line(texts.get("compliance-check-name")) or described
    check = name or line(texts.get("compliance-check-id"))
    word = (texts.get("compliance-result") or result).strip().upper()
    if not (check or word or "compliance" in texts):
        return row
    values = ("compliance-actual-value", "compliance-policy-value")
    evidence = "\n".join(filter(None, (clean(texts.get(key)) for key in values)))
    more = {to: line(texts[key], 400) for key, to in _MORE_AUDITED.items() if texts.get(key)}
    return replace(
        row,
        rule=audits.rule_of(row.rule, check or "?"),
        result=audits.RESULTS.get(word, Result.UNKNOWN),
        told=f"{row.told}, {line(word, 40)}" if word else row.told,
        title=name or row.title,
        evidence=evidence or (clean(texts["description"]) if described else "") or row.evidence,
        remedy=clean(texts.get("compliance-solution")) or row.remedy,
        more=more,
    )


# Hosts share plugins: what is the same wherever a plugin finds something is made once.


@lru_cache(_REMEMBERED)
def _ids(cves: tuple[str, ...], xrefs: tuple[str, ...]) -> Ids:
    others = [line(xref, 200) for xref in xrefs]
    told = [cve for cve in cves if cve]
    told += [other for other in others if other.startswith(("CN", "CCE", "CVE"))]
    return ids(told, other=others)


@lru_cache(_REMEMBERED)
def _location(port: str, protocol: str) -> str:
    return line(f"{port}/{protocol}", 20) if port != "0" else ""


@lru_cache(_REMEMBERED)
def _title(told: str | None) -> str:
    return line(told)


@lru_cache(_REMEMBERED)
def _remedy(solution: str | None) -> str:
    text = clean(solution)
    return "" if text == "n/a" else text


def _name(host: Element | None) -> str:
    return line(host.get("name"), 255) if host is not None else ""


def _yes(told: str) -> bool | None:
    word = told.strip().lower()
    if word.startswith(("yes", "true")):
        return True
    return False if word.startswith(("no", "false")) else None


def _started(told: Mapping[str, str]) -> str:
    """When the first host was begun: RFC 3339 where the zone is known, else without a zone."""
    stamp = told.get("HOST_START_TIMESTAMP", "")
    try:
        if stamp.isdecimal():
            return datetime.fromtimestamp(int(stamp[:12]), UTC).isoformat()
        return datetime.strptime(told.get("HOST_START", ""), "%a %b %d %H:%M:%S %Y").isoformat()  # noqa: DTZ007 - the file has no zone
    except (ValueError, OverflowError, OSError):
        return ""
