"""Rows of tables: what comes out is text, and hostile files end told and soon."""

from __future__ import annotations

import io
import zipfile
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.domains.hardening.reading.tables import delimited, markup, sniff
from opsbook.domains.hardening.reading.tables.lines import MOST_COLUMNS, Line
from opsbook.domains.hardening.reading.tables.styles import Styles, plain
from opsbook.model.finding import Unreadable
from support.rsas import xls as old_workbook
from support.workbooks import sheet_xml, xlsx


def read(data: bytes, encoding: str | None = None) -> list[tuple[str, ...]]:
    return [
        part.cells for part in sniff.parts(io.BytesIO(data), encoding) if isinstance(part, Line)
    ]


def troubles(data: bytes, encoding: str | None = None) -> list[Unreadable]:
    return [
        part for part in sniff.parts(io.BytesIO(data), encoding) if isinstance(part, Unreadable)
    ]


HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "-2",
    '=HYPERLINK("http://x")',
    "a\tb",
    "{{7*7}}",
)


def test_formulas_in_text_stay_text() -> None:
    data = (
        "名称,值\n"
        + "\n".join(f'"{one}",1'.replace('"http://x"', '""http://x""') for one in HOSTILE)
    ).encode()
    assert [row[0] for row in read(data)[1:]] == list(HOSTILE)


def test_a_cell_of_a_workbook_has_its_saved_value_and_never_its_formula() -> None:
    formula = '<c r="A2" t="str"><f>HYPERLINK("http://evil","x")</f><v>x</v></c>'
    error = '<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
    assert read(xlsx({"s": sheet_xml([["a", "b"], [formula, error]])}))[1] == ("x", "#DIV/0!")


def test_numbers_dates_and_booleans_are_shown_as_people_write_them() -> None:
    row = ['<c r="A1"><v>443</v></c>', '<c r="B1"><v>443.0</v></c>', '<c r="C1"><v>7.5</v></c>',
           '<c r="D1" s="1"><v>45000</v></c>', '<c r="E1" s="2"><v>45000.5</v></c>',
           '<c r="F1" t="b"><v>1</v></c>', '<c r="G1" s="3"><v>45000</v></c>']  # fmt: skip
    styles = ('<styleSheet><numFmts><numFmt numFmtId="170" formatCode="yyyy/mm/dd\\ hh:mm"/>'
              '<numFmt numFmtId="171" formatCode="[Red]0.00"/></numFmts><cellStyleXfs>'
              '<xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
              '<xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>')  # fmt: skip
    found = read(xlsx({"s": sheet_xml([row])}, styles=styles))
    assert found == [("443", "443", "7.5", "2023-03-15", "2023-03-15 12:00:00", "TRUE", "45000")]


def test_shared_texts_are_joined_from_their_runs_without_phonetic_guides() -> None:
    texts = ("<sst><si><t>一</t></si><si><r><t>高</t></r><r><t>危</t></r>"
             "<rPh sb='0' eb='1'><t>gao</t></rPh></si></sst>")  # fmt: skip
    cells = ['<c r="A1" t="s"><v>1</v></c>', '<c r="C1" t="s"><v>0</v></c>',
             '<c r="D1" t="s"><v>99</v></c>', '<c r="E1" t="s"><v>-1</v></c>']  # fmt: skip
    found = read(xlsx({"s": sheet_xml([cells])}, sharedStrings=texts))
    assert found == [("高危", "", "一", "", "")]


def test_a_merged_area_has_its_value_on_every_row_it_spans() -> None:
    rows = [["IP", "漏洞"], ["10.0.0.1", "a"], ["", "b"], ["", "c"], ["10.0.0.2", "d"], ["", "e"]]
    found = read(xlsx({"s": sheet_xml(rows, ["A2:A4", "D1:E1"])}))
    assert [row[0] for row in found[1:]] == ["10.0.0.1"] * 3 + ["10.0.0.2", ""]


def test_all_sheets_are_read_with_their_names() -> None:
    data = xlsx({"一": sheet_xml([["a"]]), "隐藏": sheet_xml([["b"]])})
    lines = [part for part in sniff.parts(io.BytesIO(data)) if isinstance(part, Line)]
    assert [(line.sheet, line.cells) for line in lines] == [("一", ("a",)), ("隐藏", ("b",))]


