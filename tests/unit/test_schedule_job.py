"""A start of a night job: silent when all is well, one paragraph and the failure command else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from opsbook import text
from opsbook.execution.declared.declarations import find_schedule
from opsbook.ledger.process import this_process
from opsbook.lifecycle.request import RunRequest, RunResult
from opsbook.model.errors import IntegrityFault, Refused, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.event import Event, NewEvent
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome, RunState
from opsbook.scheduler import failure
from opsbook.scheduler.job import Teller, start

NIGHT = datetime(2026, 11, 20, 18, 10, tzinfo=UTC)
BOTH = {"zh": "文", "en": "text"}
TELL = (
    "import json, os, sys; from pathlib import Path; Path(sys.argv[1]).write_text(json.dumps("
    "[sys.stdin.read(), {k: v for k, v in os.environ.items() if k.startswith('OPSBOOK_')}]))"
)


class Night:
    """An estate with a night job that is just due, and everything said about it."""

    def __init__(self, told: Path) -> None:
        self.clock = FakeClock(NIGHT)
        self.ledger = MemoryLedger(self.clock)
        self.told = told
        self.said: list[str] = []
        self.requests: list[RunRequest] = []
        self.on_failure: list[str] = [sys.executable, "-c", TELL, str(told)]

    @property
    def estate(self) -> Estate:
        job = {
            "name": "night", "runbook": "look", "when": {"at": "02:10"}, "limit": "web",
            "parameters": {"depth": 3},
        }  # fmt: skip
        declared = {"schema": 1, "name": "small", "title": BOTH, "timezone": "Asia/Shanghai"}
        declared |= {"schedules": [job], "on_failure": self.on_failure}
        return Estate.model_validate(declared).model_copy(update={"directory": Path("/srv/small")})

    def start(self, ending: Callable[[], RunResult], *, if_due: bool = False) -> Exit:
        def begin(request: RunRequest) -> RunResult:
            self.requests.append(request)
            return ending()

        teller = Teller(self.estate, self.estate.schedules[0], self.said.append)
        return start(teller, lambda: self.ledger, self.clock, begin, if_due=if_due)

    def run(self, exit_code: Exit, hosts: Mapping[str, tuple[str, str]] | None = None) -> RunResult:
        """A run that ended so, with its events in the ledger."""

        def opened(run: str) -> list[NewEvent]:
            by = {"requested_by": {"origin": "cron", "schedule": "night"}}
            return [NewEvent("run.opened", "small", run, payload=by)]

        run = self.ledger.open_run(NIGHT.date(), opened)
        for host, (outcome, reason) in (hosts or {}).items():
            payload = {"outcome": outcome, "summary": msg("{x}", x=reason).to_json()}
            self.ledger.append([NewEvent("host.finished", "small", run, host, payload)])
        return RunResult(run, RunState.CLOSED, exit_code, {Outcome.OK: 1})

    def heard(self) -> tuple[str, dict[str, str]]:
        """What the failure command got: standard input and our variables."""
        story, variables = json.loads(self.told.read_text())
        return story, {k: v for k, v in variables.items() if k != "OPSBOOK_STATE"}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path / "told")


def fail(error: BaseException) -> Callable[[], RunResult]:
    def begin() -> RunResult:
        raise error

    return begin


@pytest.mark.parametrize("ending", [Exit.DONE, Exit.CHANGED])
def test_success_is_silent(night: Night, ending: Exit) -> None:
    assert night.start(lambda: night.run(ending)) == Exit.DONE
    assert night.said == []
    assert not night.told.exists()


def test_the_run_is_asked_for_as_the_schedule_says(night: Night) -> None:
    night.start(lambda: night.run(Exit.DONE))
    assert night.requests == [
        RunRequest("look", "/srv/small", limit="web", origin="cron", schedule="night")
    ]


def test_a_failure_is_told_in_one_paragraph_and_to_the_failure_command(night: Night) -> None:
    hosts = {
        "web1": ("ok", "fine"),
        "web2": ("failed", "no space left"),
        "db1": ("unreachable", "timed out"),
        "db2": ("not_started", "budget"),
    }
    assert night.start(lambda: night.run(Exit.HOST_FAILED, hosts)) == Exit.HOST_FAILED
    assert night.said == [
        (
            "opsbook: the night job night (look) of estate small ended with exit code 10: some "
            "host failed. Failed: web2 (no space left). Unreachable: db1 (timed out). Left "
            "untouched: db2 (budget). Hosts done: 1. Next: opsbook records show RUN-20261120-001"
        )
    ]
    assert night.heard() == (
        night.said[0] + "\n",
        {"OPSBOOK_RUN": "RUN-20261120-001", "OPSBOOK_EXIT": "10", "OPSBOOK_ESTATE": "small"},
    )


def test_the_paragraph_is_chinese_for_chinese_readers(night: Night) -> None:
    text.use("zh_CN")
    try:
        night.start(lambda: night.run(Exit.HOST_FAILED, {"web2": ("failed", "no space")}))
    finally:
        text.use("en")
    assert "web2" in night.said[0]
    assert "Hosts done" not in night.said[0]


def test_hostile_names_and_reasons_stay_on_one_line(night: Night) -> None:
    evil = "x\n\x1b[31m" + "y" * 5000
    night.start(lambda: night.run(Exit.HOST_FAILED, {evil: ("failed", evil)}))
    (paragraph,) = night.said
    assert paragraph.isprintable()
    assert len(paragraph) < 1500


def test_many_hosts_are_counted_after_the_first_few(night: Night) -> None:
    hosts = {f"h{n}": ("failed", "no") for n in range(500)}
    night.start(lambda: night.run(Exit.HOST_FAILED, hosts))
    assert "and 488 more" in night.said[0]


@pytest.mark.parametrize(
    ("error", "exit_code", "words"),
    [
        (Refused(msg("No window."), untouched=msg("Nothing was touched.")), 12,
         ["No window.", "Nothing was touched."]),
        (UsageFault(msg("there is no runbook named look"), next_step=msg("Type this.")), 64,
         ["there is no runbook named look", "Type this."]),
    ],
)  # fmt: skip
def test_an_error_is_told_with_what_to_do(
    night: Night, error: Exception, exit_code: int, words: list[str]
) -> None:
    assert night.start(fail(error)) == exit_code
    assert all(word in night.said[0] for word in words)
    assert night.heard()[1]["OPSBOOK_EXIT"] == str(exit_code)


def test_a_ledger_that_cannot_be_opened_is_told(night: Night) -> None:
    def broken() -> MemoryLedger:
        raise IntegrityFault(msg("The ledger is damaged."))

    teller = Teller(night.estate, night.estate.schedules[0], night.said.append)
    ended = start(teller, broken, night.clock, lambda request: night.run(Exit.DONE))
    assert ended == Exit.FAULT
    assert "The ledger is damaged." in night.said[0]
    assert night.heard()[1]["OPSBOOK_EXIT"] == "15"


def test_our_own_bug_is_told_and_then_raised(night: Night) -> None:
    with pytest.raises(ZeroDivisionError):
        night.start(fail(ZeroDivisionError("by zero")))
    assert "a fault of opsbook itself" in night.said[0]
    assert night.heard()[1]["OPSBOOK_EXIT"] == "70"


def test_an_overlapping_start_is_refused_recorded_and_does_not_run(night: Night) -> None:
    night.ledger.take("small/job/night", this_process(""))
    assert night.start(lambda: night.run(Exit.DONE)) == Exit.BUSY
    assert night.requests == []
    (refused,) = night.ledger.events(kinds=["run.refused"])
    assert refused.payload is not None
    assert refused.payload["requested_by"]["schedule"] == "night"
    assert refused.run in night.said[0]
    assert "still at work" in night.said[0]


def test_the_job_is_free_again_after_any_ending(night: Night) -> None:
    night.start(fail(Refused(msg("no"))))
    with pytest.raises(KeyboardInterrupt):
        night.start(fail(KeyboardInterrupt()))
    night.start(lambda: night.run(Exit.DONE))
    assert len(night.requests) == 3


def test_a_missed_night_is_told_once_even_when_this_one_succeeds(night: Night) -> None:
    night.start(lambda: night.run(Exit.DONE))
    night.clock.wall = NIGHT + timedelta(days=2)
    assert night.start(lambda: night.run(Exit.DONE)) == Exit.DONE
    assert len(night.said) == 1
    assert "night 2026-11-22 02:10+0800 (RUN-20261122-001)" in night.said[0]
    assert night.heard()[1]["OPSBOOK_RUN"] == "RUN-20261122-001"
    night.start(lambda: night.run(Exit.DONE))
    assert len(night.said) == 1


@pytest.mark.parametrize(("minutes", "runs"), [(-1, 0), (0, 1), (30, 1), (61, 0)])
def test_if_due_starts_only_what_waits(night: Night, minutes: int, runs: int) -> None:
    night.clock.wall = NIGHT - timedelta(hours=2)
    night.start(lambda: night.run(Exit.DONE), if_due=True)
    night.clock.wall = NIGHT + timedelta(minutes=minutes)
    night.start(lambda: night.run(Exit.DONE), if_due=True)
    night.start(lambda: night.run(Exit.DONE), if_due=True)
    assert len(night.requests) == runs


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/nonexistent/notify"], "cannot be started"),
        (["/etc/passwd"], "cannot be started"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with exit code 3"),
        (["a\0b"], "cannot be started"),
    ],
)
def test_a_failure_command_that_fails_is_told_and_recorded(
    night: Night, command: list[str], words: str
) -> None:
    night.on_failure = command
    assert night.start(lambda: night.run(Exit.HOST_FAILED)) == Exit.HOST_FAILED
    assert words in night.said[1]
    (event,) = night.ledger.events(kinds=["notice.failed"])
    assert event.payload is not None
    assert words in Message.from_json(event.payload["problem"]).english()
    assert event.run == "RUN-20261120-001"


def test_a_ledger_that_is_full_does_not_change_how_the_job_ended(night: Night) -> None:
    night.on_failure = ["false"]
    ended = night.run(Exit.HOST_FAILED)

    def full(events: object) -> list[Event]:
        raise Refused(msg("The disk is full."))

    def begin() -> RunResult:
        night.ledger.append = full  # type: ignore[method-assign]
        return ended

    assert night.start(begin) == Exit.HOST_FAILED
    assert night.said[-1] == "The disk is full."


def test_a_failure_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 300 & echo $! > {pid}; wait"]
    begun = time.monotonic()
    problem = failure.call(command, "story", {}, seconds=1)
    assert time.monotonic() - begun < 10
    assert problem is not None
    assert "was killed" in problem.english()
    assert _gone(int(pid.read_text()))


def _gone(pid: int) -> bool:
    for _ in range(50):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_failure_command_that_reads_nothing_is_no_trouble() -> None:
    assert failure.call(["true"], "x" * 1_000_000, {}) is None


def test_a_failure_command_is_not_a_shell_line(tmp_path: Path) -> None:
    strange = f"a b; touch {tmp_path.name} $(id)"
    assert failure.call(["touch", str(tmp_path / strange)], "s", {}) is None
    assert [path.name for path in tmp_path.iterdir()] == [strange]


def test_an_unknown_schedule_is_refused_with_the_known_ones(night: Night) -> None:
    with pytest.raises(UsageFault) as caught:
        find_schedule(night.estate, "nigth")
    assert caught.value.next_step is not None
    assert "night" in caught.value.next_step.english()
    assert find_schedule(night.estate, "night").name == "night"
