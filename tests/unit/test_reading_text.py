"""Text of scanners' files: decoded, cut, cleaned, searched for identifiers."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.hardening.reading.hostnames import names_and_addresses
from opsbook.domains.hardening.reading.text import (
    Decoder,
    clean,
    decode,
    encoding_of,
    ids,
    line,
    lines,
)
from opsbook.model.finding import Ids


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
def test_chinese_is_decoded_without_being_told_how(encoding: str) -> None:
    assert (
        decode("漏洞名称,风险等级\n弱口令,高危".encode(encoding))
        == "漏洞名称,风险等级\n弱口令,高危"
    )


def test_a_western_declaration_is_believed_where_utf_8_does_not_fit() -> None:
    data = '<?xml version="1.0" encoding="ISO-8859-1"?><a>Größe</a>'
    assert decode(data.encode("latin-1")) == data
    assert decode(data.encode()) == data


@pytest.mark.parametrize("name", ["zlib", "base64", "rot13", "unicode_escape", "idna", "x" * 40])
def test_a_declaration_never_chooses_a_codec_of_python(name: str) -> None:
    head = f'<?xml version="1.0" encoding="{name}"?>'.encode() + b"\xff\xff\xff"
    assert encoding_of(head) in ("utf-8", "gb18030")


@given(st.binary(max_size=200), st.lists(st.integers(1, 40), max_size=8))
def test_decoding_never_raises_wherever_chunks_end(data: bytes, sizes: list[int]) -> None:
    decoder, at = Decoder(data[:20]), 0
    for size in sizes:
        decoder.decode(data[at : at + size])
        at += size
    decoder.utf8(data[at:], final=True)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(1, 9))
def test_chunks_of_any_size_give_the_same_text(text: str, size: int) -> None:
    data = text.encode()
    decoder = Decoder(data)
    chunks = [decoder.utf8(data[at : at + size]) for at in range(0, len(data), size)]
    if decoder.encoding == "utf-8":
        assert b"".join(chunks) + decoder.utf8(b"", final=True) == data


def test_ascii_that_turns_into_gbk_is_taken_for_gb18030() -> None:
    decoder = Decoder(b"plain ")
    assert decoder.decode(b"plain ") + decoder.decode("弱口令".encode("gbk")) == "plain 弱口令"
    assert not decoder.replaced


def test_lines_end_in_either_way_and_a_line_without_end_does_not_grow() -> None:
    assert list(lines(io.BytesIO(b"a\r\nb\n\nc"))) == ["a", "b", "", "c"]
    assert list(lines(io.BytesIO(b"x" * 500_000 + b"\nend"), longest=10)) == ["x" * 10, "end"]


def test_texts_are_cut_stripped_and_without_controls() -> None:
    assert clean(" a\x1b[31m\tb\nc\x00 ") == "a[31m\tb\nc"
    assert clean("安\u202e全\x85") == "安全"
    assert clean("x" * 50, 10) == "x" * 9 + "…"
    assert line("  a\n  b\tc ") == "a b c"
    assert (clean(None), line("")) == ("", "")


@given(st.text(max_size=60), st.integers(2, 40))
def test_no_text_is_longer_than_its_limit_and_none_ends_a_line(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit
    assert len(line(text, limit)) <= limit
    assert "\n" not in line(text, limit)
    assert "\x1b" not in line(text, limit)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("CVE-2024-6387", Ids(cve=("CVE-2024-6387",))),
        ("cve-2024-6387, CVE-2024-6387", Ids(cve=("CVE-2024-6387",))),
        ("ＣＶＥ－２０２４－６３８７", Ids(cve=("CVE-2024-6387",))),
        ("CVE 2024 6387; CVE:2019-0001", Ids(cve=("CVE-2024-6387", "CVE-2019-0001"))),
        ("CVE–2024–6387", Ids(cve=("CVE-2024-6387",))),
        ("CAN-1999-0511", Ids(cve=("CVE-1999-0511",))),
        ("CNVD-2020-12345", Ids(cnvd=("CNVD-2020-12345",))),
        ("cnvd-c-2019-48814", Ids(cnvd=("CNVD-C-2019-48814",))),
        (
            "CNNVD-201906-123、CNNVD-202107-0456",
            Ids(cnnvd=("CNNVD-201906-123", "CNNVD-202107-0456")),
        ),
        ("CNCVE-20144078 CNCVE-2014-4078", Ids(cncve=("CNCVE-20144078",))),
        ("cce 80942-4", Ids(cce=("CCE-80942-4",))),
        ("XCVE-2024-6387 CVE-24-1 CVE-2024-12 CVE-2024-12345678901", Ids()),
        ("", Ids()),
    ],
)
def test_identifiers_are_found_however_they_are_written(told: str, expected: Ids) -> None:
    assert ids([told]) == expected


def test_other_identifiers_stay_as_they_are_told_once() -> None:
    assert ids([], other=["RHSA-2024:1", "", "RHSA-2024:1"]).other == ("RHSA-2024:1",)


@given(st.text(max_size=200))
def test_no_text_makes_the_search_for_identifiers_raise(text: str) -> None:
    ids([text, "CVE-" + text])


def test_only_addresses_that_tell_hosts_apart_count() -> None:
    told = [
        "web-1",
        "127.0.0.1",
        "::1",
        "fe80::1",
        "169.254.1.1",
        "192.0.2.1",
        "192.0.2.1:22",
        "::",
    ]
    assert names_and_addresses(told) == (("web-1",), ("192.0.2.1",))
