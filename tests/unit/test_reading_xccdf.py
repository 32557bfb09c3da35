"""Results of XCCDF and ARF: a real result of OpenSCAP 1.3.7, trimmed, and what others write."""

from __future__ import annotations

import pytest

from opsbook.model.finding import Result, Row, Severity
from support.reading import Tale, recognised, sample, told

BARE, ARF = sample("xccdf.xml"), sample("arf.xml")
RESULT = """<TestResult xmlns="http://checklists.nist.gov/xccdf/{version}" id="r" version="2"
 start-time="2024-01-02T03:04:05" test-system="cpe:/a:spawar:scc:5.9">
<benchmark href="b.xml"/>{head}{rows}</TestResult>"""


def result(rows: str, head: str = "<target>web-1</target>", version: str = "1.2") -> Tale:
    return told("xccdf", RESULT.format(rows=rows, head=head, version=version))


def rule_result(inner: str, name: str = "r1") -> str:
    return f'<rule-result idref="{name}" severity="high">{inner}</rule-result>'


def only(tale: Tale) -> Row:
    (row,) = tale.rows
    return row


@pytest.mark.parametrize("data", [BARE, ARF])
def test_it_is_known_by_its_root_and_namespace(data: bytes) -> None:
    assert recognised("x", data) == "xccdf"


def test_an_arf_tells_what_the_bare_result_of_the_same_scan_tells() -> None:
    assert told("xccdf", ARF)[:-1] == told("xccdf", BARE)[:-1]


def test_results_have_the_words_of_openscap() -> None:
    rows = told("xccdf", BARE).rows
    assert {row.rule: row.result for row in rows if row.scanner == "ssg"} == {
        "partition_for_home": Result.NOT_APPLICABLE,
        "file_permissions_systemmap": Result.FAIL,
        "file_groupowner_etc_group": Result.PASS,
        "file_groupowner_etc_gshadow": Result.PASS,
        "package_inetutils-telnetd_removed": Result.PASS,
        "package_telnetd-ssl_removed": Result.PASS,
    }


def test_title_and_remedy_stand_with_the_rule_far_before_the_result() -> None:
    row = told("xccdf", ARF).of("file_groupowner_etc_group")
    assert row.title == "Verify Group Who Owns group File"
    assert row.remedy == "chgrp 0 /etc/group"
    assert row.severity is Severity.MEDIUM


def test_rules_that_were_not_selected_are_counted_in_one_row() -> None:
    row = told("xccdf", BARE).of("notselected")
    assert (row.result, row.evidence) == (Result.INFORMATIONAL, str(BARE.count(b"notselected")))


def test_a_scan_has_tool_content_and_times() -> None:
    (scan,) = told("xccdf", ARF).scans
    assert (scan.tool, scan.tool_version, scan.content_version) == ("OpenSCAP", "1.3.7", "0.1.65")
    assert scan.content == "xccdf_org.ssgproject.content_benchmark_DEBIAN-11"
    assert scan.profile.endswith("profile_standard")
    assert scan.started == "2026-11-21T16:42:22+00:00"


def test_loopback_and_link_local_addresses_name_no_host() -> None:
    (seen,) = told("xccdf", BARE).hosts
    assert (seen.names, seen.addresses) == (("web-1",), ("192.0.2.10", "2001:db8::10"))
    assert seen.os == "cpe:/o:debian:debian_linux:11"


def test_root_on_the_host_itself_has_credentials_whatever_openscap_writes() -> None:
    assert b'authenticated="false"' in BARE
    assert told("xccdf", BARE).hosts[0].credentialed is True
    other = '<identity authenticated="false" privileged="false">scan</identity>'
    assert result("", head=other).hosts[0].credentialed is False
    ours = BARE.replace(b'false">root</identity>', b'false">zhang</identity>')
    assert told("xccdf", ours).hosts[0].credentialed is None  # it says the same under sudo
    assert result("").hosts[0].credentialed is None


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_result_without_its_benchmark_goes_by_the_rules_number(version: str) -> None:
    tale = result(rule_result("<result>fail</result>"), version=version)
    assert (only(tale).scanner, only(tale).rule, only(tale).title) == ("xccdf", "r1", "r1")
    (scan,) = tale.scans
    assert (scan.tool, scan.tool_version, scan.content) == ("scc", "5.9", "b.xml")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pass", Result.PASS),
        ("fixed", Result.PASS),
        ("fail", Result.FAIL),
        ("error", Result.ERROR),
        ("unknown", Result.UNKNOWN),
        ("notapplicable", Result.NOT_APPLICABLE),
        ("notchecked", Result.NOT_CHECKED),
        ("informational", Result.INFORMATIONAL),
        ("failed?", Result.UNKNOWN),
        ("", Result.UNKNOWN),
    ],
)
def test_every_word_of_the_standard_has_its_result(word: str, expected: Result) -> None:
    assert only(result(rule_result(f"<result> {word}\n</result>"))).result is expected


def test_an_override_counts_and_what_was_before_is_kept() -> None:
    override = (
        '<result>fail</result><override time="2024-01-03T00:00:00" authority="auditor">'
        "<old-result>fail</old-result><new-result>pass</new-result>"
        "<remark>looked at by hand</remark></override>"
    )
    row = only(result(rule_result(override)))
    assert row.result is Result.PASS
    assert (row.more["before"], row.more["authority"]) == ("fail", "auditor")


