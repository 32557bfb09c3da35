"""``opsbook records`` on changes: what people and scripts see."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.estate_of_runs import closed, finished, opened
from opsbook.cli.main import run as opsbook
from opsbook.ledger.store import open_ledger
from opsbook.model.event import NewEvent
from opsbook.model.places import Places

EXAMPLE = Path(__file__).parents[2] / "reports" / "examples" / "change" / "planned.json"
DAY = date(2026, 11, 21)
Shown = tuple[int, str, str]


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A change with one run, from its plan to its end."""
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("OPSBOOK_LANG", "en")
    monkeypatch.setenv("COLUMNS", "100")
    dossier = json.loads(EXAMPLE.read_text(encoding="utf-8"))["dossier"]
    ledger = open_ledger(Places(tmp_path / "state"), FakeClock())

    def planned(number: str) -> list[NewEvent]:
        keep = ("plan", "plan_digest", "directory", "requested_by")
        payload = {name: dossier[name] for name in keep}
        return [NewEvent("change.planned", "city", number, payload=payload)]

    number = ledger.open_change(DAY, planned)
    run = ledger.open_run(DAY, lambda run: [_opened(run, number, dossier["plan"])])
    ledger.append(
        [
            NewEvent("change.begun", "city", number, payload={"run": run, "phase": "apply"}),
            finished(run, "web1", "changed"),
            closed(run),
            NewEvent("change.ended", "city", number,
                     payload={"run": run, "state": "closed", "exit": 0, "becomes": "applied"}),
        ]
    )  # fmt: skip
    ledger.close()
    return number


def _opened(run: str, change: str, plan: dict[str, Any]) -> NewEvent:
    event = opened(run)
    payload = dict(event.payload) | {"plan": plan | {"change": change}, "phase": "apply"}
    return NewEvent(event.kind, event.estate, run, payload=payload)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    def call(*words: str) -> Shown:
        code = opsbook(words)
        out, err = capfd.readouterr()
        return code, out, err

    return call


def test_a_change_is_shown_with_its_run(change: str, call: Callable[..., Shown]) -> None:
    code, out, err = call("records", "show", change)
    assert code == 0, err
    for part in (change, "RUN-20261121-001", "applied", "System operation record", "libssl3"):
        assert part in out


def test_a_change_and_its_records_are_data_too(change: str, call: Callable[..., Shown]) -> None:
    code, out, _ = call("records", "show", change, "--json")
    assert code == 0
    data = json.loads(out)
    assert data["state"] == "applied"
    assert [record["run"] for record in data["records"]] == ["RUN-20261121-001"]
    _, exported, _ = call("records", "export", change, "--format", "json")
    assert json.loads(exported) == data


@pytest.mark.parametrize(
    ("form", "lang", "part"),
    [
        ("html", "zh", "《系统操作申请单》"),
        ("md", "en", "## Patch record"),
        ("md", "zh", "# 变更记录"),
    ],
)
def test_a_change_becomes_a_page(
    change: str, call: Callable[..., Shown], form: str, lang: str, part: str
) -> None:
    code, out, err = call("records", "export", change, "--format", form, "--lang", lang)
    assert code == 0, err
    assert part in out


def test_the_run_of_a_change_tells_plan_against_actual(
    change: str, call: Callable[..., Shown]
) -> None:
    _, shown, _ = call("records", "show", "RUN-20261121-001")
    _, page, _ = call("records", "export", "RUN-20261121-001", "--format", "md")
    for out in (shown, page):
        assert change in out
        assert "Predicted against actual" in out
        assert "not recorded" in out


@pytest.mark.parametrize("verb", ["show", "export"])
def test_an_unknown_change_is_a_usage_fault(
    change: str, call: Callable[..., Shown], verb: str
) -> None:
    code, _, err = call("records", verb, "CHG-20261121-099")
    assert code == 64
    assert "There is no change CHG-20261121-099." in err


def test_a_change_in_an_unknown_form_is_a_usage_fault(
    change: str, call: Callable[..., Shown]
) -> None:
    assert call("records", "export", change, "--format", "docx")[0] == 64


def test_times_of_the_listing_have_their_offset(change: str, call: Callable[..., Shown]) -> None:
    _, out, _ = call("records", "list")
    assert "2026-11-21 " in out
    assert "+00:00" in out or "+08:00" in out
