"""From events to records, and records as data that nothing falls out of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.clock import FakeClock
from doubles.estate_of_runs import DAY, closed, finished, opened
from doubles.ledger import MemoryLedger
from opsbook.ledger.process import this_process
from opsbook.model.canonical import canonical
from opsbook.model.errors import InputFault, IntegrityFault
from opsbook.model.event import NewEvent
from opsbook.model.record import SCHEMA, Record


def _record(*later: NewEvent, clock: FakeClock | None = None) -> dict[str, Any]:
    ledger = MemoryLedger(clock or FakeClock())
    run = ledger.open_run(DAY, lambda run: [opened(run)])
    for event in later:
        ledger.append([replace(event, run=run)])
        ledger._clock.advance(30)  # type: ignore[attr-defined]
    found = ledger.record(run)
    assert found is not None
    return found


def test_a_record_names_who_when_what_and_where() -> None:
    record = _record(finished("", "web1"), finished("", "web2"), closed(""))
    assert record["schema"] == SCHEMA
    assert record["who"]["user"] == "lin"
    assert record["when"]["opened"] == {
        "utc": "2026-11-21T08:41:00.000000Z",
        "local": "2026-11-21T16:41:00.000000+08:00",
    }
    assert record["when"]["closed"]["utc"] == "2026-11-21T08:42:00.000000Z"
    assert record["runbook"]["class"] == "routine"
    assert record["estate"]["title"]["zh"] == "市政务云"
    assert record["parameters"] == {"depth": {"value": 3, "source": "command line"}}
    assert record["versions"] == {"opsbook": "0.1.0"}
    assert (record["exit"], record["counts"]) == (0, {"ok": 2})
    assert record["ledger"]["first"] == 1


def test_a_host_that_fails_its_verification_failed() -> None:
    tests = [{"name": "t", "outcome": "failed", "message": "no"}]
    verified = {"passed": 1, "failed": 1, "tests": tests}
    record = _record(finished("", "web1"), NewEvent("host.verified", "city", "", "web1", verified))
    assert record["hosts"][0]["outcome"] == "failed"
    assert record["hosts"][0]["verification"] == verified


def test_a_resumed_run_says_who_went_on() -> None:
    events: Sequence[NewEvent] = (
        NewEvent("run.interrupted", "city", payload={"left": ["web1"]}),
        NewEvent("run.resumed", "city", payload={"requested_by": {"user": "wang"}}),
        closed(""),
    )
    record = _record(*events)
    assert record["state"] == "closed"
    assert [each["by"]["user"] for each in record["when"]["resumed"]] == ["wang"]
    assert len(record["when"]["interrupted"]) == 1


def test_a_lease_taken_over_is_in_the_record() -> None:
    stale = {"run": "RUN-20261120-001", "pid": 7}
    fact = {"resource": "city/web1", "token": 2, "stale": stale}
    record = _record(NewEvent("lease.recovered", "city", payload=fact))
    (recovery,) = record["recoveries"]
    assert recovery["stale"] == stale


def test_an_unknown_time_zone_is_utc() -> None:
    ledger = MemoryLedger(FakeClock())
    refusal = {"runbook": "x", "timezone": "../../etc/passwd"}
    run = ledger.open_run(DAY, lambda run: [NewEvent("run.refused", "e", run, payload=refusal)])
    record = ledger.record(run)
    assert record is not None
    assert record["when"]["opened"]["local"].endswith("+00:00")


_UNKNOWN = st.dictionaries(
    st.text(min_size=1).map("x_".__add__),
    st.none() | st.text() | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(st.text()),
)


@given(_UNKNOWN)
def test_fields_of_a_later_version_survive_reading_and_writing(unknown: dict[str, Any]) -> None:
    data = canonical({"schema": SCHEMA, "run": "RUN-20261121-001", **unknown})
    assert Record.from_bytes(data).to_bytes() == data


def test_a_record_changed_after_it_was_sealed_is_seen() -> None:
    sealed = Record(_record(finished("", "web1"), closed(""))).to_bytes()
    assert Record.from_bytes(sealed).to_bytes() == sealed
    with pytest.raises(IntegrityFault):
        Record.from_bytes(sealed.replace(b'"user":"lin"', b'"user":"eve"'))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema":"opsbook.record/2"}', b"\xff"])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(InputFault):
        Record.from_bytes(data)


def test_this_process_can_be_told_from_another() -> None:
    holder = this_process("RUN-20261121-001")
    assert holder.pid > 0
    assert holder.started > 0
    boot, _, namespace = holder.boot_id.partition("/")
    assert len(boot) == 36
    assert namespace.startswith("pid:[")
