"""Nessus's reports: hosts, plugins, compliance checks, and what plugin 19506 says of the scan."""

from __future__ import annotations

from opsbook.model.finding import Result, Severity
from support.reading import recognised, sample, told

REPORT = sample("nessus.nessus")
AUDIT = "21157/5.1.20 Ensure sshd PermitRootLogin is disabled"


def test_it_is_known_by_its_root() -> None:
    assert recognised("x", REPORT) == "nessus"
    assert recognised("x", b"<NessusClientData_v3/>") != "nessus"


def test_a_plugin_is_a_row_with_its_ids_place_and_remedy() -> None:
    row = told("nessus", REPORT).of("201194")
    assert (row.host, row.result, row.severity) == ("192.0.2.10", Result.FAIL, Severity.HIGH)
    assert (row.location, row.told) == ("22/tcp", "3 (High)")
    assert row.title == "OpenSSH < 9.8 RCE"
    assert row.ids.cve == ("CVE-2024-6387", "CVE-2024-39894")
    assert row.ids.cnvd == ("CNVD-2024-31084",)
    assert row.ids.other == ("IAVA:2024-A-0375-S", "CNVD:CNVD-2024-31084")
    assert row.remedy == "Upgrade to OpenSSH version 9.8 or later."
    assert "9.2p1" in row.evidence


def test_compliance_checks_of_one_plugin_are_rows_of_their_own() -> None:
    audited = [row for row in told("nessus", REPORT).rows if row.rule.startswith("21157/")]
    assert [row.result for row in audited] == [
        Result.FAIL,
        Result.PASS,
        Result.UNKNOWN,
        Result.ERROR,
        Result.FAIL,
    ]
    assert len({row.rule for row in audited}) == 5
    row = told("nessus", REPORT).of(AUDIT)
    assert row.remedy == "Set PermitRootLogin to no in /etc/ssh/sshd_config."
    assert row.evidence.endswith("permitrootlogin yes\nexpect: permitrootlogin no")
    assert row.more["reference"] == "800-53|AC-6,CSF|PR.AC-4,LEVEL|1A"


def test_an_older_scanner_tells_the_check_in_the_description() -> None:
    row = told("nessus", REPORT).of("21157/An older scanner tells it so")
    assert row.result is Result.FAIL
    assert "Actual value: no" in row.evidence


def test_the_scan_is_told_again_when_plugin_19506_was_read() -> None:
    first, second = told("nessus", REPORT).scans
    assert (first.profile, first.tool_version) == ("Advanced scan of web-1", "")
    assert (second.tool_version, second.content_version) == ("10.6.1", "202311141513")
    assert second.profile == first.profile
    assert first.started == "2023-11-14T22:13:20+00:00"


def test_a_host_has_its_names_addresses_and_whether_a_login_worked() -> None:
    seen = told("nessus", REPORT).hosts[0]
    assert seen.names == ("web-1.example.org", "WEB-1")
    assert seen.addresses == ("192.0.2.10",)
    assert seen.credentialed is True


def test_without_the_property_plugin_19506_says_whether_a_login_worked() -> None:
    report = REPORT.replace(b'<tag name="Credentialed_Scan">true</tag>', b"")
    assert [seen.credentialed for seen in told("nessus", report).hosts] == [None, True, None]


def test_a_host_without_properties_goes_by_its_name() -> None:
    tale = told("nessus", REPORT)
    assert tale.hosts[-1].id == "db-1"
    assert tale.of("26024").host == "db-1"


def test_a_severity_nobody_knows_is_unknown_and_an_item_without_plugin_is_told() -> None:
    tale = told("nessus", REPORT)
    assert tale.of("26024").result is Result.UNKNOWN
    assert [one.why for one in tale.unreadable] == ["item without a plugin"]


def test_what_a_plugin_printed_is_only_evidence() -> None:
    other = REPORT.replace(b"Installed version : 9.2p1", b"Installed version : 9.2p1-2")
    one, two = told("nessus", REPORT).of("201194"), told("nessus", other).of("201194")
    assert one.evidence != two.evidence
    assert (one.rule, one.location, one.ids) == (two.rule, two.location, two.ids)


def test_a_policy_larger_than_the_report_is_passed_over() -> None:
    preference = (
        b"<preference><name>ReportItem</name><value>" + b"1;" * 500 + b"</value></preference>"
    )
    policy = b"<Preferences>" + preference * 2_000
    tale = told("nessus", REPORT.replace(b"<Preferences>", policy, 1))
    assert tale.rows == told("nessus", REPORT).rows


def test_a_file_cut_at_any_byte_tells_each_item_that_was_whole() -> None:
    rows = told("nessus", REPORT).rows
    for end in range(0, len(REPORT), 97):
        tale = told("nessus", REPORT[:end])
        whole = REPORT[:end].count(b"</ReportItem>")
        assert tale.rows == rows[: min(whole, len(rows))]
        assert tale.unreadable[-1].ends


def items(*inner: str) -> str:
    """A report of one host with these items."""
    return (
        '<NessusClientData_v2><Report name="r" xmlns:cm="http://www.nessus.org/cm">'
        f'<ReportHost name="192.0.2.10">{"".join(inner)}</ReportHost></Report>'
        "</NessusClientData_v2>"
    )


def test_a_plugin_of_the_family_that_is_no_audit_check_is_a_plugin_like_any_other() -> None:
    report = items(
        '<ReportItem port="0" severity="3" pluginID="33930" pluginName="PCI DSS" '
        'pluginFamily="Policy Compliance"><description>not met</description></ReportItem>'
    )
    assert told("nessus", report).of("33930").result is Result.FAIL


def test_quotes_in_the_name_of_a_check_do_not_make_it_one_with_others() -> None:
    item = (
        '<ReportItem port="0" severity="3" pluginID="21157" pluginName="Unix" '
        'pluginFamily="Policy Compliance"><description>"1.1.{0} Ensure "fs{0}" is off" : [FAILED]'
        "</description></ReportItem>"
    )
    rows = told("nessus", items(item.format(1), item.format(2))).rows
    assert [row.rule for row in rows] == [
        '21157/1.1.1 Ensure "fs1" is off',
        '21157/1.1.2 Ensure "fs2" is off',
    ]
    assert {row.result for row in rows} == {Result.FAIL}
