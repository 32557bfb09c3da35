"""OpenVEX and CycloneDX, by their specifications."""

from __future__ import annotations

from opsbook.model.finding import Result, Severity
from support.reading import sample, told


def test_statements_of_openvex_are_rows_of_their_components() -> None:
    tale = told("openvex", sample("openvex.json"), host="web01")
    row = tale.of("CVE-2023-12345")
    assert (row.result, row.package, row.installed) == (Result.PASS, "openssl", "3.0.11-1")
    assert row.location == ""
    assert row.evidence.splitlines() == [
        "not_affected", "vulnerable_code_not_in_execute_path", "Never called.",
    ]  # fmt: skip
    assert row.ids.other == ("GHSA-1111-2222-3333",)
    assert tale.of("CVE-2023-2").more["artifact"] == "pkg:npm/%40scope/left@1.0.0"
    assert [r.result.value for r in tale.rows] == ["pass", "fail", "unknown", "pass"]
    assert tale.hosts[0].names == ("web01",)


def test_a_statement_without_a_vulnerability_is_told() -> None:
    tale = told("openvex", sample("openvex.json"))
    assert [one.why for one in tale.unreadable] == ["a statement without a vulnerability"]
    assert tale.hosts[0].id == "file"


def test_analysis_in_cyclonedx_decides_and_its_reasons_are_evidence() -> None:
    tale = told("cyclonedx", sample("cyclonedx.json"))
    row = tale.of("SNYK-1")
    assert (row.result, row.severity, row.told) == (
        Result.PASS, Severity.CRITICAL, "critical 9.8 CVSSv3",
    )  # fmt: skip
    assert (row.package, row.fixed) == ("com.fasterxml/jackson", "2.9.9")
    assert row.ids.cve == ("CVE-2018-7489",)
    assert row.evidence.startswith("not_affected\ncode_not_reachable\nwill_not_fix, update")
    states = {row.rule: row.result.value for row in tale.rows}
    assert states == {
        "SNYK-1": "pass", "CVE-2024-1": "fail", "CVE-2024-2": "unknown", "CVE-2024-3": "fail",
        "CVE-2024-4": "pass",
    }  # fmt: skip


def test_components_are_found_by_their_reference_also_within_others() -> None:
    rows = [
        row for row in told("cyclonedx", sample("cyclonedx.json")).rows if row.rule == "CVE-2024-1"
    ]
    assert [(row.package, row.installed, row.location) for row in rows] == [
        ("openssl", "3.0.11", ""), ("left", "1", "pkg:npm/left@1"),
    ]  # fmt: skip
    assert rows[0].severity is Severity.MEDIUM
