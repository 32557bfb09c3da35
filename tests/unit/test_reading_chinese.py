"""Exports of RSAS, SecVSS and their like, in every layout that is public, and attacks on them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.domains.hardening.reading import formats
from opsbook.domains.hardening.reading.htmlpieces import Piece, pieces
from opsbook.domains.hardening.reading.intake import head_of, read_file
from opsbook.domains.hardening.reading.port import HEAD_BYTES, Source
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable
from support import rsas
from support.rsas import CBC, FOUND, STAMP, TOMCAT


def told(data: bytes | str, name: str = "report", expected: str = "") -> list[Told]:
    """What the format that is recognised tells."""
    raw = data.encode() if isinstance(data, str) else data
    found = formats.recognise(head_of(name, raw[:HEAD_BYTES]))
    assert found is not None
    if expected:
        assert found.name == expected
    return list(found.read(Source(name, io.BytesIO(raw))))


def rows(pieces: Sequence[Told]) -> list[Row]:
    return [piece for piece in pieces if isinstance(piece, Row)]


def of(pieces: Sequence[Told], rule: str) -> Row:
    [found] = [row for row in rows(pieces) if row.rule == rule]
    return found


def troubles(pieces: Sequence[Told]) -> list[str]:
    return [piece.why for piece in pieces if isinstance(piece, Unreadable)]


LAYOUTS: dict[str, Callable[[str], tuple[str, bytes | str, str]]] = {
    "xml": lambda host: ("1248.xml", rsas.xml((host,)), "rsas_xml"),
    "xml in gbk": lambda host: ("1248.xml", rsas.xml((host,), encoding="GBK"), "rsas_xml"),
    "xml, older root": lambda host: ("1.xml", rsas.xml((host,), root="report"), "rsas_xml"),
    "page": lambda host: (f"host/{host}.html", rsas.host_page(host), "rsas_html"),
    "page in gbk": lambda h: (f"host/{h}.html", rsas.host_page(h).encode("gbk"), "rsas_html"),
    "json page": lambda host: (f"host/{host}.html", rsas.json_page(host), "rsas_html"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_scan_reads_the_same_in_every_layout_with_numbers(layout: str) -> None:
    name, data, expected = LAYOUTS[layout]("10.1.2.3")
    pieces = told(data, name, expected)
    cbc, tomcat, stamp = (of(pieces, one.number) for one in FOUND)
    assert (cbc.host, cbc.location, cbc.severity) == ("10.1.2.3", "22/tcp", Severity.LOW)
    assert cbc.ids.cve == ("CVE-2008-5161",)
    assert cbc.ids.cnnvd == ("CNNVD-200811-321",)
    assert cbc.remedy == CBC.remedy
    assert cbc.title == CBC.title
    assert (tomcat.location, tomcat.severity) == ("8009/tcp", Severity.HIGH)
    assert (stamp.location, stamp.severity, stamp.result) == ("", Severity.LOW, Result.FAIL)
    assert {row.scanner for row in rows(pieces)} <= {"rsas", "rsas_baseline"}
    assert {"10.1.2.3"} == {seen.id for seen in pieces if isinstance(seen, Seen)}
    scan = next(piece for piece in pieces if isinstance(piece, Scan))
    assert pieces.index(scan) < min(pieces.index(row) for row in rows(pieces))
    assert (scan.tool, scan.started) == ("NSFOCUS RSAS", "2024-05-01 01:00:00")


@pytest.mark.parametrize("columns", [14, 20])
def test_workbooks_carry_the_port_down_and_keep_low_findings(columns: int) -> None:
    second = replace(
        CBC, number="2", title="SSH版本信息可被获取", cve="CVE-1999-0634", points="1.0"
    )
    data = rsas.host_xls("10.1.2.3", (CBC, second, TOMCAT, STAMP), columns)
    pieces = told(data, "任务!10.1.2.3.xls", "rsas_xls")
    assert [(row.host, row.location) for row in rows(pieces)] == [
        ("10.1.2.3", "22/tcp"), ("10.1.2.3", "22/tcp"), ("10.1.2.3", "8009/tcp"), ("10.1.2.3", ""),
    ]  # fmt: skip
    assert [row.told for row in rows(pieces)] == ["[低]", "[低]", "[高]", "[低]"]
    assert rows(pieces)[0].ids.cncve == ("CNCVE-20085161",)
    assert rows(pieces)[0].evidence == "OpenSSH_7.4"
    assert not troubles(pieces)


def test_one_vulnerability_at_three_ports_is_three_rows() -> None:
    at = [replace(CBC, port=port) for port in ("22", "2222", "60022")]
    for data in (rsas.xml(found=at), rsas.host_page(found=at), rsas.json_page(found=at)):
        found = [row for row in rows(told(data)) if row.rule == CBC.number]
        assert [row.location for row in found] == ["22/tcp", "2222/tcp", "60022/tcp"]


def test_a_password_that_was_guessed_is_told_without_the_password() -> None:
    pieces = told(rsas.xml(found=(replace(CBC, answer="用户名:root 密码:s3cr3t-canary"),)))
    weak = of(pieces, "weak_password/ssh")
    assert (weak.location, weak.severity) == ("root", Severity.HIGH)
    assert "s3cr3t-canary" not in repr(pieces)


def test_hosts_that_could_not_be_scanned_are_told() -> None:
    assert troubles(told(rsas.xml())) == ["could not be scanned"]


def test_a_report_on_a_web_site_is_of_the_host_in_its_address() -> None:
    text = (
        "<aurora><data><report><vendor>绿盟科技</vendor><targets><target>"
        "<site>https://app.example.cn:8443/x</site><vuln_scanned><vuln><port/><vul_id>7</vul_id>"
        "<url>https://app.example.cn:8443/login</url></vuln></vuln_scanned><vuln_detail><vuln>"
        "<vul_id>7</vul_id><name>响应头缺失</name><risk_points>2</risk_points></vuln></vuln_detail>"
        "</target></targets></report></data></aurora>"
    )
    row = of(told(text), "7")
    assert (row.host, row.location) == ("app.example.cn", "https://app.example.cn:8443/login")


def test_a_summary_page_tells_all_hosts_of_each_vulnerability() -> None:
    page = rsas.summary_page(
        {CBC.title: ["10.0.0.1", "10.0.0.2"], "允许Traceroute探测": ["10.0.0.1"]}
    )
    pieces = told(page, "index.html", "rsas_html")
    assert [(row.host, row.title, row.told) for row in rows(pieces)] == [
        ("10.0.0.1", CBC.title, "low"), ("10.0.0.2", CBC.title, "low"),
        ("10.0.0.1", "允许Traceroute探测", "low"),
    ]  # fmt: skip
    scan = next(piece for piece in pieces if isinstance(piece, Scan))
    assert (scan.started, scan.ended) == ("2016-06-13 04:01:03", "2016-06-13 04:07:44")
    assert scan.tool_version == "V6.0R02F01SP03"


def test_checks_of_configuration_are_told_with_their_result() -> None:
    pieces = told(rsas.host_page())
    assert of(pieces, "17").result is Result.FAIL
    assert of(pieces, "18").result is Result.PASS


@pytest.mark.parametrize("layout", [rsas.xml, rsas.host_page, rsas.json_page])
def test_a_host_where_nothing_was_found_was_looked_at(layout: Callable[..., bytes | str]) -> None:
    pieces = told(layout(found=()))
    assert [piece.id for piece in pieces if isinstance(piece, Seen)] == ["10.1.2.3"]


def test_what_was_listed_and_never_described_is_kept() -> None:
    page = rsas.host_page().replace('<div id="vul_detail">', '<div id="gone">')
    assert {row.rule for row in rows(told(page))} >= {one.number for one in FOUND}


def test_the_script_of_a_newer_page_is_not_run_and_what_follows_it_not_read() -> None:
    page = rsas.json_page().replace("};</script>", "}; alert(1); window.data = {};</script>")
    assert len(rows(told(page))) == len(FOUND)
    evil = '<script>window.data = {"a": (function(){return 1})()};</script> categories'
    assert troubles(told(evil, expected="rsas_html")) == ["no JSON"]


def test_secvss_is_read_by_the_order_of_its_details() -> None:
    pieces = told(rsas.secvss_page(), "10.1.2.3.html", "secvss_html")
    tomcat = next(row for row in rows(pieces) if row.title == TOMCAT.title)
    assert (tomcat.host, tomcat.told, tomcat.severity) == ("10.1.2.3", "高危", Severity.HIGH)
    assert tomcat.remedy == TOMCAT.remedy
    assert tomcat.more["description"] == TOMCAT.description
    assert len(rows(pieces)) == len(FOUND)


@pytest.mark.parametrize(
    "page", [rsas.host_page(), rsas.secvss_page(), rsas.summary_page({"a": ["b"]})]
)
def test_where_a_page_is_split_while_it_is_read_makes_no_difference(page: str) -> None:
    whole = list(pieces([page]))
    for size in (1, 2, 3, 7, 61):
        chunks = [page[at : at + size] for at in range(0, len(page), size)]
        assert _joined(pieces(chunks)) == _joined(whole)


def _joined(found: Iterable[Piece]) -> list[Piece]:
    """With pieces of one text put together."""
    result: list[Piece] = []
    for piece in found:
        if piece.kind == "text" and result and result[-1].kind == "text":
            result.append(replace(piece, text=result.pop().text + piece.text))
        else:
            result.append(piece)
    return result


HOSTILE = "</script><script>alert(1)</script>{{7*7}}=cmd|'/C calc'!A0 ../../etc/passwd \u202e"


@pytest.mark.parametrize("layout", [rsas.xml, rsas.host_page, rsas.secvss_page])
def test_hostile_texts_stay_texts(layout: Callable[..., bytes | str]) -> None:
    pieces = told(layout(found=(replace(CBC, remedy=HOSTILE),)))
    assert any("{{7*7}}=cmd|'/C calc'!A0 ../../etc/passwd" in row.remedy for row in rows(pieces))
    assert "\u202e" not in repr(rows(pieces)[0].remedy)


WHOLE: list[bytes] = [
    rsas.xml(), rsas.host_page().encode(), rsas.json_page().encode(), rsas.host_xls(),
    rsas.secvss_page().encode(), rsas.summary_page({CBC.title: ["10.0.0.1"]}).encode("gbk"),
]  # fmt: skip
READERS = ["rsas_xml", "rsas_html", "rsas_html", "rsas_xls", "secvss_html", "rsas_html"]


@pytest.mark.parametrize(
    "number", range(len(WHOLE)), ids=[f"{n} {r}" for n, r in enumerate(READERS)]
)
def test_a_file_cut_off_anywhere_yields_what_was_readable(number: int) -> None:
    whole, reader = WHOLE[number], formats.named(READERS[number])
    most = 0
    for end in range(0, len(whole), max(1, len(whole) // 80)):
        pieces = list(reader.read(Source("10.1.2.3.html", io.BytesIO(whole[:end]))))
        assert len(rows(pieces)) >= most or READERS[number] == "rsas_xls"
        most = max(most, len([row for row in rows(pieces) if row.remedy]))
    assert most or READERS[number] == "rsas_xls"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_wrong_bytes_never_raise(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(WHOLE) - 1))
    whole = bytearray(WHOLE[number])
    for _ in range(data.draw(st.integers(1, 10))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    list(formats.named(READERS[number]).read(Source("x", io.BytesIO(bytes(whole)))))


MARKUP = ["<!--", "<a b='", "<table><tr><td>", "<", "<td>x", "&amp", "<!", "</", "<script>", "<a "]


@pytest.mark.parametrize("page", [
    *("<html>绿盟<table><tr>" + mark * 40_000 for mark in MARKUP),
    "<html>绿盟<script>" + "x" * 2_000_000,
    "<html>绿盟<td " + "a=1 " * 100_000,
    "<script>window.data = " + '{"categories":' * 200_000,
    '<script>window.data = {"categories": [' + '{"data": {"vul_items": [' * 100_000,
    '<script>window.data = {"categories": ' + "9" * 1_000_000 + "}",
], ids=range(15))  # fmt: skip
def test_pages_without_end_take_time_in_proportion_to_their_length(page: str) -> None:
    started = monotonic()
    pieces = list(formats.named("rsas_html").read(Source("x", io.BytesIO(page.encode()))))
    assert not rows(pieces)
    assert monotonic() - started < 20


def test_an_export_of_many_hosts_is_read_out_of_its_archive(tmp_path: Path) -> None:
    members = {f"{n}_绿盟_2024_xls/10.0.0.{n}.xls": rsas.host_xls(f"10.0.0.{n}") for n in (1, 2)}
    index = {"index.xls": rsas.xls({"综述信息": [["任务名称", "月检"]]})}
    file = tmp_path / "月检.zip"
    file.write_bytes(rsas.archive({**index, **members}))
    pieces = list(read_file(file))
    assert {row.host for row in rows(pieces)} == {"10.0.0.1", "10.0.0.2"}
    assert len(rows(pieces)) == 2 * len(FOUND)


def test_an_archive_of_pages_tells_every_finding_once(tmp_path: Path) -> None:
    pages = {f"host/10.0.0.{n}.html": rsas.host_page(f"10.0.0.{n}").encode() for n in (1, 2)}
    index = rsas.summary_page({one.title: ["10.0.0.1", "10.0.0.2"] for one in FOUND}).encode()
    file = tmp_path / "html.zip"
    file.write_bytes(rsas.archive({"index.html": index, **pages}))
    pieces = list(read_file(file))
    found = [row for row in rows(pieces) if row.scanner == "rsas"]
    assert sorted((row.host, row.rule) for row in found) == sorted(
        (host, one.number) for host in ("10.0.0.1", "10.0.0.2") for one in FOUND
    )
    assert troubles(pieces) == ["a summary of pages that are read themselves"]
    alone = tmp_path / "alone.zip"
    alone.write_bytes(rsas.archive({"index.html": index}))
    assert len(rows(list(read_file(alone)))) == 2 * len(FOUND)
