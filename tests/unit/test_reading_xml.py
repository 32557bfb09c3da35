"""XML streamed: what is complete is told whatever comes after it, and nothing expands or grows."""

from __future__ import annotations

import io
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsbook.domains.hardening.reading.xmlstream import Limits, Piece, pieces
from opsbook.model.finding import Unreadable

WANTED = frozenset({"i"})


def read(data: bytes | str, **more: frozenset[str]) -> list[Piece | Unreadable]:
    raw = data.encode() if isinstance(data, str) else data
    return list(pieces(io.BytesIO(raw), WANTED, **more))


def texts(told: list[Piece | Unreadable]) -> list[str | None]:
    return [one.element.text for one in told if isinstance(one, Piece)]


def whys(told: list[Piece | Unreadable]) -> list[str]:
    return [one.why for one in told if isinstance(one, Unreadable)]


def test_wanted_elements_come_in_order_with_the_open_ones_around_them() -> None:
    told = read('<r><h n="1"><i>1</i><i>2</i></h><h n="2"><x><i>3</i></x></h></r>')
    assert texts(told) == ["1", "2", "3"]
    outer = [one.within("h").get("n") for one in told if isinstance(one, Piece)]  # type: ignore[union-attr]
    assert outer == ["1", "1", "2"]


def test_an_element_inside_of_a_wanted_one_is_part_of_it() -> None:
    (told,) = read("<r><i><i>inner</i></i></r>")
    assert isinstance(told, Piece)
    assert told.element.findtext("i") == "inner"


def test_what_is_skipped_is_not_looked_into() -> None:
    told = read("<r><s><i>no</i></s><i>yes</i></r>", skip=frozenset({"s"}))
    assert texts(told) == ["yes"]


def test_prefixes_make_no_difference() -> None:
    told = read('<a:r xmlns:a="u" xmlns:b="v"><b:h><a:i>1</a:i></b:h></a:r>')
    assert texts(told) == ["1"]


@pytest.mark.parametrize("end", range(60))
def test_a_cut_file_tells_each_element_that_was_whole(end: int) -> None:
    data = b"<r><h><i>1</i><i>2</i></h><h><i>3</i></h></r>"[:end]
    told = read(data)
    assert texts(told) == ["1", "2", "3"][: data.count(b"</i>")]
    assert whys(told) == ([] if data.endswith(b"</r>") else ["cut off"])


def test_a_broken_file_tells_what_was_before_and_where_it_broke() -> None:
    told = read("<r>\n<i>1</i>\n<i>2</j>\n<i>3</i></r>")
    assert texts(told) == ["1"]
    assert told[-1] == Unreadable("line 3", "not well-formed XML", ends=True)


LAUGHS = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><r><i n="&b;">&b;</i></r>'


def test_entities_are_neither_expanded_nor_lost() -> None:
    told = read(LAUGHS)
    assert texts(told) == ["&b;"]
    assert whys(told) == ["entities declared, not expanded"]
    assert isinstance(told[0], Piece)
    assert told[0].element.get("n") == "&b;"


def test_a_billion_laughs_take_no_time() -> None:
    declared = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 60))
    begun = time.monotonic()
    assert texts(read(f'<!DOCTYPE r [<!ENTITY l0 "lol">{declared}]><r><i>&l59;</i></r>')) == [
        "&l59;"
    ]
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE r SYSTEM "http://192.0.2.1/x.dtd">',
        '<!DOCTYPE r PUBLIC "-//X//Y" "file:///etc/passwd">',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % p "]>">]>',
        "<!DOCTYPE r [<!-- ' ]> --><?pi ' ]> ?><!ELEMENT r ANY>]>",
        "<!doctype r>",
        '<?xml version="1.0" standalone="yes"?>\n<!-- > -->\n<!DOCTYPE r>',
    ],
)
def test_a_doctype_is_tolerated_and_nothing_is_fetched(doctype: str) -> None:
    assert texts(read(f"{doctype}<r><i>&x;</i></r>")) == ["&x;"]


def test_names_of_html_characters_a_lone_ampersand_and_cdata_are_understood() -> None:
    assert texts(read("<r><i>a&nbsp;b &copy; AT&T &lt; &#x4e2d;</i></r>")) == ["a\xa0b © AT&T < 中"]
    assert texts(read("<r><i><![CDATA[a && b &nbsp; <x>]]> & &c</i></r>")) == [
        "a && b &nbsp; <x> & &c"
    ]


