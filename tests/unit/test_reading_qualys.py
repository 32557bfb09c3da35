"""Qualys's reports, by its document types and the shape of public real files."""

from __future__ import annotations

from opsbook.model.finding import Result, Severity
from support.reading import recognised, sample, told

ASSETS = sample("qualys-assets.xml")
SCAN = sample("qualys-scan.xml")
CSV = sample("qualys.csv")


def test_each_family_is_recognised_by_itself() -> None:
    assert recognised("a", ASSETS) == "qualys"
    assert recognised("b", SCAN) == "qualys_scan"
    assert recognised("c", CSV) == "qualys_csv"


def test_rows_of_hosts_are_joined_with_a_glossary_that_comes_after_them() -> None:
    first, second = (row for row in told("qualys", ASSETS).rows if row.rule == "38739")
    assert (first.host, first.location, first.result) == ("10.0.0.11", "22/tcp", Result.FAIL)
    assert (first.title, first.severity, first.told) == (
        "Deprecated SSH Cryptographic Settings", Severity.MEDIUM, "3",
    )  # fmt: skip
    assert first.remedy == "Avoid arcfour.\nRestart."
    assert first.ids.cve == ("CVE-2008-5161",)
    assert first.more["threat"] == "The SSH protocol is a method.\nWeak <ciphers>."
    assert (second.location, second.result) == ("2222/tcp", Result.PASS)


def test_a_glossary_before_the_hosts_is_as_good() -> None:
    start, end = ASSETS.index(b"  <GLOSSARY>"), ASSETS.index(b"</ASSET_DATA_REPORT>")
    glossary = ASSETS[start:end]
    moved = ASSETS[:start].replace(b"  <HOST_LIST>", glossary + b"<HOST_LIST>") + ASSETS[end:]
    assert told("qualys", moved).rows == told("qualys", ASSETS).rows


def test_a_potential_vulnerability_is_one_and_information_is_none() -> None:
    tale = told("qualys", ASSETS)
    assert tale.of("370876").result is Result.FAIL
    assert (tale.of("370876").title, tale.of("370876").severity) == (
        "QID 370876", Severity.UNKNOWN,
    )  # fmt: skip
    assert tale.of("6").result is Result.INFORMATIONAL


def test_hosts_have_all_that_was_told_of_them() -> None:
    last = [host for host in told("qualys", ASSETS).hosts if host.id == "10.0.0.11"][-1]
    assert (last.names, last.os) == (("web01.example.org", "WEB01"), "Debian 12")


def test_a_report_cut_before_its_glossary_gives_its_rows() -> None:
    tale = told("qualys", ASSETS[: ASSETS.index(b"<GLOSSARY>")])
    assert [row.title for row in tale.rows][:2] == ["QID 6", "QID 38739"]
    assert [one.ends for one in tale.unreadable] == [True]


def test_the_result_of_a_scan() -> None:
    tale = told("qualys_scan", SCAN)
    row = tale.of("86476")
    assert (row.location, row.severity, row.evidence) == ("443/tcp", Severity.CRITICAL, "r")
    assert row.ids.cve == ("CVE-2020-10001",)
    assert tale.of("82024").result is Result.FAIL
    assert {tale.of(rule).result for rule in ("6", "45038")} == {Result.INFORMATIONAL}
    assert [(host.id, host.names) for host in tale.hosts][-1] == ("10.0.0.12", ())
    assert [one.why for one in tale.unreadable] == ["an error of the scanner"]


def test_csv_below_a_preamble() -> None:
    tale = told("qualys_csv", CSV)
    row = tale.of("105971")
    assert (row.severity, row.remedy) == (Severity.CRITICAL, "Upgrade.\nNow.")
    fixed = tale.of("91762")
    assert (fixed.result, fixed.location) == (Result.PASS, "443/tcp")
    assert (fixed.ids.cve, fixed.ids.other) == (
        ("CVE-2021-31192", "CVE-2021-31188"), ("KB1", "KB2"),
    )  # fmt: skip
    assert tale.of("45038").result is Result.INFORMATIONAL
    assert tale.unreadable == []


def test_csv_of_a_report_for_pci_has_other_columns() -> None:
    text = (
        "IP,HOSTNAME,LAST SCAN,QID,VULN TITLE,TYPE,SEVERITY,PORT,PROTOCOL,OPERATING SYSTEM,"
        "IS_PCI,Q_SEVERITY,SOLUTION,RESULT,CVEID\n"
        "10.0.0.1,a.example,22/09/2022,86476,Stopped,POTENTIAL,Medium,80,tcp,Linux,Fail,3,"
        "Check <P> it,none,-\n"
    )
    assert recognised("x", text.encode()) == "qualys_csv"
    (row,) = told("qualys_csv", text).rows
    assert (row.told, row.severity, row.remedy) == ("3", Severity.MEDIUM, "Check\nit")
    assert row.ids.other == ()


DETECTIONS = """<!DOCTYPE HOST_LIST_VM_DETECTION_OUTPUT SYSTEM "x.dtd">
<HOST_LIST_VM_DETECTION_OUTPUT>
<RESPONSE><DATETIME>2026-03-01T00:00:00Z</DATETIME><HOST_LIST><HOST><ID>1</ID><IP>192.0.2.5</IP>
<OS>Debian</OS><DNS>web01.example.org</DNS><DETECTION_LIST><DETECTION><QID>38170</QID>
<TYPE>Confirmed</TYPE><SEVERITY>4</SEVERITY><PORT>443</PORT><PROTOCOL>tcp</PROTOCOL>
<RESULTS>self-signed</RESULTS><STATUS>Active</STATUS></DETECTION><DETECTION><QID>38171</QID>
<SEVERITY>2</SEVERITY><STATUS>Fixed</STATUS></DETECTION></DETECTION_LIST></HOST></HOST_LIST>
</RESPONSE></HOST_LIST_VM_DETECTION_OUTPUT>"""


def test_a_list_of_detections_tells_its_severities_with_each_row() -> None:
    assert recognised("x", DETECTIONS.encode()) == "qualys"
    tale = told("qualys", DETECTIONS)
    assert tale.scans[0].started == "2026-03-01T00:00:00Z"
    assert (tale.hosts[-1].names, tale.hosts[-1].os) == (("web01.example.org",), "Debian")
    row = tale.of("38170")
    assert (row.result, row.severity, row.location) == (Result.FAIL, Severity.HIGH, "443/tcp")
    assert row.evidence == "self-signed"
    assert tale.of("38171").result is Result.PASS
