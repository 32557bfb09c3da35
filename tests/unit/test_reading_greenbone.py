"""Greenbone's reports, by its grammar and the shape of public real files."""

from __future__ import annotations

import pytest

from opsbook.model.finding import Result, Row, Severity
from support.reading import Tale, recognised, sample, told

XML = sample("greenbone.xml")
WEAK = "1.3.6.1.4.1.25623.1.0.150713"


@pytest.fixture(scope="module")
def tale() -> Tale:
    return told("greenbone", XML)


def test_blanks_around_a_host_do_not_make_another_host(tale: Tale) -> None:
    assert {row.host for row in tale.rows} == {"10.0.0.11", "10.0.0.12", "10.0.0.13"}


def test_quality_of_detection_overrides_and_notes_are_kept(tale: Tale) -> None:
    more = tale.of(WEAK).more
    assert (more["qod"], more["qod_type"]) == ("80", "remote_banner")
    assert (more["original"], more["override"], more["note"]) == ("7.5", "accepted by W.", "seen")
    assert more["summary"] == "The remote SSH server\nsupports weak | strange algorithms."


def test_ids_remedy_and_place_of_a_result(tale: Tale) -> None:
    row = tale.of(WEAK)
    assert (row.ids.cve, row.ids.other) == (("CVE-2002-20001",), ("WID-SEC-2022-1",))
    assert (row.location, row.remedy) == ("22/tcp", "Disable the\nalgorithms.")
    assert (row.severity, row.told) == (Severity.MEDIUM, "5.3 (Medium)")


def test_what_each_threat_says(tale: Tale) -> None:
    found = {row.title: row.result for row in tale.rows}
    assert found == {
        "Weak KEX": Result.FAIL, "Traceroute": Result.INFORMATIONAL, "no nvt here": Result.FAIL,
        "CVE-2021-26690": Result.FAIL, "fp": Result.INFORMATIONAL, "went": Result.UNKNOWN,
        "slow": Result.ERROR,
    }  # fmt: skip


def test_a_result_without_a_test_is_read_and_one_without_a_host_is_told(tale: Tale) -> None:
    row = tale.of("no nvt here")
    assert (row.severity, row.more) == (Severity.CRITICAL, {"qod": "30"})
    assert [one.why for one in tale.unreadable] == ["a result without a host"]


def test_results_of_the_scanner_of_cves_carry_their_cve(tale: Tale) -> None:
    assert tale.of("CVE-2021-26690").ids.cve == ("CVE-2021-26690",)


def test_details_of_a_host_at_the_end_say_more_of_it(tale: Tale) -> None:
    first, last = (host for host in tale.hosts if host.id == "10.0.0.11")
    assert first.names == last.names == ("web01.example.org",)
    assert (last.os, last.credentialed) == ("Debian GNU/Linux 12", True)


def test_the_scan_is_told_with_version_task_and_times(tale: Tale) -> None:
    scan = tale.scans[-1]
    assert (scan.tool_version, scan.profile) == ("22.5", "weekly")
    assert scan.ended == "2026-03-01T11:00:00Z"


def test_a_report_is_recognised_with_and_without_what_wraps_it() -> None:
    start, end = XML.index(b'<report id="r1"><gmp'), XML.index(b"</report></report>") + 9
    assert recognised("x", XML) == recognised("y", XML[start:end]) == "greenbone"
    assert told("greenbone", XML[start:end]).rows == told("greenbone", XML).rows


