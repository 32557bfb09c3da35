"""Trivy's items as rows: vulnerabilities, checks of configuration, secrets, licenses.

Source: aquasecurity/trivy ``pkg/types/report.go`` and ``vulnerability.go``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from opsbook.domains.hardening.reading.jsontext import known_by, number, prose, word, words
from opsbook.domains.hardening.reading.severity import by_word
from opsbook.domains.hardening.reading.text import filled
from opsbook.model.finding import Result, Row, Severity

_STATUS = {
    "not_affected": Result.NOT_APPLICABLE,
    "under_investigation": Result.UNKNOWN,
}
"""``fixed`` says that a fixed version exists, so that it and the rest are FAIL. None is a PASS: a
scan of packages lists what is vulnerable, and what it no longer lists is gone."""
_CHECKED = {"PASS": Result.PASS, "EXCEPTION": Result.NOT_CHECKED, "FAIL": Result.FAIL}


class Within(Protocol):
    """What an item stands in."""

    host: str

    @property
    def kind_of_result(self) -> str:
        """The class of the result: os-pkgs, lang-pkgs, config, secret, license."""
        ...

    @property
    def target(self) -> str:
        """What the result is about."""
        ...

    def artifact(self, item: Mapping[str, Any]) -> str:
        """The artifact a vulnerable package is in; "" when it is the host itself."""
        ...


def _vulnerability(within: Within, item: Mapping[str, Any]) -> Row:
    status = word(item, "Status")
    name, fixed = word(item, "PkgName"), word(item, "FixedVersion")
    installed = word(item, "InstalledVersion")
    rule = word(item, "VulnerabilityID")
    artifact = within.artifact(item)
    more = {"description": prose(item, "Description"), "status": status, "artifact": artifact,
            "url": word(item, "PrimaryURL"), "class": within.kind_of_result}  # fmt: skip
    return Row(
        host=within.host,
        scanner="trivy",
        rule=rule,
        result=_STATUS.get(status, Result.FAIL),
        severity=by_word(word(item, "Severity")),
        told=_told(item),
        title=prose(item, "Title") or f"{rule}: {name}",
        location=artifact,
        evidence=f"{name} {installed}: {within.target}",
        remedy=f"{name} {fixed}" if fixed else "",
        ids=known_by(rule, *words(item, "VendorIDs"), *words(item, "CweIDs")),
        package=name,
        installed=installed,
        fixed=fixed,
        more=filled(more),
    )


def _told(item: Mapping[str, Any]) -> str:
    severity, source = word(item, "Severity"), word(item, "SeveritySource")
    return f"{severity} ({source})" if source else severity


def _misconfiguration(within: Within, item: Mapping[str, Any]) -> Row:
    rule = word(item, "ID") or word(item, "AVDID")
    resource = word(item, "CauseMetadata", "Resource")
    lines = _lines(item.get("CauseMetadata"))
    return Row(
        host=within.host,
        scanner="trivy_config",
        rule=rule,
        result=_CHECKED.get(word(item, "Status"), Result.UNKNOWN),
        severity=by_word(word(item, "Severity")),
        told=word(item, "Severity"),
        title=prose(item, "Title") or rule,
        location=f"{within.target} {resource}".strip(),
        evidence=f"{prose(item, 'Message')}{lines}",
        remedy=prose(item, "Resolution"),
        ids=known_by(word(item, "AVDID")),
        more=filled({"description": prose(item, "Description"), "url": word(item, "PrimaryURL")}),
    )


def _secret(within: Within, item: Mapping[str, Any]) -> Row:
    rule = word(item, "RuleID")
    return Row(
        host=within.host,
        scanner="trivy_secret",
        rule=rule,
        result=Result.FAIL,
        severity=by_word(word(item, "Severity")),
        told=word(item, "Severity"),
        title=prose(item, "Title") or rule,
        location=within.target,
        evidence=f"{prose(item, 'Match')}{_lines(item)}",
        more=filled({"category": word(item, "Category")}),
    )


def _license(within: Within, item: Mapping[str, Any]) -> Row:
    """A license is a fact for lawyers, not a defect of the host."""
    name = word(item, "Name")
    package = word(item, "PkgName")
    return Row(
        host=within.host,
        scanner="trivy_license",
        rule=name,
        result=Result.INFORMATIONAL,
        severity=by_word(word(item, "Severity")),
        told=word(item, "Severity"),
        title=f"{package} {name}".strip(),
        location=word(item, "FilePath") or within.target,
        package=package,
        more=filled({"category": word(item, "Category"), "url": word(item, "Link")}),
    )


def _modified(within: Within, item: Mapping[str, Any]) -> Row:
    """What an ignore file or VEX took out of the report: told with the reason, never left out."""
    finding = item.get("Finding")
    inner = finding if isinstance(finding, Mapping) else {}
    kind = word(item, "Type")
    make = {"misconfiguration": _misconfiguration, "secret": _secret, "license": _license}
    row = make.get(kind, _vulnerability)(within, inner)
    status = word(item, "Status")
    reason = " ".join(filter(None, (status, prose(item, "Statement"), word(item, "Source"))))
    result = Result.NOT_APPLICABLE if status in ("not_affected", "fixed") else row.result
    return replace(row, result=result, more={**row.more, "suppressed": reason})


def failed(host: str, resource: str, error: str) -> Row:
    """A resource of a cluster that could not be scanned."""
    return Row(
        host=host,
        scanner="trivy",
        rule="scan",
        result=Result.ERROR,
        severity=Severity.UNKNOWN,
        told="error",
        title="Trivy: error",
        location=resource,
        evidence=error,
    )


def _lines(item: Any) -> str:
    first, last = number(item, "StartLine"), number(item, "EndLine")
    if not first:
        return ""
    return f" (line {first:.0f})" if last in (None, first) else f" (lines {first:.0f}-{last:.0f})"


ROWS: dict[str, Callable[[Within, Mapping[str, Any]], Row]] = {
    "Vulnerabilities": _vulnerability,
    "Misconfigurations": _misconfiguration,
    "Secrets": _secret,
    "Licenses": _license,
    "ExperimentalModifiedFindings": _modified,
    "ModifiedFindings": _modified,
}
"""What makes a row of an item, by the list that the item stands in."""
