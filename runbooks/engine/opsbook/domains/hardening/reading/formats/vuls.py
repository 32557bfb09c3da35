"""The JSON result of Vuls: one host, with the processes that a fixed package has to restart.

Source: future-architect/vuls ``models/scanresults.go``, ``vulninfos.go``, ``packages.go`` and
``cvecontents.go``. ``packages`` come after ``scannedCves`` in the file, so that what was found is
put aside until they have been read. Up to version 0.4 (real files) members begin with a capital and
a CVE has one view of each source, with a severity for all versions of CVSS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsbook.domains.hardening.reading.jsontext import (
    at,
    json_steps,
    known_by,
    number,
    objects,
    prose,
    word,
    words,
)
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.severity import by_cvss, by_word
from opsbook.domains.hardening.reading.spool import Shelf, Spool
from opsbook.domains.hardening.reading.text import filled
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable
from opsbook.model.jsonstream import Event, How, Path, Step

_BY_NAME = {"scannedCves", "packages"}
_PASSED = {"srcPackages", "cweDict", "config", "optional", "libraries", "wordPressPackages"}
_SCORES = ("cvss40", "cvss3", "cvss2")
"""Of one source's view of a CVE, the newest version of CVSS first."""


class Vuls:
    """Format ``vuls``."""

    name = "vuls"

    def recognises(self, head: Head) -> int:
        """By members that only Vuls writes."""
        data = head.data
        known = (b'"jsonversion"', b'"serveruuid"', b'"scannedcves"', b'"servername"')
        data = data.lower()
        return min(95, 32 * sum(name in data for name in known))

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, host, then a row for every package that a CVE affects."""
        report: dict[str, Any] = {}
        with Spool() as found, Shelf() as packages:
            for step in json_steps(source.stream, _how):
                if isinstance(step, Unreadable):
                    yield step
                else:
                    _put_aside(step, report, found, packages)
            yield from _told(source, report, found, packages)


_INITIALS = re.compile("^[A-Z]+(?=[A-Z][a-z])|^[A-Z]")


def _usual(name: str) -> str:
    """``ServerName`` and ``JSONVersion`` as they are called since version 0.5."""
    return _INITIALS.sub(lambda found: found[0].lower(), name)


def _usually_named(value: Any) -> Any:
    """Objects within ``value`` with the usual names of their members."""
    if isinstance(value, Mapping):
        return {_usual(name): _usually_named(inner) for name, inner in value.items()}
    return [_usually_named(one) for one in value] if isinstance(value, list) else value


def _how(path: Path) -> How:
    name = _usual(path[0]) if path else ""
    if not path or (len(path) == 1 and name in _BY_NAME):
        return How.INTO
    return How.PASS if name in _PASSED else How.WHOLE


def _put_aside(step: Step, report: dict[str, Any], found: Spool, packages: Shelf) -> None:
    if step.event is not Event.VALUE or not step.path:
        return
    name, value = _usual(step.path[0]), _usually_named(step.value)
    if len(step.path) == 1:
        report[name] = value
    elif name == "packages":
        packages.put(step.path[1], _package(value))
    else:
        found.add(_vulnerability(step.path[1], value))


def _package(value: Any) -> dict[str, Any]:
    """What rows need of an installed package."""
    version, release = word(value, "version"), word(value, "release")
    return {
        "installed": f"{version}-{release}" if release else version,
        "affected": [_process(one) for one in objects(value, "affectedProcs")[:50]],
        "restart": [_process(one) for one in objects(value, "needRestartProcs")[:50]],
    }


def _process(value: Mapping[str, Any]) -> str:
    name = word(value, "serviceName") or word(value, "name") or word(value, "path")
    return f"{name} ({word(value, 'pid')})"


def _vulnerability(cve: str, value: Any) -> dict[str, Any]:
    """What rows need of one CVE, small enough to put aside."""
    views = _views(at(value, "cveContents"))
    return {
        "cve": word({"id": cve}, "id"),
        "views": views,
        "title": next((v["title"] for v in views.values() if v["title"]), ""),
        "summary": next((v["summary"] for v in views.values() if v["summary"]), ""),
        "gone": word(value, "diffStatus") == "-",
        "advisories": [word(one, "advisoryID") for one in objects(value, "distroAdvisories")[:20]],
        "mitigation": "\n".join(prose(one, "mitigation") for one in objects(value, "mitigations")),
        "exploited": bool(objects(value, "kevs")),
        "affects": [*_affected(value)][:500],
    }


def _views(contents: Any) -> dict[str, dict[str, Any]]:
    """Each source's view: its severity in words, its score, its texts."""
    views: dict[str, dict[str, Any]] = {}
    for source in list(contents)[:30] if isinstance(contents, Mapping) else ():
        for view in objects(contents, source)[:1]:
            score = next((s for n in _SCORES if (s := number(view, n + "Score"))), None)
            words_of = (*(f"{name}Severity" for name in _SCORES), "severity")
            severity = next((w for name in words_of if (w := word(view, name))), "")
            views[word({"s": source}, "s")] = {
                "severity": severity, "score": score,
                "title": prose(view, "title"), "summary": prose(view, "summary"),
            }  # fmt: skip
    return views