def test_characters_that_xml_has_no_place_for_end_nothing() -> None:
    told = read(b"<r><i>a\x00b&#0;c&#x1b;d&#55296;e&#99999999999;f\xef\xbf\xbf</i></r>")
    assert texts(told) == ["a b c d e f\ufffd"]


@pytest.mark.parametrize("gap", [65_530, 65_536, 131_060, 131_066, 131_072])
def test_references_and_cdata_may_lie_across_the_end_of_a_chunk(gap: int) -> None:
    for shift in range(14):
        space = " " * (gap + shift - 4)
        told = read(f"<r><i>{space}&#x1b;AT&T&amp;<![CDATA[a&b]]>&</i></r>")
        assert [(text or "").strip() for text in texts(told)] == ["AT&T&a&b&"]


@pytest.mark.parametrize("declared", ["", "UTF-8", "gbk", "GB2312", "nonsense"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_is_read_whatever_encoding_is_declared(declared: str, encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    assert texts(read(f"{head}<r><i>安全漏洞</i></r>".encode(encoding))) == ["安全漏洞"]


def test_chinese_after_much_ascii_under_a_wrong_name_is_still_read() -> None:
    data = b'<?xml version="1.0" encoding="UTF-8"?><r>' + b"<i>x</i>" * 30_000
    told = read(data + "<i>漏洞</i></r>".encode("gbk"))
    assert texts(told)[-1] == "漏洞"
    assert whys(told) == []


def test_bytes_of_no_encoding_are_told_and_the_rest_is_read() -> None:
    told = read("<r><i>漏洞</i>".encode() + b"<i>\xff\xfe</i><i>3</i></r>")
    assert texts(told) == ["漏洞", "\ufffd\ufffd", "3"]
    assert whys(told) == ["bytes in no known encoding"]


ATTACKS = {
    "deep": (b"<r>" * 300_000, "nested too deep"),
    "deep and closed": (b"<r>" * 20_000 + b"</r>" * 20_000, "nested too deep"),
    "a million attributes": (
        b"<r " + b" ".join(b'a%d="1"' % n for n in range(1_000_000)) + b"/>",
        "tag too long",
    ),
    "a million children": (b"<r><i>" + b"<a/>" * 1_500_000, "element too large"),
    "a million names": (
        b"<r>" + b"".join(b"<a%d/>" % n for n in range(500_000)),
        "too many names",
    ),
    "declarations without end": (
        b"<!DOCTYPE r [" + b"<!ELEMENT a ANY>" * 100_000,
        "declarations without end",
    ),
    "quotes without end": (b"<!DOCTYPE r '" + b"<" * 3_000_000, "declarations without end"),
    "a comment without end": (b"<r><!--" + b"<" * 6_000_000, "element too large"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_ends_soon_and_is_told(attack: str) -> None:
    data, why = ATTACKS[attack]
    begun = time.monotonic()
    told = read(data)
    assert whys(told) == [why]
    assert isinstance(told[-1], Unreadable)
    assert told[-1].ends
    assert time.monotonic() - begun < 20


def test_a_huge_text_is_cut_and_what_follows_is_read() -> None:
    told = read(b"<r><i>" + b"x" * (40 << 20) + b"</i><i>after</i></r>")
    assert len(texts(told)[0] or "") < 4 << 20
    assert texts(told)[1:] == ["after"]


def test_a_long_file_is_read_in_flat_memory() -> None:
    one = b"<h n='1'>" + (b"<i><a>" + b"text" * 100 + b"</a></i>") * 50 + b"</h>"
    stream = io.BytesIO(b"<r>" + one * 800 + b"</r>")
    tracemalloc.start()
    count = sum(1 for _ in pieces(stream, WANTED))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40_000
    assert peak < 8 << 20


def test_limits_are_those_that_were_asked_for() -> None:
    told = list(pieces(io.BytesIO(b"<r><r><r><i/></r></r></r>"), WANTED, limits=Limits(depth=2)))
    assert whys(told) == ["nested too deep"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read_without_raising(data: bytes) -> None:
    for before in (b"", b"<r><i>1</i>", b"<!DOCTYPE r [", b"\xff\xfe<\x00"):
        told = read(before + data)
        assert all(isinstance(one, Piece | Unreadable) for one in told)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6))
def test_a_file_with_bytes_changed_is_read_without_raising(changes: list[tuple[int, int]]) -> None:
    data = bytearray(LAUGHS.encode() + b"<!-- --><i/><![CDATA[]]>" * 6)
    for at, byte in changes:
        data[at % len(data)] = byte
    read(bytes(data))
