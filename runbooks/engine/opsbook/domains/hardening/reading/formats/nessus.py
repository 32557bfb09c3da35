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

from opsbook.domains.hardening.reading.hostnames import names_and_addresses
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.text import clean, ids, line
from opsbook.domains.hardening.reading.xmlstream import Element, Piece, pieces
from opsbook.model.finding import Ids, Result, Row, Scan, Seen, Severity, Told, Unreadable

_WANTED = frozenset({"ReportItem", "HostProperties", "policyName"})
_SKIPPED = frozenset({"Preferences", "FamilySelection", "IndividualPluginSelection"})
_SCAN_INFORMATION = "19506"
_NO_IDS = Ids()
_NAMES = ("host-fqdn", "hostname", "netbios-name", "host-rdns")
_LEVELS = {
    "0": (Severity.INFO, Result.INFORMATIONAL, "0 (Info)"),
    "1": (Severity.LOW, Result.FAIL, "1 (Low)"),
    "2": (Severity.MEDIUM, Result.FAIL, "2 (Medium)"),
    "3": (Severity.HIGH, Result.FAIL, "3 (High)"),
    "4": (Severity.CRITICAL, Result.FAIL, "4 (Critical)"),
}
_AUDITED = {
    "PASSED": Result.PASS,
    "FAILED": Result.FAIL,
    "WARNING": Result.UNKNOWN,
    "ERROR": Result.ERROR,
    "SKIPPED": Result.NOT_CHECKED,
    "INFO": Result.INFORMATIONAL,
}
_OLD_AUDIT = re.compile(r'\s*"(?P<name>[^"]{1,500})"\s*:\s*\[(?P<result>[A-Z]{4,10})\]')
_FACT = re.compile(r"^\s*([A-Za-z][^:\n]{0,60}?)\s*:[ \t]*(.*?)\s*$", re.MULTILINE)
_MORE = {"synopsis": "synopsis", "cvss3_base_score": "cvss3", "cvss_base_score": "cvss2"}
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
        host = piece.within("ReportHost")
        if host is not self._around or not self._begun:
            yield from self._bare_host(host)
        item = piece.element
        plugin = item.get("pluginID", "")
        if not plugin:
            yield Unreadable(f"ReportItem of {self._seen.id}", "item without a plugin")
            return
        texts = {child.tag: child.text or "" for child in item}
        if plugin == _SCAN_INFORMATION:
            yield from self._information(texts.get("plugin_output", ""))
        audited = "compliance" in texts or "compliance-result" in texts
        make = _audit_row if audited else _row
        yield make(self._seen.id, plugin, item, texts)

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
            profile=line(facts.get("Scan policy used")) or self._scan.profile,
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


def _row(host: str, plugin: str, item: Element, texts: Mapping[str, str]) -> Row:
    severity, result, told = _LEVELS.get(
        item.get("severity", ""), (Severity.UNKNOWN, Result.UNKNOWN, item.get("severity", "")[:40])
    )
    return Row(
        host,
        "nessus",
        line(plugin, 40),
        result,
        severity,
        told,
        line(item.get("pluginName") or texts.get("plugin_name")),
        _location(item),
        clean(texts.get("plugin_output")),
        _remedy(texts.get("solution", "")),
        _ids(item, texts),
        more={name: line(texts[key], 400) for key, name in _MORE.items() if key in texts},
    )


def _audit_row(host: str, plugin: str, item: Element, texts: Mapping[str, str]) -> Row:
    """One check of an audit file; older scanners tell it in the first line of the description."""
    row = _row(host, plugin, item, texts)
    old = _OLD_AUDIT.match(texts.get("description", "")[:1_000])
    name = line(texts.get("compliance-check-name") or (old["name"] if old else ""))
    word = (texts.get("compliance-result") or (old["result"] if old else "")).strip().upper()
    values = ("compliance-actual-value", "compliance-policy-value")
    evidence = "\n".join(filter(None, (texts.get(key, "").strip() for key in values)))
    more = {to: line(texts[key], 400) for key, to in _MORE_AUDITED.items() if key in texts}
    check = name or line(texts.get("compliance-check-id")) or "?"
    return replace(
        row,
        rule=f"{row.rule}/{check}",
        result=_AUDITED.get(word, Result.UNKNOWN),
        told=f"{row.told}, {line(word, 40)}" if word else row.told,
        title=name or row.title,
        evidence=clean(evidence) or row.evidence,
        remedy=clean(texts.get("compliance-solution")) or row.remedy,
        more=more,
    )


def _ids(item: Element, texts: Mapping[str, str]) -> Ids:
    if "cve" not in texts and "xref" not in texts:
        return _NO_IDS
    others = [line(found.text, 200) for found in item.findall("xref")]
    told = [found.text or "" for found in item.findall("cve")]
    told.extend(other for other in others if other.startswith(("CN", "CCE", "CVE")))
    return ids(told, other=others)


def _location(item: Element) -> str:
    port = item.get("port", "0")
    return f"{line(port, 10)}/{line(item.get('protocol', ''), 10)}" if port != "0" else ""


def _remedy(solution: str) -> str:
    return "" if solution.strip() in ("", "n/a") else clean(solution)


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