def _affected(value: Any) -> Iterator[dict[str, Any]]:
    for one in objects(value, "affectedPackages"):
        still_open, state = at(one, "notFixedYet") is True, word(one, "fixState")
        yield {**_fix(one, ""), "open": still_open, "state": state}
    for one in objects(value, "libraryFixedIns"):
        yield _fix(one, word(one, "path") or word(one, "key"))
    for one in objects(value, "wpPackageFixStats"):
        yield _fix(one, "wordpress")


def _fix(one: Mapping[str, Any], path: str) -> dict[str, Any]:
    fixed = {"package": word(one, "name"), "fixed": word(one, "fixedIn"), "path": path}
    return {**_NOTHING, **fixed}


_NOTHING = {"package": "", "open": False, "state": "", "fixed": "", "path": ""}


def _told(
    source: Source, report: Mapping[str, Any], found: Spool, packages: Shelf
) -> Iterator[Told]:
    yield Scan(
        format="vuls",
        tool="Vuls",
        file=source.name,
        tool_version=word(report, "scannedVersion") or word(report, "reportedVersion"),
        content_version=word(report, "jsonVersion"),
        profile=word(report, "scanMode"),
        started=word(report, "scannedAt"),
        ended=word(report, "reportedAt"),
        credentialed=True,
    )
    seen = _seen(source, report)
    yield seen
    for problem in words(report, "errors"):
        yield _error(seen.id, problem)
    for vulnerability in found:
        if vulnerability["cve"]:
            yield from _rows(seen.id, word(report, "family"), vulnerability, packages)
        else:
            yield Unreadable("scannedCves", "without an id")


def _seen(source: Source, report: Mapping[str, Any]) -> Seen:
    """A container is told as what Vuls calls it: ``name@server``."""
    server, container = word(report, "serverName"), word(report, "container", "name")
    named = word(source.options, "host")
    told = f"{container}@{server}" if container else server
    return Seen(
        id=named or told or source.name,
        names=tuple(dict.fromkeys(name for name in (named, told) if name)),
        addresses=() if container else words(report, "ipv4Addrs") + words(report, "ipv6Addrs"),
        os=f"{word(report, 'family')} {word(report, 'release')}".strip(),
        credentialed=True,
    )


def _error(host: str, problem: str) -> Row:
    return Row(
        host=host,
        scanner="vuls",
        rule="scan",
        result=Result.ERROR,
        severity=Severity.UNKNOWN,
        told="error",
        title="Vuls: error",
        evidence=problem,
    )


def _rows(host: str, family: str, one: Mapping[str, Any], packages: Shelf) -> Iterator[Row]:
    severity, told = _severity(family, one["views"])
    for affected in one["affects"] or [_NOTHING]:
        package = packages.get(affected["package"]) or {}
        yield Row(
            host=host,
            scanner="vuls",
            rule=one["cve"],
            result=Result.PASS if one["gone"] else Result.FAIL,
            severity=severity,
            told=told,
            title=one["title"] or one["cve"],
            location=affected["path"],
            evidence=_evidence(affected, package),
            remedy=one["mitigation"] or (affected["fixed"] and _upgrade(affected)),
            ids=known_by(one["cve"], *one["advisories"]),
            package=affected["package"],
            installed=package.get("installed", ""),
            fixed=affected["fixed"],
            more=_more(one, affected, package),
        )


def _upgrade(affected: Mapping[str, Any]) -> str:
    return f"{affected['package']} {affected['fixed']}"


def _evidence(affected: Mapping[str, Any], package: Mapping[str, Any]) -> str:
    """As Vuls writes it in its own reports: ``name-installed -> state (FixedIn: version)``."""
    if affected["open"]:
        to = affected["state"] or "Not Fixed Yet"
    else:
        to = affected["fixed"] or affected["state"] or "Unknown"
    name = "-".join(filter(None, (affected["package"], package.get("installed"))))
    return f"{name} -> {to}" if name else ""


def _more(
    one: Mapping[str, Any], affected: Mapping[str, Any], package: Mapping[str, Any]
) -> dict[str, str]:
    more = {
        "artifact": affected["path"],
        "description": one["summary"],
        "status": affected["state"] or ("not fixed yet" if affected["open"] else ""),
        "affected_processes": ", ".join(package.get("affected", ())),
        "restart": ", ".join(package.get("restart", ())),
        "exploited": "yes" if one["exploited"] else "",
    }
    return filled(more)


def _severity(family: str, views: Mapping[str, Mapping[str, Any]]) -> tuple[Severity, str]:
    """By the distribution's own view (it knows what it patched), else NVD's, else any."""
    order = sorted(views, key=lambda s: (not (family and s.startswith(family)), s != "nvd"))
    for source in order:
        view = views[source]
        severity = by_word(view["severity"])
        if severity is Severity.UNKNOWN:
            severity = by_cvss(view["score"])
        if severity is not Severity.UNKNOWN:
            score = "" if view["score"] is None else f"{view['score']} "
            return severity, f"{view['severity'] or 'CVSS'} {score}({source})"
    return Severity.UNKNOWN, ""


FORMAT = Vuls()
