"""Lynis's ``report.dat``: lines of ``key=value``, lists as ``key[]=``.

Source: CISOfy/lynis 3.0.8 and 3.1 ``include/functions`` (Report, ReportWarning, ReportSuggestion,
ReportDetails, ReportException) and its tests. A warning is MEDIUM, a suggestion LOW: Lynis has no
other severity, but that up to 2.1 a warning told its risk. One test emits several suggestions, so
that its id alone is no key:

- ``details[]`` with a field and a preferred value is a row of its own
  (``SSH-7408/PermitRootLogin``); what announces it is then only informational;
- what a suggestion names becomes part of the rule (``AUTH-9286/PASS_MAX_DAYS``,
  ``NETW-3200/dccp``) or its location (``FILE-6310`` at ``/home``).

Which tests ran is told in one row: Lynis claims no pass. What it skipped (another system, a program
that is not there) does not apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.text import clean, ids, line, lines
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable

_MOST_LINES = 200_000
_LONGEST_LINE = 65_536
_MOST_OF_A_KEY = 5_000
_FINDINGS = {"warning[]": Severity.MEDIUM, "suggestion[]": Severity.LOW}
_LISTS = {*_FINDINGS, "details[]", "vulnerable_package[]", "exception_event[]",
          "network_ipv4_address[]", "network_ipv6_address[]"}  # fmt: skip
_SINGLE = {"hostname", "domainname", "lynis_version", "report_datetime_start",
           "report_datetime_end", "os_fullname", "os_name", "os_version", "tests_executed",
           "tests_skipped", "finish", "hardening_index", "test_group", "test_category"}  # fmt: skip

_QUOTED = re.compile(r"'([\w.:/-]{1,64})'")
_PATH = re.compile(r"(?:^|\s)(/[\w./-]{1,200})")
_RISKS = {"H": Severity.HIGH, "M": Severity.MEDIUM, "L": Severity.LOW}
_NAMED = {
    "AUTH-9286": (("minimum", "PASS_MIN_DAYS"), ("maximum", "PASS_MAX_DAYS")),
    "BANN-7126": (("/etc/issue", ""),),
}
"""Tests that suggest different things in words that do not name them."""


class Lynis:
    """Format ``lynis``."""

    name = "lynis"

    def recognises(self, head: Head) -> int:
        """By the keys that a report begins with."""
        keys = (b"# Lynis Report", b"report_version_major=", b"lynis_version=")
        found = sum(key in head.data for key in keys)
        return (0, 60, 96, 99)[found]

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, the host, then what it complains of, then what else it ran."""
        report = _Report()
        yield from report.read(source.stream)
        host = _seen(source, report)
        yield _scan(source, report)
        yield host
        for row in _rows(host.id, report):
            nameless = Unreadable(f"{row.told}: {row.title[:80]}", "without an id")
            yield row if row.rule.strip("-") else nameless


@dataclass
class _Report:
    """The keys that are used, bounded."""

    single: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def read(self, stream: BinaryIO) -> Iterator[Unreadable]:
        """All lines; what cannot be one is told."""
        last = 0
        for last, told in enumerate(islice(lines(stream, longest=_LONGEST_LINE), _MOST_LINES), 1):
            key, equals, value = told.strip().partition("=")
            if not key or key.startswith("#"):
                continue
            if not equals:
                yield Unreadable(f"line {last}", "no key and value")
            elif key in _SINGLE:
                self.single[key] = value
            elif key in _LISTS and not self._append(key, value):
                yield Unreadable(f"line {last}", "more lines of one kind than are read")
        if last >= _MOST_LINES:
            yield Unreadable(f"line {last}", "more lines than are read", ends=True)
        elif self.single.get("finish") != "true":
            yield Unreadable(f"line {last}", "the file ends too early", ends=True)

    def _append(self, key: str, value: str) -> bool:
        values = self.lists.setdefault(key, [])
        if len(values) < _MOST_OF_A_KEY:
            values.append(value)
            return True
        return len(values) > _MOST_OF_A_KEY

    def parts(self, key: str, least: int) -> Iterator[list[str]]:
        """Each value of a list, parted at its bars, in ``least`` parts or more."""
        for value in self.lists.get(key, ()):
            parts = [part.strip() for part in value.split("|")]
            yield parts + [""] * (least - len(parts))

    def complaints(self, key: str) -> Iterator[tuple[str, str, str, str, str]]:
        """Each ``test|message|details|solution|``; of these details may contain bars. Up to 2.1 the
        risk stood before the message; it comes second here.
        """
        for test, *told in self.parts(key, 2):
            risk = told.pop(0).strip("-") if told[0] in (*_RISKS, "-") and told[1:] else ""
            message, *rest = told
            *details, solution = rest[: -1 if rest and not rest[-1] else None] or [""]
            yield test, risk, message, "|".join(details), solution

    def tests(self, key: str) -> list[str]:
        """Ids of tests, of a value such as ``A-1|B-2|``."""
        return [line(test, 64) for test in self.single.get(key, "").split("|") if test.strip()]


def _scan(source: Source, report: _Report) -> Scan:
    single = report.single
    version = line(single.get("lynis_version", ""))
    return Scan(
        format="lynis",
        tool="Lynis",
        file=source.name,
        tool_version=version,
        content="Lynis",
        content_version=version,
        profile=line(single.get("test_group", "")),
        started=line(single.get("report_datetime_start", "")),
        ended=line(single.get("report_datetime_end", "")),
        credentialed=True,
    )


