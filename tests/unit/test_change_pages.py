"""Changes as pages: hostile values stay text, strange dossiers are shown, examples are current."""

from __future__ import annotations

import copy
import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsbook.documents import AnyForm, Form, Language, explain, render, render_change
from opsbook.model.change import ChangeState
from opsbook.model.message import msg
from opsbook.model.plan import Coverage, Outlook
from opsbook.text.width import width_of
from support.hostile import HOSTILE, Tags, markup_of

EXAMPLES = Path(__file__).parents[2] / "reports" / "examples" / "change"
FORMS: tuple[AnyForm, ...] = ("md", "html", "text")
LANGUAGES: tuple[Language, ...] = ("zh_CN", "en")
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))
STEERING = frozenset({"outlook", "coverage", "state", "outcome", "kind", "phase", "decision"})
"""Values that decide what stands on a page; whether they are hostile is tried apart."""


def example(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return data


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_changes", EXAMPLES / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replaced(data: Any, value: str, spared: frozenset[str], key: str = "") -> Any:
    """``data`` with ``value`` after a letter (so that it differs from empty) in every text."""
    if isinstance(data, dict):
        return {name: replaced(part, value, spared, name) for name, part in data.items()}
    if isinstance(data, list):
        return [replaced(part, value, spared, key) for part in data]
    return value if isinstance(data, str) and key not in spared else data


def pages(data: dict[str, Any], form: AnyForm, language: Language = "en") -> Iterator[str]:
    yield explain(data["dossier"], form, language, missing=data.get("missing", ()), width=100)
    yield explain(data["dossier"], form, language, full=True, width=100)
    yield explain(data["dossier"].get("plan") or {}, form, language, width=100)
    yield render_change(data["dossier"], data["records"], form, language, width=100)
    if form != "text":
        told = (record for record in data["records"] if isinstance(record, dict))
        yield from (render(record, form, language) for record in told)


def renamed(name: str, host: str) -> dict[str, Any]:
    """An example in which the first host bears another name."""
    data = example(name)
    plan = data["dossier"]["plan"]
    first = plan["hosts"][0]
    plan["hosts"][0] = host
    plan["host_plans"] = {host if h == first else h: p for h, p in plan["host_plans"].items()}
    for record in data["records"]:
        record["hosts"][0]["name"] = host
    return data


@pytest.mark.parametrize("path", sorted(p.name for p in EXAMPLES.glob("*.*.*")))
def test_an_example_is_what_opsbook_makes_now(path: str) -> None:
    made = {file.name: content for file, content in generator().documents()}
    assert (EXAMPLES / path).read_text(encoding="utf-8") == made[path]


def test_every_example_has_all_forms_in_both_languages() -> None:
    made = {file.name for file, _ in generator().documents()}
    assert made == {path.name for path in EXAMPLES.glob("*.*.*")}
    assert {"planned", "applied", "emergency", "undone_wave", "rejected"} <= set(NAMES)


@pytest.mark.parametrize(
    ("name", "spared"),
    [("applied", STEERING), ("applied", frozenset()), ("emergency", STEERING)],
)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_text_in_html(value: str, name: str, spared: frozenset[str]) -> None:
    for plain, hostile in zip(
        pages(replaced(example(name), "plain", spared), "html"),
        pages(replaced(example(name), value, spared), "html"),
        strict=True,
    ):
        assert Tags(hostile).tags == Tags(plain).tags
        assert Tags(hostile).attributes == Tags(plain).attributes


@pytest.mark.parametrize("value", [v for v in HOSTILE if "\n" not in v])
def test_a_hostile_value_stays_text_in_markdown(value: str) -> None:
    """Statements are code blocks line by line, so values of several lines are tried apart."""
    for plain, hostile in zip(
        pages(replaced(example("applied"), "plain", STEERING), "md"),
        pages(replaced(example("applied"), value, STEERING), "md"),
        strict=True,
    ):
        shape = [kind for kind in markup_of(hostile) if kind != "code_inline"]
        assert shape == [kind for kind in markup_of(plain) if kind != "code_inline"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted({*NAMES} - {"policy"}))
def test_a_host_with_a_hostile_name_changes_no_markup(name: str, form: AnyForm) -> None:
    host = "<script>x</script>|[a](b)`\x1b[31m\u202e"
    for page in pages(renamed(name, host), form):
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "<script" not in page.replace("\\<", "") or form == "text"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["\x1b[31m", "\u202e", "\x00", "\x9b", "\u2066"])
def test_control_and_direction_characters_are_shown_not_obeyed(form: AnyForm, value: str) -> None:
    for page in pages(replaced(example("applied"), f"a{value}b", STEERING), form):
        assert value not in page


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of ``data``; of a list, to its first entry."""
    yield path
    inner = data.items() if isinstance(data, dict) else enumerate(data[:1]) if isinstance(
        data, list
    ) else ()  # fmt: skip
    for key, part in inner:
        yield from places(part, (*path, key))


WAYS = [path for path in places(example("undone_wave")) if len(path) > 1]


def put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        data = data[key]
    if value is ...:
        del data[path[-1]]
    else:
        data[path[-1]] = value


@given(
    path=st.sampled_from(WAYS),
    value=st.sampled_from([..., None, 7, -1.5, True, "text", [], [1, None], {}, {"a": {"b": 1}},
                           [{"text": 1}], {"text": "x {y}", "params": 3}, 10**30, "2026-11-21"]),
    form=st.sampled_from(FORMS),
)  # fmt: skip
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_field_of_any_shape_is_shown_or_left_out(
    path: tuple[Any, ...], value: Any, form: AnyForm
) -> None:
    data = example("undone_wave")
    put(data, path, value)
    if not isinstance(data["dossier"], dict) or not isinstance(data["records"], list):
        return
    assert all(pages(data, form))


@pytest.mark.parametrize("form", FORMS)
def test_nothing_at_all_is_a_page_too(form: AnyForm) -> None:
    assert explain({}, form, "en", width=80)
    assert render_change({}, [], form, "zh_CN", width=80)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_the_terminal(name: str, width: int, language: Language) -> None:
    data = example(name)
    page = generator().explain if data["page"] == "explain" else None
    shown = (
        page(data["dossier"], "text", language, width=width)
        if page
        else render_change(data["dossier"], data["records"], "text", language, width=width)
    )
    for line in shown.splitlines():
        copied = line.startswith(("  opsbook ", "  ssh-keygen ", "    sha256:"))
        assert width_of(line) <= width or copied


def large(hosts: int) -> dict[str, Any]:
    """The planned example on many hosts of three kinds."""
    dossier: dict[str, Any] = example("planned")["dossier"]
    plan = dossier["plan"]
    kinds = [plan["host_plans"][name] for name in ("web2", "db1", "legacy1")]
    plan["hosts"] = [f"host{number:04}" for number in range(hosts)]
    plan["host_plans"] = {name: kinds[at % 3] for at, name in enumerate(plan["hosts"])}
    return dossier


def test_a_plan_for_a_thousand_hosts_is_read_on_two_screens_before_its_details() -> None:
    begun = time.process_time()
    page = explain(large(1000), "text", "en", width=100)
    assert time.process_time() - begun < 5
    assert "host0000, host0003, host0006 and" in page
    before = page[: page.index("To decide")].splitlines()
    assert len(before) < 80


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_decides_stands_on_the_first_screen(language: Language) -> None:
    screen = explain(example("planned")["dossier"], "text", language, width=80).splitlines()[:45]
    page = "\n".join(screen)
    for part in ("CHG-20261120-001", "33", "32", "CVE-2025-23419", "nginx.service", "db1",
                 "18:30", "23:05", "1 → 2 → 4 → 1", "legacy1", "warm the cache"):  # fmt: skip
        assert part in page


def test_what_is_missing_is_told_and_the_command_to_sign_is_exact() -> None:
    missing = [msg("{number} more of the group {group}", number=1, group="client")]
    page = explain(example("planned")["dossier"], "text", "en", missing=missing, width=80)
    assert "Still missing: 1 more of the group client" in page
    assert "\n  opsbook approve CHG-20261120-001 --key ~/.ssh/id_ed25519\n" in page


def test_a_decided_change_shows_no_command_to_sign() -> None:
    assert "opsbook approve" not in explain(example("applied")["dossier"], "text", "en", width=80)


def test_the_digest_of_a_plan_alone_is_computed() -> None:
    dossier = example("planned")["dossier"]
    assert dossier["plan_digest"] in explain(dossier["plan"], "text", "en", width=80)


def test_a_signature_that_does_not_count_is_told_with_its_reason() -> None:
    data = example("applied")
    page = render_change(data["dossier"], data["records"], "md", "en")
    assert (
        "a signature that does not count: lihua@&#8288;ops.example.invalid asked for this" in page
    )


@pytest.mark.parametrize(
    ("actual", "outcome", "verdict"),
    [
        (None, "changed", "not recorded"),
        (None, "not_started", "not done"),
        ({"changed": True}, "changed", "as planned"),
        ({"changed": False}, "changed", "not changed"),
        ({"changed": True, "after": "other"}, "changed", "otherwise than planned"),
        ({"changed": True, "failed": True}, "failed", "failed"),
    ],
)
def test_actual_is_what_was_recorded_and_never_guessed(
    actual: dict[str, Any] | None, outcome: str, verdict: str
) -> None:
    data = example("applied")
    record = data["records"][0]
    host = copy.deepcopy(record["hosts"][0])
    host["planned"]["items"] = host["planned"]["items"][:1]
    key = host["planned"]["items"][0]["key"]
    host |= {"outcome": outcome, "evidence": {"actual": {key: actual}} if actual else {}}
    record["hosts"] = [host]
    page = render_change(data["dossier"], [record], "text", "en", width=200)
    table = page[page.index("\nPredicted against actual") :]
    assert verdict in table.splitlines()[3]


def test_a_change_beside_the_plan_is_told() -> None:
    data = example("applied")
    data["records"][0]["hosts"][0]["evidence"]["actual"]["package:added:amd64"] = {
        "before": None, "after": "1.0", "changed": True,
    }  # fmt: skip
    page = render_change(data["dossier"], data["records"], "text", "en", width=200)
    assert "package:added:amd64" in page
    assert "not planned" in page


@pytest.mark.parametrize("state", ChangeState)
def test_every_state_has_words(state: ChangeState) -> None:
    from opsbook.documents.changes.labels import STATES
    from opsbook.text import translate

    assert not translate(STATES[state], "zh_CN").isascii()


@pytest.mark.parametrize(("table", "values"), [("COVERAGE", Coverage), ("OUTLOOKS", Outlook)])
def test_every_value_of_a_plan_has_a_word(table: str, values: type) -> None:
    from opsbook.documents.changes import labels

    assert set(getattr(labels, table)) == {str(value) for value in values}  # type: ignore[attr-defined]


def test_the_papers_bear_the_titles_of_the_contract() -> None:
    data = example("applied")
    page = render_change(data["dossier"], data["records"], "md", "zh_CN")
    titles = ("系统操作申请单", "补丁升级实施方案", "系统操作记录单", "补丁升级记录")
    found = [page.index(f"## 《{title}》") for title in titles]
    assert found == sorted(found)


@pytest.mark.parametrize("form", FORMS)
def test_a_change_undone_on_some_hosts_says_so_wherever_its_state_stands(form: AnyForm) -> None:
    data = example("applied")
    hosts = data["dossier"]["plan"]["hosts"]
    data["dossier"]["undone"] = hosts[:1]
    told = f"applied, undone on 1 of {len(hosts)} hosts"
    plan, _, _, change, *_ = (" ".join(page.split()) for page in pages(data, form))
    assert told in plan
    assert told in change


def test_an_emergency_says_that_it_was_not_reviewed() -> None:
    data = example("emergency")
    page = render_change(data["dossier"], data["records"], "text", "zh_CN", width=80)
    assert "本次紧急变更尚未复核。" in page
    assert "《突发事件应急处理报告》" in page


def test_nothing_of_a_policy_is_left_out_of_its_page() -> None:
    data = example("policy")
    keys = "\n".join(f"p{number}@x ssh-ed25519 {'A' * 60}{number}" for number in range(900))
    data["dossier"]["plan"]["policy"]["allowed_signers"] = keys
    page = explain(data["dossier"], "text", "en", width=200)
    assert [key for key in keys.split("\n") if key not in page] == []


def test_the_first_policy_of_an_estate_is_told_loudly() -> None:
    data = example("policy")
    data["dossier"]["plan"] |= {"former": None, "differences": []}
    assert "This is the first policy" in explain(data["dossier"], "text", "en", width=100)


def test_a_host_that_was_caught_midway_tells_what_was_found() -> None:
    data = example("applied")
    found = {"text": "half of it is there", "params": {}}
    data["records"][0]["hosts"][0]["examined"] = [{"at": {}, "standing": "midway", "found": found}]
    page = render_change(data["dossier"], data["records"], "text", "en", width=120)
    assert "web1: caught midway and examined: half of it is there" in page


@pytest.mark.parametrize("form", ["md", "html"])
def test_the_record_of_a_run_tells_all_evidence_that_the_page_of_its_change_tells(
    form: Form,
) -> None:
    data = example("applied")
    (record,) = data["records"]
    patching = record["hosts"][0]["evidence"]["patching"]
    patching["still_old"] = [{"unit": "cron.service", "command": "cron", "packages": ["libssl3"]}]
    patching["novel"] = {"kept": ["as it is"]}
    page = render(record, form, "en")
    for words in ("Packages before and after", "State before and after", "Services restarted",
                  "Still running old code", "cron.service", "Vulnerabilities closed",
                  "CVE-2025-4575", "Hosts rebooted", "Hosts on which a reboot is still due",
                  "Predicted against actual", "Waves and their times", "as it is"):  # fmt: skip
        assert words in page, words
    assert '{"' not in page