def test_prefixes_of_names_do_not_matter() -> None:
    sheet = ('<x:worksheet xmlns:x="m"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>a</x:t>'
             "</x:is></x:c></x:row></x:sheetData></x:worksheet>")  # fmt: skip
    assert read(xlsx({"s": sheet})) == [("a",)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
def test_every_encoding_is_found_out(encoding: str) -> None:
    data = "IP,漏洞名称\n10.0.0.1,联通 弱口令\n".encode(encoding)
    assert read(data) == [("IP", "漏洞名称"), ("10.0.0.1", "联通 弱口令")]
    assert not troubles(data)


def test_chinese_after_a_long_beginning_of_ascii_is_read() -> None:
    data = b"IP,name\n" + b"10.0.0.1,plain\n" * 60_000 + "10.0.0.2,弱口令\n".encode("gbk")
    assert read(data)[-1] == ("10.0.0.2", "弱口令")
    assert not troubles(data)


def test_what_is_not_of_the_declared_encoding_is_counted() -> None:
    found = troubles("a,b\n弱,口\n".encode("gbk"), "utf-8")
    assert "characters not in utf-8" in found[0].why


@pytest.mark.parametrize(("text", "cells"), [
    ("a;b\n1;2\n", ("1", "2")), ("a\tb\n1\t2\n", ("1", "2")), ("a|b\n1|2\n", ("1", "2")),
    ('a,b\n"1\n2",3\n', ("1\n2", "3")), ("a,b\r1,2\r", ("1", "2")), ("a,b\r\n1,2\r\n", ("1", "2")),
    ('a,b\n"1""2",3\n', ('1"2', "3")), ("title\n\na,b\n1,2\n", ("1", "2")),
    ("a,b\n\x001,2\n", ("\x001", "2")),
])  # fmt: skip
def test_delimiters_quotes_and_ends_of_lines(text: str, cells: tuple[str, ...]) -> None:
    assert read(text.encode())[-1] == cells


def test_a_quote_that_is_never_closed_costs_no_more_than_one_field_of_memory() -> None:
    data = b'a,b\n"open,' + b"x,y\n" * 600_000 + b"1,2\n"
    parts = list(delimited.lines(io.BytesIO(data)))
    assert any(isinstance(part, Unreadable) and "quote" in part.why for part in parts)
    assert isinstance(parts[-1], Line)


def test_a_line_longer_than_any_is_left_out_and_told() -> None:
    data = b"a,b\n" + b"x" * 5_000_000 + b"\n1,2\n"
    parts = list(delimited.lines(io.BytesIO(data)))
    assert parts[-1] == Line("", 3, ("1", "2"))
    assert [part.why for part in parts if isinstance(part, Unreadable)] == [
        "a line longer than is allowed"
    ]


def test_a_million_columns_are_cut_and_told() -> None:
    [line] = [
        part for part in delimited.lines(io.BytesIO(b"," * 1_000_000)) if isinstance(part, Line)
    ]
    assert len(line.cells) == MOST_COLUMNS
    assert line.cut
    far = "".join(
        f'<c r="{at}" t="inlineStr"><is><t>{at}</t></is></c>' for at in ("ZZZZZZZ1", "B1")
    )
    assert read(xlsx({"s": sheet_xml([["a", "<c/>" + far]])})) == [("a", "B1")]


def test_old_workbooks_are_read_with_their_dates() -> None:
    data = old_workbook({"漏洞信息": [["端口", "名称"], ["443", "=cmd()"]]})
    assert read(data) == [("端口", "名称"), ("443", "=cmd()")]


def test_a_page_with_tables_under_the_name_of_a_workbook_is_read() -> None:
    page = (
        "<html><body><table><tr><th>IP</th><th>漏洞名称</th></tr>"
        "<tr><td>10.0.0.1<td>弱&nbsp;口令&lt;</table>"
    )
    assert read(page.encode("gbk")) == [("IP", "漏洞名称"), ("10.0.0.1", "弱 口令<")]


BOMB = "<sst>" + "<si><t>" + "a" * 80_000_000 + "</t></si></sst>"


@pytest.mark.parametrize("parts", [
    {"sharedStrings": '<!DOCTYPE sst [<!ENTITY a "aaaa">]><sst><si><t>&a;</t></si></sst>'},
    {"sharedStrings": '<!DOCTYPE sst SYSTEM "file:///etc/passwd"><sst/>'},
    {"sharedStrings": "<sst><si><t>cut"},
    {"styles": "<styleSheet" + " a='1'" * 400_000 + "/>"},
    {"workbook": "<workbook><sheets>"},
    {"workbook": "no xml"},
])  # fmt: skip
def test_a_part_that_is_hostile_or_broken_is_told(parts: dict[str, str]) -> None:
    started = monotonic()
    data = xlsx({"s": sheet_xml([['<c t="s"><v>0</v></c>']])}, **parts)
    assert troubles(data)
    assert monotonic() - started < 10


def test_a_workbook_that_unpacks_to_more_than_is_allowed_ends() -> None:
    data = xlsx({"s": sheet_xml([["a"]])}, sharedStrings=BOMB)
    assert [part.why for part in troubles(data)] == ["unpacks to more than is allowed"]
    rows = "<worksheet><sheetData>" + "<row/>" * 12_000_000 + "</sheetData></worksheet>"
    assert [part.why for part in troubles(xlsx({"s": rows}))] == ["unpacks to more than is allowed"]


def test_an_archive_that_says_it_has_millions_of_parts_is_not_opened() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        for number in range(25_000):
            packed.writestr(f"xl/{number}", "")
    assert [part.ends for part in troubles(stream.getvalue())] == [True]


def test_a_locked_workbook_is_told() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    assert [part.why for part in troubles(data + bytes(2000))] == ["locked with a password"]


WHOLE = xlsx({"漏洞": sheet_xml([["IP", "漏洞名称"], *([f"10.0.0.{n}", "x"] for n in range(200))])})
OLD = old_workbook({"漏洞": [["IP", "漏洞名称"], *([f"10.0.0.{n}", "x"] for n in range(50))]})


@pytest.mark.parametrize("whole", [WHOLE, OLD], ids=["xlsx", "xls"])
def test_a_workbook_cut_off_anywhere_is_told_and_never_raises(whole: bytes) -> None:
    for end in range(0, len(whole) - 1, max(1, len(whole) // 60)):
        assert troubles(whole[:end]) or end < 8 or len(read(whole[:end])) <= 201


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_workbook_with_wrong_bytes_never_raises(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([WHOLE, OLD])))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    list(sniff.parts(io.BytesIO(bytes(whole))))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_some_table_or_told(data: bytes) -> None:
    list(sniff.parts(io.BytesIO(data)))
    list(delimited.lines(io.BytesIO(data)))
    list(markup.lines(io.BytesIO(data)))


@pytest.mark.parametrize(("code", "kind"), [
    ("yyyy-mm-dd", "date"), ('yyyy"年"m"月"d"日"', "date"), ("h:mm:ss", "time"), ("0.00", ""),
    ('"day"0', ""), ("[$-804]yyyy/m/d", "date"), ("General", ""), ("[h]:mm", "time"), ("@", ""),
])  # fmt: skip
def test_formats_of_dates_are_known(code: str, kind: str) -> None:
    styles = Styles()
    styles.custom("200", code)
    styles.add("200")
    assert styles.kind("0") == kind


@pytest.mark.parametrize(("text", "kind", "since_1904", "shown"), [
    ("1", "date", False, "1900-01-01"), ("61", "date", False, "1900-03-01"),
    ("0", "date", True, "1904-01-01"), ("1e300", "date", False, "1e300"), ("nan", "", False, "nan"),
    ("0.5", "time", False, "12:00:00"), ("-1", "date", False, "-1"), ("x", "", False, "x"),
    ("1e20", "", False, "1e+20"), ("inf", "date", False, "inf"),
])  # fmt: skip
def test_days_are_counted_as_excel_counts_them(
    text: str, kind: str, since_1904: bool, shown: str
) -> None:
    assert plain(text, kind, since_1904) == shown


@pytest.mark.parametrize("cut", [b'10.0.0.2,"weak', b'10.0.0.2,"weak\n10.0.0.3,old,low\n'])
def test_a_quote_that_is_open_where_the_file_ends_is_told_with_its_row(cut: bytes) -> None:
    data = b"IP,name,level\n10.0.0.1,old,high\n" + cut
    assert read(data) == [("IP", "name", "level"), ("10.0.0.1", "old", "high")]
    assert troubles(data) == [Unreadable("row 3", "a quote that is never closed", ends=True)]


def test_a_last_row_that_was_cut_off_is_told_and_no_finding() -> None:
    data = b"IP,name,level\n10.0.0.1,old,high\n10.0.0.2,we"
    assert read(data) == [("IP", "name", "level"), ("10.0.0.1", "old", "high")]
    assert troubles(data) == [Unreadable("row 3", "cut off", ends=True)]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n\x1e\n"])
def test_a_whole_table_is_not_told_to_be_cut_however_it_ends(end: bytes) -> None:
    data = b'IP,name,level\n10.0.0.1,"a ""b"" \n c",5" disk' + end
    assert not troubles(data)
    assert len(read(data)) >= 2


@pytest.mark.parametrize("cut", [b"", b"</table>", b"</table><p>and", b"</table></body>"])
def test_a_page_that_ends_between_two_rows_says_so(cut: bytes) -> None:
    data = b"<html><body><table><tr><td>a</td><td>b</td></tr>" + cut
    broken_off = [Unreadable("the page", "cut off", ends=True)]
    assert read(data) == [("a", "b")]
    assert troubles(data) == ([] if b"</body>" in cut else broken_off)
