"""Tables by their columns: ours, and mappings that people declare."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.domains.hardening.reading import formats
from opsbook.domains.hardening.reading.endpoints import host_of_file, port_of, split_hosts
from opsbook.domains.hardening.reading.intake import head_of, read_file
from opsbook.domains.hardening.reading.levels import by_points, level, outcome
from opsbook.domains.hardening.reading.mapping import (
    Columns,
    Mapping,
    ours,
    plain_name,
    read_mapping,
    recognised,
)
from opsbook.domains.hardening.reading.port import HEAD_BYTES, Source
from opsbook.domains.hardening.reading.tablerows import rule_of_title
from opsbook.model.errors import InputFault
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable
from support.workbooks import sheet_xml, xlsx


def told(data: bytes | str, mapping: Mapping | None = None, host: str = "") -> list[Told]:
    raw = data.encode() if isinstance(data, str) else data
    options = {"mapping": mapping, "host": host}
    return list(formats.named("table").read(Source("x.csv", io.BytesIO(raw), options)))


def rows(pieces: list[Told]) -> list[Row]:
    return [piece for piece in pieces if isinstance(piece, Row)]


def why(pieces: list[Told]) -> list[str]:
    return [piece.why for piece in pieces if isinstance(piece, Unreadable)]


GENERIC = "IP地址,端口,漏洞名称,风险等级,CVE编号,修复建议\n"


def test_every_mapping_of_ours_is_valid_and_says_what_it_is_for() -> None:
    assert {"generic", "rsas", "secvss", "sangfor", "venustech", "dbappsecurity", "tenable"} <= set(
        ours()
    )
    assert all(mapping.about for mapping in ours().values())


@pytest.mark.parametrize(("header", "scanner"), [
    ("IP,端口,漏洞名称,风险等级,SFID编号,漏洞编号", "secvss"), ("IP,漏洞名称,SFID编号", "sangfor"),
    ("IP地址,漏洞名称,危险级别", "venustech"), ("主机,漏洞名称,风险级别", "dbappsecurity"),
    ("ip ,VulName,severity", "table"), ("Plugin ID,CVE,Host,Name,Port", "nessus"),
    ("Plugin,Plugin Name,IP Address", "nessus"), ("ＩＰ地址（必填）,漏洞 名称*,级别", "table"),
])  # fmt: skip
def test_known_tables_are_told_by_their_columns(header: str, scanner: str) -> None:
    found = recognised(header.split(","))
    assert found is not None
    assert found.scanner == scanner


@pytest.mark.parametrize("header", ["", "a,b,c", "IP,端口", "漏洞名称,风险等级", "姓名,电话"])
def test_other_tables_are_not_recognised(header: str) -> None:
    assert recognised(header.split(",")) is None
    assert formats.named("table").recognises(head_of("x", header.encode())) == 0


def test_rows_are_told_with_host_place_level_and_numbers() -> None:
    text = GENERIC + "10.0.0.1,443/TCP,弱密码套件,[高],cve-2016-2183；CVE-2015-2808,禁用RC4\n"
    pieces = told(text.encode("gb18030"))
    [row] = rows(pieces)
    assert (row.host, row.location, row.severity, row.told) == (
        "10.0.0.1",
        "443/tcp",
        Severity.HIGH,
        "[高]",
    )
    assert row.ids.cve == ("CVE-2016-2183", "CVE-2015-2808")
    assert (row.result, row.remedy) == (Result.FAIL, "禁用RC4")
    assert [type(piece) for piece in pieces] == [Scan, Seen, Row]


def test_titles_above_the_columns_and_totals_below_are_passed_over() -> None:
    text = f"某单位漏洞清单\n2024年5月,,,\n{GENERIC}10.0.0.1,22,a,低,,\n{GENERIC}合计,1,,,,\n"
    pieces = told(text)
    assert [row.title for row in rows(pieces)] == ["a"]
    assert why(pieces) == []


def test_rows_of_which_nothing_can_be_made_are_told() -> None:
    pieces = told(GENERIC + ",22,a,低,,\n10.0.0.1,22,,高,,\n")
    assert why(pieces) == ["no host", "no name of a finding"]


def test_several_hosts_in_a_cell_are_several_findings() -> None:
    pieces = told(GENERIC + '"10.0.0.1:22；10.0.0.2, 10.0.0.3(8080)",80,a,低,,\n')
    assert [(row.host, row.location) for row in rows(pieces)] == [
        ("10.0.0.1", "22"), ("10.0.0.2", "80"), ("10.0.0.3", "8080"),
    ]  # fmt: skip


def test_a_merged_host_is_the_host_of_all_its_rows() -> None:
    sheet = [
        ["IP地址", "漏洞名称", "等级"],
        ["10.0.0.1", "a", "高"],
        ["", "b", "中"],
        ["10.0.0.2", "c", "低"],
    ]
    data = xlsx({"总览": sheet_xml([["x", "y"]]), "漏洞": sheet_xml(sheet, ["A2:A3"])})
    pieces = told(data)
    assert [(row.host, row.title) for row in rows(pieces)] == [
        ("10.0.0.1", "a"), ("10.0.0.1", "b"), ("10.0.0.2", "c"),
    ]  # fmt: skip
    assert why(pieces) == ["columns that are not known"]


def test_checks_have_a_result_and_an_unknown_word_is_no_pass() -> None:
    text = (
        "IP,检查项,检查结果\n1.1.1.1,a,合规\n1.1.1.1,b,不合规\n1.1.1.1,c,不适用\n1.1.1.1,d,待定\n"
    )
    assert [row.result for row in rows(told(text))] == [
        Result.PASS, Result.FAIL, Result.NOT_APPLICABLE, Result.UNKNOWN,
    ]  # fmt: skip


def test_the_sample_of_tenable_is_read() -> None:
    file = Path(__file__).parents[1] / "data" / "scans" / "tenable.csv"
    reading = read_file(file)
    found = rows(list(reading))
    assert reading.summary.formats == ["table"]
    assert {row.scanner for row in found} == {"nessus"}
    assert found[0].rule.isdigit()
    assert any(row.ids.cve for row in found)
    assert not reading.summary.unreadable


MINE = """
scanner: ourscanner
tool: 自研扫描器
columns: {host: [节点], title: 问题, severity: 程度, cve: 编号}
severities: {特急: critical}
encoding: gbk
delimiter: ";"
header_row: 2
fill_down: [host]
"""


def test_a_declared_mapping_says_how_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(MINE, encoding="utf-8")
    mapping = read_mapping(tmp_path / "m.yml")
    text = "节点;问题\n节点;问题;程度;编号\nweb1;a;特急;\n;b;高;CVE-2024-6387\n"
    pieces = told(text.encode("gbk"), mapping)
    assert [(row.host, row.severity.value, row.scanner) for row in rows(pieces)] == [
        ("web1", "critical", "ourscanner"), ("web1", "high", "ourscanner"),
    ]  # fmt: skip


def test_all_faults_of_a_mapping_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(
        "scanner: Bad Name\ncolumns: {hosts: IP}\nseverities: {高: awful}\nencoding: latin-99\n"
        "header_row: 0\nfill_down: [nothing]\nextra: 1\n", encoding="utf-8",
    )  # fmt: skip
    with pytest.raises(InputFault) as caught:
        read_mapping(tmp_path / "m.yml")
    assert {fault.path for fault in caught.value.faults} == {
        "scanner", "columns.title", "columns.hosts", "severities.高", "encoding", "header_row",
        "fill_down", "extra",
    }  # fmt: skip


def test_the_host_people_name_is_used_where_the_table_names_none() -> None:
    mapping = Mapping(scanner="x", columns=Columns(title=("问题",)))
    assert [row.host for row in rows(told("问题\na\n", mapping, "web1"))] == ["web1"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.text(max_size=30), min_size=6, max_size=6), max_size=8))
def test_no_row_is_lost_and_nothing_raises(cells: list[list[str]]) -> None:
    lines = ["\t".join(" ".join(cell.split()) for cell in row).replace('"', "'") for row in cells]
    pieces = told("\n".join(["IP\t端口\t漏洞名称\t风险等级\tCVE编号\t修复建议", *lines]))
    assert len(rows(pieces)) + len(why(pieces)) <= sum(1 for line in lines if line.strip()) * 8
    for row in rows(pieces):
        assert row.host
        assert row.rule
        assert row.title


@pytest.mark.parametrize(("told_as", "meant"), [
    ("[低]", "low"), ("高危", "high"), ("中风险", "medium"), ("紧急", "critical"),
    ("超危", "critical"),
    ("信息", "info"), ("High", "high"), ("【中危】", "medium"), ("危急", "critical"),
    ("middle", "medium"),
    ("低危漏洞", "low"), ("？", "unknown"), ("", "unknown"), ("严重", "critical"),
    ("高风险等级", "high"),
])  # fmt: skip
def test_words_for_levels_are_known(told_as: str, meant: str) -> None:
    assert level(told_as) is Severity(meant)


@pytest.mark.parametrize(("points", "meant"), [
    ("0", "low"), ("3.9", "low"), ("4", "medium"), ("6.99", "medium"), ("7.0", "high"),
    ("10", "high"), ("11", "unknown"), ("-1", "unknown"), ("x", "unknown"), ("nan", "unknown"),
])  # fmt: skip
def test_points_of_rsas_are_its_own_three_levels(points: str, meant: str) -> None:
    assert by_points(points) is Severity(meant)


def test_words_for_results_are_known() -> None:
    assert outcome("不合格") is Result.FAIL
    assert outcome(" 符合 ") is Result.PASS
    assert outcome("也许") is None


@pytest.mark.parametrize(("port", "protocol", "shown"), [
    ("443", "TCP", "443/tcp"), ("tcp/22", "", "22/tcp"), ("443.0", "tcp", "443/tcp"),
    ("0", "tcp", ""),
    ("--", "--", ""), ("", "", ""), ("80", "http", "80"), ("99999", "tcp", ""),
    ("53/udp", "tcp", "53/udp"),
    ("general/tcp", "", "general/tcp"), ("８０", "tcp", "80/tcp"),
])  # fmt: skip
def test_ports_are_written_in_one_form(port: str, protocol: str, shown: str) -> None:
    assert port_of(port, protocol) == shown


@pytest.mark.parametrize(("cell", "hosts"), [
    ("10.0.0.1", ["10.0.0.1"]), ("web-1", ["web-1"]), ("a b", ["a b"]), ("--", []),
    ("10.0.0.1、10.0.0.2", ["10.0.0.1", "10.0.0.2"]), ("fe80::1, ::1", ["fe80::1", "::1"]),
    ("10.0.0.300", ["10.0.0.300"]), ("10.0.0.1;db", ["10.0.0.1;db"]),
])  # fmt: skip
def test_only_a_list_of_addresses_is_a_list(cell: str, hosts: list[str]) -> None:
    assert [host for host, _ in split_hosts(cell)] == hosts


@pytest.mark.parametrize(("name", "host"), [
    ("a.zip!host/10.1.2.3.html", "10.1.2.3"), ("10.1.2.3.xls", "10.1.2.3"), ("web01.csv", "web01"),
    ("x_10.1.2.3_2024.xls", "10.1.2.3"), ("..\\..\\etc.xls", "etc"), ("1.2.3.4.5.xls", "1.2.3.4.5"),
])  # fmt: skip
def test_a_file_may_be_named_after_its_host(name: str, host: str) -> None:
    assert host_of_file(name) == host


def test_a_rule_by_its_name_does_not_change_with_how_it_was_found() -> None:
    plain = rule_of_title("OpenSSH 漏洞(CVE-2008-5161)")
    assert rule_of_title("OpenSSH 漏洞（CVE-2008-5161）【原理扫描】【可验证】") == plain
    assert rule_of_title("【原理扫描】")
    assert plain_name("CVE 编号（多个）") == plain_name("ＣＶＥ编号")


def test_a_head_is_looked_at_and_no_more() -> None:
    data = GENERIC.encode("gbk") + b"10.0.0.1,22,a,low,,\n" * 10_000
    assert formats.named("table").recognises(head_of("x", data[:HEAD_BYTES])) > 0


def test_audit_checks_of_a_csv_of_tenable_are_rules_of_their_own_with_their_result() -> None:
    read = rows(told(
        "Plugin ID,Risk,Host,Protocol,Port,Name,Description\n"
        '21157,FAILED,192.0.2.5,tcp,0,Unix Compliance Checks,"""1.1 Ensure a"" : [FAILED]"\n'
        '21157,PASSED,192.0.2.5,tcp,0,Unix Compliance Checks,"""1.2 Ensure b"" : [PASSED]"\n'
    ))  # fmt: skip
    assert [(row.rule, row.result, row.severity) for row in read] == [
        ("21157/1.1 Ensure a", Result.FAIL, Severity.HIGH),
        ("21157/1.2 Ensure b", Result.PASS, Severity.INFO),
    ]


