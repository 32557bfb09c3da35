"""Records as pages: hostile values stay text, strange records are shown, examples are current."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import opsbook.documents
from opsbook.documents import Form, Language, render
from opsbook.documents.escape import code_block, code_span, markdown
from opsbook.documents.labels import LABELS
from opsbook.documents.record_page import record_page, words_of
from opsbook.model.record import Record
from support.hostile import HOSTILE, Tags, markup_of

EXAMPLES = Path(__file__).parents[2] / "reports" / "examples" / "record"
FORMS: tuple[Form, ...] = ("md", "html")
LANGUAGES: tuple[Language, ...] = ("zh_CN", "en")
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def example(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return data


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", EXAMPLES / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planted(value: str) -> dict[str, Any]:
    """A record with ``value`` wherever something from outside can stand."""
    record = example("mixed")
    record["estate"] = {"name": value, "title": {"zh": value, "en": value}, "timezone": value}
    record["runbook"] = {
        "name": value,
        "class": value,
        "title": {"zh": value, "en": value},
        "method": {"zh": value, "en": value},
        "tools": [{"name": value, "use": {"zh": value, "en": value}}],
        "risk": {"level": value, "why": {"zh": value, "en": value}},
    }
    record["who"] = dict.fromkeys(("user", "sudo_user", "origin", "control_host"), value)
    record["limit"] = record["run"] = record["plan_digest"] = value
    record["parameters"] = {value: {"value": value, "source": value}}
    record["versions"] = {value: value}
    message = {"text": "{x} failed: {y}", "params": {"x": value, "y": value}}
    record["deviations"] = [{"at": value, "message": message}]
    record["refusal"] = {"text": value, "params": {value: value}}
    host = record["hosts"][0]
    host |= {"name": value, "outcome": value, "summary": message, "deviations": [message]}
    host["verification"] = {
        "passed": 0, "failed": 1, "tests": [{"name": value, "outcome": value, "message": value}],
    }  # fmt: skip
    host["evidence"] = {
        value: value,
        "totals": [{"source": value, "raw_bytes": value, "first_line_at": value}],
        "completeness": [{"source": value, "gaps": [[value, value]]}],
        "skipped": [{"path": value, "reason": message}],
        "losses": [{"source": value, "path": value, "reason": message, "after": value}],
    }
    return record


@pytest.mark.parametrize("path", sorted(p.name for p in EXAMPLES.glob("*.*.*")))
def test_an_example_is_what_opsbook_makes_now(path: str) -> None:
    made = {file.name: content for file, content in generator().documents()}
    assert (EXAMPLES / path).read_text(encoding="utf-8") == made[path]


def test_every_example_has_both_forms_in_both_languages() -> None:
    made = {file.name for file, _ in generator().documents()}
    assert made == {path.name for path in EXAMPLES.glob("*.*.*")}
    assert {"ok", "mixed", "refused", "missed", "crashed"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_sealed_record(name: str) -> None:
    data = example(name)
    assert Record.from_bytes(Record(data).to_bytes()).data == data


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_text_in_html(value: str) -> None:
    harmless = Tags(render(planted("plain"), "html", "en"))
    page = Tags(render(planted(value), "html", "en"))
    assert page.tags == harmless.tags
    assert page.attributes == harmless.attributes


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_text_in_markdown(value: str) -> None:
    harmless, page = (render(planted(v), "md", "en") for v in ("plain", value))
    shape = [kind for kind in markup_of(page) if kind != "code_inline"]
    assert shape == [kind for kind in markup_of(harmless) if kind != "code_inline"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["\x1b[31m", "\u202e", "\x00", "\x9b", "\u2066"])
def test_control_and_direction_characters_are_shown_not_obeyed(form: Form, value: str) -> None:
    assert value not in render(planted(f"a{value}b"), form, "zh_CN")


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_escaped_text_is_text_alone_on_a_line_and_in_a_cell(value: str) -> None:
    assert markup_of(markdown(value)) == []
    row = markup_of(f"| a | b |\n|---|---|\n| {markdown(value)} | x |")
    assert row == markup_of("| a | b |\n|---|---|\n| y | x |")


@given(st.text(alphabet=st.characters().filter(str.isprintable), max_size=40))
def test_escaping_loses_no_character(value: str) -> None:
    shown = "".join(
        inner.content
        for token in MarkdownIt("commonmark").parse(f"x{markdown(value)}x")
        for inner in token.children or ()
    )
    assert shown.replace("\u2060", "")[1:-1] == value.strip()


@given(st.text(alphabet="`~a\n ", max_size=60))
def test_a_code_block_ends_only_at_its_own_fence(value: str) -> None:
    assert markup_of(code_block(value)) == ["fence"]


@pytest.mark.parametrize("value", [*HOSTILE, "a`b", "``", ""])
def test_a_code_span_is_code_or_plain_text(value: str) -> None:
    assert set(markup_of(f"x {code_span(value)} y")) <= {"code_inline"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fetches_and_runs_nothing(name: str, language: Language) -> None:
    page = render(example(name), "html", language)
    tags = Tags(page)
    assert not {"script", "img", "link", "iframe", "object", "form", "svg"} & set(tags.tags)
    assert not any(key.startswith("on") or key in ("src", "href") for key, _ in tags.attributes)
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, Mapping) else ()
    for key, inner in items or (enumerate(value) if isinstance(value, list) else ()):
        yield from _paths(inner, (*path, key))


def _changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    record = copy.deepcopy(example("mixed"))
    target: Any = record
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return record


@pytest.mark.parametrize("strange", [None, [], {}, "text", 7, True, [None], {"a": None}])
def test_a_field_of_any_shape_is_shown_or_left_out(strange: Any) -> None:
    for path in _paths(example("mixed")):
        record = _changed(path, strange)
        assert record_page(record, words_of(record, "en")).parts


@pytest.mark.parametrize("form", FORMS)
def test_a_record_with_hardly_anything_is_a_page(form: Form) -> None:
    assert "RUN-20261121-009" in render({"run": "RUN-20261121-009"}, form, "en")
    assert render({}, form, "zh_CN")


@pytest.mark.parametrize("form", FORMS)
def test_fields_of_a_newer_opsbook_do_not_disturb(form: Form) -> None:
    record = example("ok") | {"schema": "opsbook.record/9", "novel": {"x": [1]}}
    record["hosts"][0]["novel"] = True
    record["hosts"][0]["outcome"] = "quarantined"
    assert "quarantined" in render(record, form, "en")


def test_failed_hosts_stand_before_the_table_of_hosts() -> None:
    page = render(example("mixed"), "md", "en")
    before, _, after = page.partition("## Hosts")
    for host in ("web2", "db1", "db2", "edge-shell-only", "inner1", "inner2"):
        assert f"**{host}**" in before
        assert f"| {host} |" in after
    assert "**web1**" not in before


def test_losses_and_gaps_are_told_even_when_every_host_is_ok() -> None:
    page = render(example("log_loss"), "md", "en")
    attention = page.partition("## What needs attention")[2].partition("## ")[0]
    assert "at most 40 lines from 2026-11-21 00:00:00" in attention
    assert "03:12-03:13" in attention
    assert "Nothing." in render(example("ok"), "md", "en")


def test_a_crashed_run_says_so_and_names_the_host_in_doubt() -> None:
    page = render(example("crashed"), "md", "en")
    assert "opsbook resume RUN-20261121-006" in page
    assert "| web2 | end unknown |" in page
    assert "not sealed" in page


def test_a_missed_run_names_its_due_time_in_the_zone_of_the_estate() -> None:
    page = render(example("missed"), "md", "en")
    assert "due at 2026-11-20 02:10:00 +08:00 and did not start" in page


def test_moments_follow_the_estate_over_a_change_of_clocks() -> None:
    record = example("log_loss")
    record["when"]["timezone"] = "Europe/Berlin"
    total = record["hosts"][0]["evidence"]["totals"][0]
    total["first_line_at"] = "2026-10-25T00:30:00.000000Z"
    total["last_line_at"] = "2026-10-25T01:30:00.000000Z"
    page = render(record, "md", "en")
    assert "2026-10-25 02:30:00 +02:00 – 2026-10-25 02:30:00 +01:00" in page


def test_many_bad_hosts_are_named_up_to_a_limit_and_then_counted() -> None:
    record = example("mixed")
    bad = record["hosts"][1]
    record["hosts"] = [bad | {"name": f"h{n}"} for n in range(500)]
    attention = render(record, "md", "en").partition("## Hosts")[0]
    assert attention.count("**h") == 60
    assert "441 more, below." in attention


def test_huge_values_are_cut_on_the_page() -> None:
    record = example("mixed")
    record["hosts"][0]["summary"] = {"text": "{x}", "params": {"x": "A" * 1_000_000}}
    record["hosts"][0]["evidence"] = {"banner": "B" * 1_000_000}
    assert len(render(record, "html", "en")) < 100_000


def test_every_label_is_used() -> None:
    folder = Path(opsbook.documents.__file__).parent
    pages = (path for path in folder.rglob("*.py") if path.name != "labels.py")
    used = "".join(path.read_text(encoding="utf-8") for path in pages)
    assert [key for key in LABELS if f'"{key}"' not in used] == []


def test_hosts_without_work_are_not_counted_as_done() -> None:
    record = example("ok")
    record["hosts"][4]["outcome"] = "skipped"
    assert "4 of 5 hosts are done; on the others there was nothing to do." in render(
        record, "md", "en"
    )
