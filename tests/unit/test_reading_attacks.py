"""Attacks on the readers: whatever a file holds, they neither raise nor hang nor grow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsbook.model.finding import Row, Unreadable
from support.reading import Tale, sample, told

FILES = {
    "trivy": "trivy-rootfs.json",
    "vuls": "vuls.json",
    "lynis": "lynis-report.dat",
    "wazuh": "wazuh-states.ndjson",
    "openvex": "openvex.json",
    "cyclonedx": "cyclonedx.json",
    "cyclonedx_xml": "cyclonedx.xml",
    "greenbone": "greenbone.xml",
    "qualys": "qualys-assets.xml",
    "qualys_scan": "qualys-scan.xml",
    "qualys_csv": "qualys.csv",
}
JSON = ("trivy", "vuls", "wazuh", "openvex", "cyclonedx")
STRANGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "CVE-2024-1", "\ud800", "\x00\x1b[31m", "{{ 7*7 }}", "a" * 300_000])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def sound(tale: Tale) -> None:
    """What any tale has to be, whatever it was read from."""
    for one in tale:
        if isinstance(one, Row):
            texts = (one.host, one.rule, one.title, one.location, one.evidence, one.remedy,
                     one.told, one.package, one.installed, one.fixed, *one.more.values(),
                     *one.ids.other)  # fmt: skip
            assert all(isinstance(text, str) and len(text) < 40_000 for text in texts)
            assert one.host
            assert one.rule
            assert "\x1b" not in "".join(texts)
        elif isinstance(one, Unreadable):
            assert one.why
            assert len(one.where) < 2_000


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_tells_what_was_readable(name: str) -> None:
    data = sample(FILES[name])
    whole = told(name, data)
    step = max(1, len(data) // 150)
    for end in range(0, len(data), step):
        tale = told(name, data[:end])
        sound(tale)
        assert len(tale.rows) <= len(whole.rows)
        assert len(tale.scans) >= 1


@pytest.mark.parametrize(
    "name", [*JSON, "greenbone", "qualys", "qualys_scan", "lynis", "cyclonedx_xml"]
)
def test_a_file_that_was_cut_says_so(name: str) -> None:
    data = sample(FILES[name])
    tale = told(name, data[: len(data) * 3 // 4])
    assert tale.unreadable[-1].ends
    assert tale.rows


def _replaced(value: Any, path: list[int], by: Any) -> Any:
    """``value`` with something in it replaced; where is said by numbers."""
    if not path or not isinstance(value, dict | list) or not value:
        return by
    if isinstance(value, list):
        at = path[0] % len(value)
        return [*value[:at], _replaced(value[at], path[1:], by), *value[at + 1 :]]
    key = list(value)[path[0] % len(value)]
    return {**value, key: _replaced(value[key], path[1:], by)}


@pytest.mark.parametrize("name", JSON)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.lists(st.integers(0, 50), min_size=1, max_size=8), by=STRANGE)
def test_wrong_types_anywhere_are_read_around(name: str, path: list[int], by: Any) -> None:
    text = sample(FILES[name]).decode()
    documents = [json.loads(one) for one in ([text] if name != "wazuh" else text.splitlines())]
    sound(told(name, "\n".join(json.dumps(_replaced(one, path, by)) for one in documents)))


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 20_000), junk=st.binary(min_size=1, max_size=30), cut=st.integers(0, 40))
def test_damaged_bytes_are_read_around(name: str, at: int, junk: bytes, cut: int) -> None:
    data = sample(FILES[name])
    at %= len(data)
    sound(told(name, data[:at] + junk + data[at + cut :]))


@pytest.mark.parametrize("name", FILES)
@given(data=st.binary(max_size=200))
def test_any_bytes_at_all_are_told_of(name: str, data: bytes) -> None:
    sound(told(name, data))


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"Results":' * 50_000,
        '{"Results": [{"Vulnerabilities": [' + '{"a":' * 2_000,
        '{"' + "a" * 3_000_000 + '": 1}',
        '{"ArtifactName": "' + "x" * 20_000_000 + '"}',
        '{"Results": [' + "9" * 1_000_000 + "]}",
        '{"components": [{"components": [' * 20 + "{}" + "]}]}" * 20,
    ],
    ids=["brackets", "members", "item", "name", "text", "number", "components"],
)
def test_what_is_deep_or_huge_ends_soon(name: str, text: str) -> None:
    tale = told(name, text)
    sound(tale)
    assert not tale.rows


def test_a_huge_item_is_told_and_the_rest_is_read() -> None:
    item = {"VulnerabilityID": "CVE-2024-1", "PkgName": "a"}
    huge = {**item, "Description": "x" * 9_000_000}
    report = {
        "ArtifactName": "a",
        "Results": [{"Target": "t", "Vulnerabilities": [item, huge, item]}],
    }
    tale = told("trivy", json.dumps(report))
    assert len(tale.rows) == 2
    assert [one.why for one in tale.unreadable] == ["too large"]


@pytest.mark.parametrize("name", ["greenbone", "qualys", "qualys_scan", "cyclonedx_xml"])
def test_entities_are_not_expanded(name: str) -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "lol"><!ENTITY f SYSTEM "file:///etc/passwd">{lol}]>'
    data = sample(FILES[name])
    start = data.index(b">", data.index(b"<!DOCTYPE") if b"<!DOCTYPE" in data else 0) + 1
    body = (data[start:] if b"<!DOCTYPE" in data else data).replace(b"web01", b"&l11;&f;")
    tale = told(name, bomb.encode() + body)
    sound(tale)
    assert len(tale.rows) == len(told(name, data).rows)
    assert not any("root:" in repr(one) or "lollol" in repr(one) for one in tale)


def test_lines_without_end_cost_no_memory() -> None:
    tale = told("lynis", b"# Lynis Report\nlynis_version=" + b"9" * 5_000_000 + b"\nfinish=true\n")
    assert len(tale.scans[0].tool_version) < 2_000
