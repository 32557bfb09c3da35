"""``opsbook records``: what people and scripts see."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from doubles.clock import FakeClock
from doubles.estate_of_runs import DAY, opened, whole_run
from opsbook.cli.main import run as opsbook
from opsbook.ledger import witness as witnesses
from opsbook.ledger.store import open_ledger
from opsbook.model.canonical import canonical
from opsbook.model.estate import Witness
from opsbook.model.event import NewEvent
from opsbook.model.places import Places
from opsbook.model.record import Record

Shown = tuple[int, str, str]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Three runs: closed, refused, and one whose process is dead; a witness file beside."""
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("OPSBOOK_LANG", "en")
    places, clock = Places(tmp_path / "state"), FakeClock()
    ledger = open_ledger(places, clock)
    whole_run(ledger)
    clock.advance(60)
    refusal = {"problem": {"text": "no \x1b[31mwindow", "params": {}}, "runbook": "patching"}
    ledger.open_run(DAY, lambda run: [NewEvent("run.refused", "town", run, payload=refusal)])
    clock.advance(60)
    ledger.open_run(DAY, lambda run: [opened(run)])
    witness = Witness(kind="file", path=str(tmp_path / "lines"))
    witnesses.testify(ledger.checkpoint(), [witness])
    ledger.close()
    return places


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    def call(*words: str) -> Shown:
        code = opsbook(words)
        out, err = capfd.readouterr()
        return code, out, err

    return call


def _states(call: Callable[..., Shown], *words: str) -> list[tuple[str, str]]:
    code, out, _ = call("records", "list", "--json", *words)
    assert code == 0
    return [(row["run"][-3:], row["state"]) for row in json.loads(out)]


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), [("003", "interrupted"), ("002", "refused"), ("001", "closed")]),
        (("-n", "1"), [("003", "interrupted")]),
        (("-e", "town"), [("002", "refused")]),
        (("--runbook", "log-collection"), [("003", "interrupted"), ("001", "closed")]),
        (("--state", "interrupted"), [("003", "interrupted")]),
        (("--state", "running"), []),
        (("--state", "closed"), [("001", "closed")]),
        (("--since", "2026-11-21T08:41:30+00:00"), [("003", "interrupted"), ("002", "refused")]),
        (("--since", "2100-01-01"), []),
    ],
)
def test_listing_is_narrowed(
    call: Callable[..., Shown], words: tuple[str, ...], found: list[tuple[str, str]]
) -> None:
    assert _states(call, *words) == found


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("words", [("--state", "done"), ("--since", "soon")])
def test_a_wrong_filter_is_a_usage_fault(
    call: Callable[..., Shown], words: tuple[str, ...]
) -> None:
    code, out, err = call("records", "list", *words)
    assert (code, out) == (64, "")
    assert words[1] in err


def test_listing_loads_nothing_slow(places: Places) -> None:
    code = (
        "import sys; from opsbook.cli.main import run; run(['records', 'list']);"
        "slow = {'sqlalchemy', 'opsbook.model.estate', 'cryptography'} & set(sys.modules);"
        "sys.exit(str(slow) if slow else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_without_a_ledger_every_command_says_so(
    call: Callable[..., Shown], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "empty"))
    for words in (("list",), ("show", "RUN-20261121-001"), ("verify",)):
        code, _, err = call("records", *words)
        assert code == 64
        assert "There is no ledger" in err
    assert not (tmp_path / "empty").exists()


@pytest.mark.usefixtures("places")
def test_a_record_is_a_page(call: Callable[..., Shown]) -> None:
    code, out, _ = call("records", "show", "RUN-20261121-001")
    assert code == 0
    for part in (
        "RUN-20261121-001",
        "lin on ops1",
        "+08:00",
        "web2",
        "42 bytes",
        "sha256:",
        "Reads",
    ):
        assert part in out


@pytest.mark.usefixtures("places")
def test_a_record_in_chinese(call: Callable[..., Shown]) -> None:
    _, out, _ = call("--lang", "zh", "records", "show", "RUN-20261121-001")
    assert "日志收集" in out
    assert "市政务云" in out