def _seen(source: Source, report: _Report) -> Seen:
    name = line(report.single.get("hostname", ""))
    domain = line(report.single.get("domainname", ""))
    said = source.options.get("host")
    named = "" if name else (said if isinstance(said, str) else "")
    full = f"{name}.{domain}" if name and domain and "." not in name else ""
    addresses = [line(one, 64) for kind in ("network_ipv4_address[]", "network_ipv6_address[]")
                 for one in report.lists.get(kind, ())]  # fmt: skip
    system = report.single.get("os_fullname") or " ".join(
        filter(None, (report.single.get("os_name"), report.single.get("os_version")))
    )
    return Seen(
        id=name or named or source.name,
        names=tuple(one for one in (name, full, named) if one),
        addresses=tuple(one for one in addresses if one not in ("127.0.0.1", "::1")),
        os=line(system),
        credentialed=True,
    )


def _rows(host: str, report: _Report) -> Iterator[Row]:
    detailed = set()
    for row in _details(host, report):
        detailed |= {row.rule, row.rule.partition("/")[0]} if row.result is Result.FAIL else set()
        yield row
    yield from _complaints(host, report, detailed)
    for package, *_rest in report.parts("vulnerable_package[]", 1):
        yield _row(host, "PKGS-7392", package, location=package, told="vulnerable_package",
                   severity=Severity.MEDIUM, package=package)  # fmt: skip
    for event, text, *_rest in report.parts("exception_event[]", 2):
        test = event.partition(":")[0]
        yield _row(host, test, text, told="exception", severity=Severity.UNKNOWN,
                   result=Result.ERROR)  # fmt: skip
    yield from _run(host, report)


def _details(host: str, report: _Report) -> Iterator[Row]:
    """``ID|service|desc:..;field:..;prefval:..;value:..;|``."""
    for test, service, told, *rest in report.parts("details[]", 3):
        values = dict(
            part.split(":", 1) for part in "|".join((told, *rest)).split(";") if ":" in part
        )
        name, wanted, value = (values.get(key, "") for key in ("field", "prefval", "value"))
        failed = bool(name and wanted and test not in ("", "-"))
        yield _row(
            host,
            f"{test}/{name}" if name else test,
            values.get("desc", "").strip("- ") or f"{service} {name}",
            told="suggestion" if failed else "details",
            result=Result.FAIL if failed else Result.INFORMATIONAL,
            evidence=f"{name}: {value} ({wanted})" if wanted else f"{name}: {value}",
        )


def _complaints(host: str, report: _Report, detailed: set[str]) -> Iterator[Row]:
    """Warnings and suggestions, each ``ID|message|details|solution|``."""
    for kind, severity in _FINDINGS.items():
        seen: set[tuple[str, str]] = set()
        for test, risk, message, details, solution in report.complaints(kind):
            rule, location = _about(test, message, details)
            if rule in detailed and rule != test:
                continue  # the same as its row of details
            if (rule, location) in seen:
                location = line(details.strip("- ") or message)
            seen.add((rule, location))
            announces = test in detailed and rule == test
            yield _row(
                host,
                rule,
                message,
                location=location,
                told=f"{kind.removesuffix('[]')} {risk}".strip(),
                severity=_RISKS.get(risk, severity),
                result=Result.INFORMATIONAL if announces else Result.FAIL,
                evidence=details.strip("- "),
                remedy=solution.strip("- ").removeprefix("text:").removeprefix("url:"),
            )


def _about(test: str, message: str, details: str) -> tuple[str, str]:
    """The rule and the location that a complaint is about."""
    option, _, change = details.partition(" (")
    set_to = change.startswith("set ") and " to " in change  # 3.0; up to 2.x an arrow
    if (set_to or " --> " in change) and details.endswith(")") and option.split() == [option]:
        return f"{test}/{option}", ""
    for part, name in _NAMED.get(test, ()):
        if name and part in message:
            return f"{test}/{name}", ""
    if test == "FILE-6310":
        path = _PATH.search(message)
        return test, path.group(1) if path else ""
    quoted = _QUOTED.search(message) if test == "NETW-3200" else None
    location = details if details.startswith("/") else ""
    return (f"{test}/{quoted.group(1)}", "") if quoted else (test, location)


def _run(host: str, report: _Report) -> Iterator[Row]:
    """Which tests were run, in one row, and each that was not."""
    if executed := report.tests("tests_executed"):
        yield _row(
            host,
            "tests_executed",
            f"{len(executed)} tests executed",
            told="executed",
            severity=Severity.INFO,
            result=Result.INFORMATIONAL,
            evidence=" ".join(executed),
        )
    for test in dict.fromkeys(report.tests("tests_skipped")):
        yield _row(
            host,
            test,
            test,
            told="skipped",
            severity=Severity.UNKNOWN,
            result=Result.NOT_APPLICABLE,
        )


def _row(
    host: str,
    rule: str,
    title: str,
    *,
    told: str,
    location: str = "",
    severity: Severity = Severity.LOW,
    result: Result = Result.FAIL,
    evidence: str = "",
    remedy: str = "",
    package: str = "",
) -> Row:
    rule = line(rule)
    return Row(
        host=host,
        scanner="lynis",
        rule=rule,
        result=result,
        severity=severity,
        told=told,
        title=clean(title) or rule,
        location=line(location),
        evidence=clean(evidence),
        remedy=clean(remedy),
        ids=ids((title, evidence)),
        package=line(package),
    )


FORMAT = Lynis()