@pytest.mark.parametrize(("said", "meant"), [
    ("是", Result.PASS), ("否", Result.FAIL), ("部分符合", Result.FAIL),
    ("Not applicable", Result.NOT_APPLICABLE), ("Fixed", Result.PASS), ("Open", Result.FAIL),
])  # fmt: skip
def test_words_for_a_result_are_understood(said: str, meant: Result) -> None:
    (row,) = rows(told(f"IP,检查项,是否合规\n192.0.2.5,口令长度,{said}\n"))
    assert row.result is meant


def test_checks_of_wazuh_exported_as_csv_are_of_the_host_that_people_say() -> None:
    data = (
        '"policy_id","id","title","rationale","remediation","compliance","result"\n'
        '"cis_debian12","33000","Ensure /tmp","why","do it","[{""key"":""cis""}]","failed"\n'
        '"cis_debian12","33001","Ensure /var","why","do it","","not applicable"\n'
    )
    read = rows(told(data, host="web01"))
    assert [(row.host, row.scanner, row.rule, row.result) for row in read] == [
        ("web01", "wazuh", "33000", Result.FAIL),
        ("web01", "wazuh", "33001", Result.NOT_APPLICABLE),
    ]


@pytest.mark.parametrize(("cell", "day"), [
    ("45292", "2024-01-01"), ("45292.5", "2024-01-01 12:00:00"), ("2024/1/2", "2024-01-02"),
    ("2024年11月2日 3:04:05", "2024-11-02 03:04:05"), ("2024-01-02 13:04", "2024-01-02 13:04"),
    ("last week", "last week"),
])  # fmt: skip
def test_a_day_is_understood_as_people_and_spreadsheets_write_it(cell: str, day: str) -> None:
    (scan,) = (
        piece
        for piece in told(f"IP,漏洞名称,发现日期\n192.0.2.5,弱口令,{cell}\n")
        if isinstance(piece, Scan)
    )
    assert scan.started == day
