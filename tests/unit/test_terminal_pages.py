"""Pages on a terminal: columns of wide characters, hostile values, surveys as tables."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.cli.show import listing
from opsbook.documents.record_page import record_page, words_of
from opsbook.documents.terminal import in_columns, lay_out
from opsbook.text.width import pad, width_of, wrap

EXAMPLES = Path(__file__).parents[2] / "reports" / "examples" / "record"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))
SURVEY = {
    "schema": 1,
    "os": {"id": "debian", "pretty_name": "Debian GNU/Linux 12 (bookworm)"},
    "kernel": {"release": "6.1.0-28-amd64", "machine": "x86_64"},
    "boot": {"uptime_seconds": 90000},
    "cpu": {"count": 2, "model": "Example CPU"},
    "memory": {"total_bytes": 2 << 30, "available_bytes": 1 << 30},
    "file_systems": [
        {"mount": "/", "type": "ext4", "size_bytes": 1 << 30, "used_bytes": 1 << 29,
         "used_percent": 50, "inodes_used_percent": 3},
        {"mount": "/var", "type": "xfs", "used_percent": 93},
    ],
    "sockets": [{"protocol": "tcp", "address": "::", "port": 22}],
    "failed_units": ["nginx.service"],
    "time": {"synchronised": True},
    "reboot_pending": False,
    "extra": "kept",
}  # fmt: skip


def example(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return data


def told(record: dict[str, Any], language: str, width: int) -> str:
    words = words_of(record, language)
    return lay_out(record_page(record, words), words, width)


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("主机", 4), ("e\u0301", 1), ("（a）", 5), ("", 0)],
)
def test_a_text_has_the_columns_that_a_terminal_gives_it(text: str, width: int) -> None:
    assert width_of(text) == width


@given(st.text(alphabet=st.sampled_from("ab 主机，。（x）-1"), max_size=60), st.integers(2, 30))
def test_no_line_is_wider_than_asked_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_padding_counts_columns() -> None:
    assert pad("主机", 6) == "主机  "
    assert pad("主机", 6, right=True) == "  主机"


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_a_record_fits_the_terminal(name: str, width: int, language: str) -> None:
    for line in told(example(name), language, width).splitlines():
        copied = line.startswith(("  opsbook ", "    sha256:"))
        assert width_of(line) <= width or copied


def test_a_terminal_obeys_nothing() -> None:
    page = told(example("mixed"), "zh_CN", 80)
    assert all(ch == "\n" or ch.isprintable() for ch in page)


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ["Debian GNU/Linux 12 (bookworm)", "1.0 GiB / 2.0 GiB", "93 %", "tcp [::]:22",
                "nginx.service", "extra: kept"]),
        ("zh_CN", ["操作系统", "1.0 GiB / 2.0 GiB", "异常单元", "25 小时"]),
    ],
)  # fmt: skip
def test_a_survey_is_told_in_tables(language: str, parts: list[str]) -> None:
    record = example("ok")
    record["hosts"][0]["evidence"] = SURVEY
    page = told(record, language, 160)
    assert [part for part in parts if part not in page] == []
    assert "used_percent" not in page
    assert page.index("/var") < page.index("ext4")


@pytest.mark.parametrize("strange", [None, 7, "text", [1], {"a": 1}, [{"mount": {}}]])
def test_a_survey_of_any_shape_is_shown_or_left_out(strange: object) -> None:
    for key in SURVEY:
        record = example("ok")
        record["hosts"][0]["evidence"] = SURVEY | {key: strange}
        assert told(record, "en", 80)


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_listing_fits_on_a_terminal_and_is_one_line_for_each_row_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [{"run": "RUN-20261121-001", "what": "a long sentence " * 5} for _ in range(3)]
    monkeypatch.setenv("COLUMNS", "50")
    lines = []
    for out in (_Terminal(), StringIO()):
        monkeypatch.setattr("sys.stdout", out)
        listing(rows, [("run", "Run"), ("what", "What")], to_json=False)
        lines.append(out.getvalue().splitlines())
    narrow, wide = lines
    assert len(narrow) > 4
    assert max(map(len, narrow)) <= 50
    assert "".join(narrow).count("RUN-20261121-001") == 3
    assert len(wide) == 4


def test_short_cells_stay_whole_while_long_words_are_cut() -> None:
    versions = "2.1.28+dfsg-10 → 2.1.28+dfsg-10+deb12u1"
    lines = [("主机", "变更内容", "方案内容", "实际情况", "结论"),
             ("web1", "libsasl2-modules-db", versions, versions, "与方案一致")]  # fmt: skip
    shown = list(in_columns(lines, 78))
    assert any(line.endswith("与方案一致") for line in shown)
    assert all(width_of(line) <= 78 for line in shown)