@pytest.mark.usefixtures("places")
def test_a_terminal_never_obeys_what_a_record_holds(call: Callable[..., Shown]) -> None:
    _, out, _ = call("records", "show", "RUN-20261121-002")
    assert "\x1b" not in out
    assert "window" in out


@pytest.mark.usefixtures("places")
def test_an_unknown_run_is_a_usage_fault(call: Callable[..., Shown]) -> None:
    code, _, err = call("records", "show", "RUN-20261121-099")
    assert code == 64
    assert "RUN-20261121-099" in err


@pytest.mark.usefixtures("places")
def test_an_exported_record_can_be_checked_without_us(
    call: Callable[..., Shown], tmp_path: Path
) -> None:
    target = tmp_path / "record.json"
    code, _, _ = call(
        "records", "export", "RUN-20261121-001", "--format", "json", "-o", str(target)
    )
    assert code == 0
    data: dict[str, Any] = json.loads(target.read_bytes())
    proof = data.pop("proof")
    assert proof["digest"] == "sha256:" + sha256(canonical(data)).hexdigest()
    assert Record.from_bytes(target.read_bytes()).run == "RUN-20261121-001"


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("form", "part"), [("md", "RUN-20261121-001"), ("html", "<html")])
def test_a_record_becomes_a_document(call: Callable[..., Shown], form: str, part: str) -> None:
    code, out, err = call("records", "export", "RUN-20261121-001", "--format", form)
    assert code == 0, err
    assert part in out


@pytest.mark.usefixtures("places")
def test_an_unknown_form_and_an_unwritable_file_are_told(call: Callable[..., Shown]) -> None:
    assert call("records", "export", "RUN-20261121-001", "--format", "doc")[0] == 64
    json_to = ("records", "export", "RUN-20261121-001", "--format", "json", "-o")
    code, _, err = call(*json_to, "/nonexistent/x.json")
    assert code == 65
    assert "/nonexistent/x.json" in err


def test_verify_says_how_much_was_proven(
    places: Places, call: Callable[..., Shown], tmp_path: Path
) -> None:
    code, out, _ = call("records", "verify")
    assert code == 0
    assert out.startswith("Consistent, not witnessed: 8 events.")
    code, out, _ = call("records", "verify", "--json", "--witness", str(tmp_path / "lines"))
    assert code == 0
    assert json.loads(out)["level"] == "verified and witnessed"


def test_verify_ends_with_15_and_names_the_first_bad_event(
    places: Places, call: Callable[..., Shown]
) -> None:
    with closing(sqlite3.connect(places.ledger)) as database:
        database.execute("UPDATE events SET payload = '{}' WHERE seq = 3")
        database.commit()
    code, out, _ = call("records", "verify", "--json")
    assert code == 15
    assert json.loads(out)["bad"]["seq"] == 3
    code, out, _ = call("records", "verify")
    assert code == 15
    assert "FAULT" in out
    assert "event 3" in out


def test_a_file_that_is_no_ledger_is_damaged(
    places: Places, call: Callable[..., Shown], tmp_path: Path
) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 1000)
    key = str(places.keys / "checkpoint.pub")
    code, _, err = call("records", "verify", "--ledger", str(tmp_path / "noise"), "--key", key)
    assert code == 15
    assert "damaged" in err


def test_a_copied_ledger_needs_its_key(
    places: Places, call: Callable[..., Shown], tmp_path: Path
) -> None:
    code, _, err = call("records", "verify", "--ledger", str(places.ledger))
    assert code == 64
    assert "checkpoint.pub" in err
    (tmp_path / "key").write_text("no key")
    wrong = ("--ledger", str(places.ledger), "--key", str(tmp_path / "key"))
    assert call("records", "verify", *wrong)[0] == 65


def test_a_ledger_of_a_newer_opsbook_is_left_alone(
    places: Places, call: Callable[..., Shown]
) -> None:
    with closing(sqlite3.connect(places.ledger)) as database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
        database.commit()
    code, _, err = call("records", "list")
    assert code == 12
    assert "newer opsbook (schema 99" in err
