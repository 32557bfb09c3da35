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


def test_cyclonedx_in_xml_tells_the_same_as_in_json() -> None:
    in_xml = told("cyclonedx_xml", sample("cyclonedx.xml"))
    in_json = told("cyclonedx", sample("cyclonedx.json"))
    assert in_xml.rows == in_json.rows
    assert (in_xml.scans, in_xml.hosts) == (in_json.scans, in_json.hosts)
    assert [one.why for one in in_xml.unreadable] == [one.why for one in in_json.unreadable]


def test_what_older_bills_tell_within_a_component_is_of_that_component() -> None:
    (row,) = told(
        "cyclonedx_xml",
        '<bom xmlns="http://cyclonedx.org/schema/bom/1.2" xmlns:v="http://cyclonedx.org/schema/ext'
        '/vulnerability/1.0"><components><component type="library"><name>apt</name>'
        "<version>1.8.2.1</version><v:vulnerabilities><v:vulnerability><v:id>CVE-2011-3374</v:id>"
        "<v:ratings><v:rating><v:score><v:base>4.3</v:base></v:score><v:severity>Low</v:severity>"
        "<v:method>CVSSv2</v:method></v:rating></v:ratings></v:vulnerability>"
        "</v:vulnerabilities></component></components></bom>",
    ).rows
    assert (row.rule, row.package, row.installed) == ("CVE-2011-3374", "apt", "1.8.2.1")
    assert (row.severity, row.told) == (Severity.LOW, "Low 4.3 CVSSv2")


def test_what_affects_the_component_that_a_bill_describes_is_of_the_host_itself() -> None:
    (row,) = told(
        "cyclonedx",
        '{"bomFormat": "CycloneDX", "metadata": {"component": {"bom-ref": "r", "name": "web01"}},'
        '"vulnerabilities": [{"id": "CVE-2024-6387", "affects": [{"ref": "urn:cdx:1/1#r"}]}]}',
    ).rows
    assert (row.host, row.location) == ("web01", "")