def test_instances_of_one_rule_have_places_of_their_own() -> None:
    rows = [rule_result(f"<result>fail</result><instance>{at}</instance>") for at in ("sda", "sdb")]
    assert [row.location for row in result("".join(rows)).rows] == ["sda", "sdb"]


def test_idents_and_fixes_of_the_result_itself_count() -> None:
    inner = (
        '<result>fail</result><ident system="http://cve.mitre.org">CVE-2024-1234</ident>'
        '<ident system="x">CCE-80942-4</ident><message severity="error">broken</message>'
        "<fix>chmod <sub idref='v'/>0600 /etc/shadow</fix>"
    )
    row = only(result(rule_result(inner)))
    assert (row.ids.cve, row.ids.cce) == (("CVE-2024-1234",), ("CCE-80942-4",))
    assert (row.evidence, row.remedy) == ("broken", "chmod 0600 /etc/shadow")


def test_several_results_in_one_file_are_several_scans_and_hosts() -> None:
    second = BARE[BARE.index(b"<TestResult") : BARE.index(b"</Benchmark>")]
    both = BARE.replace(b"</Benchmark>", second.replace(b">web-1<", b">web-2<") + b"</Benchmark>")
    tale = told("xccdf", both)
    assert [seen.id for seen in tale.hosts] == ["web-1", "web-2"]
    assert len(tale.rows) == 2 * len(told("xccdf", BARE).rows)


def test_addresses_that_are_none_are_kept_as_names() -> None:
    head = "".join(
        f"<target-address>{one}</target-address>"
        for one in ("192.0.2.7:8080", "fe80::1%eth0", "http://a/?b=c", "0.0.0.0")
    )
    (seen,) = result("", head=f"<target>web-1</target>{head}").hosts
    assert seen.addresses == ("192.0.2.7",)
    assert seen.names == ("web-1", "http://a/?b=c")


def test_a_result_that_names_no_host_belongs_to_the_one_people_said() -> None:
    data = RESULT.format(rows=rule_result("<result>pass</result>"), head="", version="1.2")
    assert told("xccdf", data, host="db-1").rows[0].host == "db-1"
    assert told("xccdf", data).rows[0].host == "file"


def test_a_benchmark_without_results_says_that_there_are_none() -> None:
    tale = told("xccdf", BARE[: BARE.index(b"<TestResult")] + b"</Benchmark>")
    assert [one.why for one in tale.unreadable] == ["no test results in it"]


def test_a_prefix_for_the_namespace_changes_nothing() -> None:
    plain = RESULT.format(
        rows=rule_result("<result>fail</result>"), head="<target>w</target>", version="1.2"
    )
    prefixed = plain.replace("</", "</c:").replace("xmlns=", "xmlns:c=")
    for tag in ("TestResult", "benchmark", "target", "rule-result", "result"):
        prefixed = prefixed.replace(f"<{tag}", f"<c:{tag}")
    assert told("xccdf", prefixed) == told("xccdf", plain)


@pytest.mark.parametrize("data", [BARE, ARF])
def test_a_file_cut_at_any_byte_tells_each_result_that_was_whole(data: bytes) -> None:
    rows = told("xccdf", data).rows
    start = data.index(b"<rule-result")
    for end in range(0, len(data), 211):
        tale = told("xccdf", data[:end])
        assert all(row in rows for row in tale.rows if row.rule != "notselected")
        assert any(one.ends for one in tale.unreadable)
        if end > start:
            assert tale.scans == told("xccdf", data).scans


def test_the_system_of_a_host_is_the_platform_that_is_one() -> None:
    parts = '<platform idref="#package_pam"/>'
    system = '<platform idref="cpe:/o:debian:debian_linux:12"/>'
    for head in (parts + system, system + parts):
        tale = result(rule_result("<result>pass</result>"), "<target>web-1</target>" + head)
        assert [host.os for host in tale.hosts] == ["cpe:/o:debian:debian_linux:12"]


SCC = """<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.1" id="RHEL_7_STIG">
<Rule id="SV-1_rule"><ident>CCI-001494</ident><ident>CCE-27209-6</ident></Rule>
<TestResult id="t"><benchmark href="/opt/scc/x.xml"/><target>web01</target>
<rule-result idref="SV-1_rule"><result>fail</result><ident>CCI-001494</ident>
<check system="http://open-scap.org/page/SCE"><check-import import-name="stdout">{{ 7*7 }}
</check-import></check></rule-result></TestResult></Benchmark>"""


def test_ids_of_the_rule_and_of_its_result_are_both_kept_also_those_of_others() -> None:
    ids = told("xccdf", SCC).of("SV-1_rule").ids
    assert (ids.cce, ids.other) == (("CCE-27209-6",), ("CCI-001494",))


def test_the_benchmark_around_results_counts_before_the_name_of_its_file() -> None:
    assert told("xccdf", SCC).scans[0].content == "RHEL_7_STIG"


def test_what_a_check_printed_that_is_a_script_is_evidence() -> None:
    assert told("xccdf", SCC).of("SV-1_rule").evidence == "{{ 7*7 }}"