CSV = """IP,Hostname,Port,Port Protocol,CVSS,Severity,QoD,Solution Type,NVT Name,Summary,\
Specific Result,NVT OID,CVEs,Task ID,Task Name,Timestamp,Result ID,Impact,Solution
10.0.0.11,web01,,,2.6,Low,80,"Mitigation","TCP Timestamps","Sum
  mary","It was
detected",1.3.6.1.4.1.25623.1.0.80091,"",t,"weekly",2026-03-01T12:46:31Z,r,"","To disable
  it"
 10.0.0.11,,443,tcp,0.0,Log,80,"","Services","","",1.3.6.1.4.1.25623.1.0.10330,"",t,w,x,r,,
10.0.0.12,,80,tcp,9.8,High,30,"","Apache","","=cmd|'/c calc'!A1",1.3.6.1.4.1.25623.1.0.9,\
"CVE-2021-26690,CVE-2021-26691",t,w,x,r,,
,,80,tcp,9.8,High,30,"","Nowhere","","",1.3.6.1.4.1.25623.1.0.9,"",t,w,x,r,,
"""


def test_the_same_report_as_csv() -> None:
    assert recognised("r.csv", CSV.encode()) == "greenbone_csv"
    tale = told("greenbone_csv", CSV)
    low, log, high = tale.rows
    assert (low.host, low.location, low.told, low.remedy) == (
        "10.0.0.11", "", "2.6 (Low)", "To disable\nit",
    )  # fmt: skip
    assert (log.host, log.location, log.result) == ("10.0.0.11", "443/tcp", Result.INFORMATIONAL)
    assert (high.severity, high.ids.cve) == (
        Severity.CRITICAL, ("CVE-2021-26690", "CVE-2021-26691"),
    )  # fmt: skip
    assert high.evidence == "=cmd|'/c calc'!A1"
    assert [one.why for one in tale.unreadable] == ["a result without a host"]
    assert [host.id for host in tale.hosts] == ["10.0.0.11", "10.0.0.12"]


def test_xml_and_csv_of_one_result_are_one_finding() -> None:
    def identity(row: Row) -> tuple[str, str, str, str]:
        return row.host, row.scanner, row.rule, row.location

    text = CSV.splitlines()[0] + f"\n10.0.0.11,,22,tcp,5.3,Medium,80,,Weak KEX,,,{WEAK},,,,,,,\n"
    (row,) = told("greenbone_csv", text).rows
    assert identity(row) == identity(told("greenbone", XML).of(WEAK))


def test_the_csv_of_before_there_was_a_quality_of_detection_is_read() -> None:
    data = (
        "IP,Hostname,Port,Port Protocol,CVSS,Severity,Solution Type,NVT Name,NVT OID,CVEs\n"
        "192.0.2.5,web01,22,tcp,7.5,High,VendorFix,Old SSH,1.3.6.1.4.1.25623.1.0.1,CVE-2016-0777\n"
    )
    assert recognised("x", data.encode()) == "greenbone_csv"
    (row,) = told("greenbone_csv", data).rows
    assert (row.host, row.location, row.ids.cve) == ("192.0.2.5", "22/tcp", ("CVE-2016-0777",))
    assert "qod" not in row.more


def test_a_login_that_failed_is_told_unless_another_worked() -> None:
    def report(*names: str) -> str:
        details = "".join(f"<detail><name>{name}</name></detail>" for name in names)
        host = f"<host><ip>192.0.2.6</ip>{details}</host>"
        return f"<report><gmp><version>22.5</version></gmp>{host}</report>"

    (failed,) = told("greenbone", report("Auth-SSH-Failure")).hosts
    (worked,) = told("greenbone", report("Auth-SSH-Failure", "Auth-SMB-Success")).hosts
    (untried,) = told("greenbone", report("OS")).hosts
    assert (failed.credentialed, worked.credentialed, untried.credentialed) == (False, True, None)


def test_an_answer_that_carries_a_report_of_another_kind_says_so() -> None:
    tale = told(
        "greenbone",
        '<get_reports_response><report extension="csv"><report_format id="f">'
        "<name>CSV Results</name></report_format>SVAsSG9zdG5hbWU=</report></get_reports_response>",
    )
    assert [(fault.where, fault.ends) for fault in tale.unreadable] == [
        ("report as CSV Results", True)
    ]
