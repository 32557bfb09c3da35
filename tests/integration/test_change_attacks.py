"""Attacks on a real change by the real command: refused in one sentence, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doubles.clock import FakeClock
from doubles.run import Witnessed
from opsbook.lifecycle.change.applying import apply_change
from opsbook.lifecycle.change.planning import PlanRequest, plan_change
from opsbook.model.errors import OpsbookError
from opsbook.model.exits import Exit
from opsbook.model.places import Places
from support.changes import APPROVER, OPSBOOK, SECOND, Site, make_site

ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART:never\r\nEND:VEVENT\r\n"
SPANS = "{name: quiet, from: '2026-01-01', to: '2026-02-01'}"


@dataclass(frozen=True)
class Made:
    """A site with two changes ``words=new`` of its first host, good for two hours."""

    site: Site
    approved: str
    unsigned: str


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    site = make_site(tmp_path_factory.mktemp("whole") / "site", hosts=2)
    words = ("-l", "h1", "--set", "words=new", "--valid", "2h")
    made = Made(site, site.approved(*words), site.plan(*words))
    site.keep()
    return made


@pytest.fixture
def made(whole: Made) -> Iterator[Made]:
    """The one site, whose changes, hosts and files are as they were before every test."""
    yield whole
    whole.site.rewind()


@pytest.fixture
def site(made: Made) -> Site:
    return made.site


@pytest.fixture
def change(made: Made) -> str:
    """The approved one."""
    return made.approved


@pytest.fixture
def aside(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Places]:
    """Copies of the site's state, for clocks that must not get into its ledger."""
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(site.root / "catalog"))

    def copied() -> Places:
        target = tmp_path / f"state{len(list(tmp_path.iterdir()))}"
        shutil.copytree(site.state, target)
        return Places(target)

    return copied


def test_an_approved_plan_is_bound_to_its_time(
    site: Site, change: str, aside: Callable[[], Places]
) -> None:
    now = datetime.now(UTC)
    for clock, words in (
        (FakeClock(now + timedelta(hours=2)), "expired"),
        (FakeClock(now - timedelta(hours=1)), "clock of this machine stands"),
    ):
        with pytest.raises(OpsbookError, match=words) as refused:
            apply_change(change, aside(), clock, Witnessed())
        assert refused.value.exit is Exit.REFUSED
    request = PlanRequest("notice", str(site.estate), "why", settings={"words": "new"})
    with pytest.raises(OpsbookError, match="clock of this machine stands"):
        plan_change(request, aside(), FakeClock(now - timedelta(hours=1)))
    assert site.notices() == site.former


def test_undo_runs_the_code_that_was_approved(site: Site, change: str) -> None:
    site.good("apply", change)
    file = site.root / "catalog" / "notice" / "undo.yml"
    approved = file.read_text(encoding="utf-8")
    file.write_text(approved.replace("notice.before", "notice"), encoding="utf-8")
    refused = site.typed("undo", change)
    assert refused.returncode == Exit.REFUSED
    assert "The code of runbook notice has changed" in refused.stderr
    assert site.notice("h1") == "new"
    file.write_text(approved, encoding="utf-8")
    (site.estate / "host_vars").mkdir(exist_ok=True)
    (site.estate / "host_vars" / "h1.yml").write_text("colour: red\n", encoding="utf-8")
    site.good("undo", change)
    assert site.notices() == site.former
    assert "host_vars/h1.yml have changed" in site.good("records", "show", change)


def at_once(site: Site, *commands: tuple[str | Path, ...]) -> list[tuple[int, str]]:
    """The commands from as many terminals at the same moment."""
    begun = [
        subprocess.Popen([OPSBOOK, *words], env=site.environment, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for words in commands
    ]  # fmt: skip
    ended = [process.communicate(timeout=300) for process in begun]
    return [(p.returncode, out + err) for p, (out, err) in zip(begun, ended, strict=True)]


def test_of_two_who_apply_at_once_exactly_one_does(site: Site, change: str) -> None:
    told = at_once(site, ("apply", change), ("apply", change))
    codes = sorted(code for code, _ in told)
    assert codes[0] == Exit.DONE, told
    assert codes[1] in (Exit.REFUSED, Exit.BUSY), told
    runs = site.json("records", "show", change)["runs"]
    assert len([run for run in runs if run["phase"] == "apply"]) == 1
    assert site.notice("h1") == "new"


def test_two_plans_at_once_are_two_changes(site: Site) -> None:
    words = ("plan", "notice", "-e", site.estate, "-l", "h1", "--reason", "x",
             "--set", "words=new", "--json")  # fmt: skip
    told = at_once(site, words, words)
    assert [code for code, _ in told] == [0, 0], told
    assert len({json.loads(out)["change"] for _, out in told}) == 2


def test_who_cancels_or_signs_while_somebody_applies_is_told_so(site: Site, change: str) -> None:
    sign = ("approve", change, "--key", site.key(SECOND), "--yes")
    applied, cancelled, signed = at_once(
        site, ("apply", change), ("cancel", change, "--reason", "no"), sign
    )
    if cancelled[0] == Exit.DONE:
        assert applied[0] in (Exit.REFUSED, Exit.BUSY), applied
        assert site.notices() == site.former
    else:
        assert cancelled[0] in (Exit.REFUSED, Exit.BUSY), cancelled
        assert applied[0] in (Exit.DONE, Exit.BUSY), applied
    assert signed[0] in (Exit.DONE, Exit.REFUSED, Exit.BUSY), signed  # before, or too late
    assert "Traceback" not in applied[1] + cancelled[1] + signed[1]


def test_values_are_never_templates(site: Site, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    hostile = f"{{{{ lookup('pipe', 'touch {proof}') }}}} !unsafe $(touch {proof}) \x1b[31m\u202e"
    change = str(site.json(
        "plan", "notice", "-e", site.estate, "-l", "h1", "--reason", hostile,
        "--set", f"words={hostile}",
    )["change"])  # fmt: skip
    for page in (site.good("plan", "explain", change), site.good("plan", "show", change)):
        assert "\x1b" not in page
        assert "\u202e" not in page
    site.approve(change)
    site.good("apply", change)
    assert site.notice("h1") == hostile
    assert not proof.exists()


BAD = [
    (("plan", "notice", "{e}", "--window", "soon"), 64, "no window named soon", "没有名为 soon"),
    (
        ("plan", "notice", "{e}", "--window", "2027-01-02T10:00/2027-01-01T10:00"),
        64,
        "ends before it begins",
        "早于",
    ),
    (("plan", "notice", "{e}", "--window", "a/b/c"), 64, "is no window", "不是变更窗口"),
    (("plan", "notice", "{e}", "--valid", "0s"), 64, "more than no time", "有效期"),
    (("plan", "notice", "{e}", "--valid", "999999h"), 64, "at most 366 days", "366"),
    (("plan", "notice", "{e}", "--valid", "soon"), 64, "is no duration", "soon"),
    (("plan", "notice", "{e}", "--first", "9" * 30), 64, "--first", "--first"),
    (("plan", "notice", "{e}", "--limit", "nobody"), 65, "no host and no group", "nobody"),
    (("plan", "notice", "{e}", "--set", "word=x"), 65, "did you mean words", "words"),
    (("plan", "notice", "{e}", "--set", "words=\udcff"), 65, "must be text in UTF-8", "UTF-8"),
    (("plan", "notice", "{e}", "--reason", "\udcff"), 64, "not UTF-8", "UTF-8"),
    (("plan", "notice", "{e}", "--reason", "x" * 100_000), 64, "longer than 2000", "2000"),
    (("plan", "notice", "{e}", "--on-drift", "ignore"), 64, "skip, stop", "skip, stop"),
    (("plan", "log_retention", "{e}"), 12, "needs no plan", "不需要方案"),
    (("plan", "nosuch", "{e}"), 64, "no runbook named nosuch", "nosuch"),
    (("plan", "show", "/etc/passwd"), 65, "is not JSON", "/etc/passwd"),
    (("apply", "CHG-20260101-999"), 64, "There is no change", "没有变更"),
    (("undo", "x'; DROP TABLE events; --"), 64, "There is no change", "没有变更"),
    (("resume", "CHG-20260101-999"), 64, "There is no change", "没有变更"),
]


@pytest.mark.parametrize(("words", "code", "english", "chinese"), BAD, ids=lambda part: None)
def test_what_cannot_be_is_one_sentence_in_both_languages(
    site: Site, words: tuple[str, ...], code: int, english: str, chinese: str
) -> None:
    usual = ["-e", str(site.estate)] + ([] if "--reason" in words else ["--reason", "x"])
    asked = [part for word in words for part in (usual if word == "{e}" else [word])]
    for language, part in (("en", english), ("zh", chinese)):
        told = site.typed(*asked, OPSBOOK_LANG=language)
        assert told.returncode == code, told.stderr
        assert part in told.stderr
        assert "Traceback" not in told.stderr
    assert site.notices() == site.former


@pytest.mark.parametrize(
    ("calendar", "words"),
    [
        (f"{{freezes: [{SPANS}, {SPANS}]}}", "written more than once"),
        ("{imports: [bad.ics]}", "bad.ics"),
        ("{imports: [../../etc/passwd]}", "imports"),
        ("{freezes: [{name: x, from: '2026-02-30', to: never}]}", "freezes"),
    ],
)
def test_nonsense_in_a_calendar_is_told_before_anything(
    site: Site, change: str, calendar: str, words: str
) -> None:
    (site.estate / "bad.ics").write_text(ICS, encoding="utf-8")
    with (site.estate / "estate.yml").open("a", encoding="utf-8") as file:
        file.write(f"calendar: {calendar}\n")
    for asked in (("plan", "notice", "-e", site.estate, "--reason", "x"), ("apply", change)):
        told = site.typed(*asked)
        assert told.returncode == Exit.BAD_INPUT, told.stderr
        assert words in told.stderr
        assert "Traceback" not in told.stderr
    assert site.notices() == site.former


def test_a_full_disk_stops_planning_signing_and_applying_and_nothing_is_half_done(
    site: Site, made: Made, tmp_path: Path
) -> None:
    change, unsigned = made.approved, made.unsigned
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], check=True)
    try:
        shutil.copytree(site.state, small, dirs_exist_ok=True)
        with (small / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(b"x" * 4096)
        for asked in (
            ("plan", "notice", "-e", site.estate, "--reason", "x", "--set", "words=new"),
            ("approve", unsigned, "--key", site.key(APPROVER), "--yes"),
            ("apply", change),
        ):
            told = site.run(*asked, OPSBOOK_STATE=str(small))
            assert told.returncode in (Exit.BAD_INPUT, Exit.REFUSED), told.stderr
            assert "Traceback" not in told.stderr
            said = told.stdout + told.stderr
            assert "No space left" in said or "Make room" in said
            assert "None cannot be written" not in said
            assert "Nothing would change" not in said
        (small / "filler").unlink()
        assert site.notices() == site.former
        for asked in (("records", "verify"), ("apply", change)):
            told = site.run(*asked, OPSBOOK_STATE=str(small))
            assert told.returncode == Exit.DONE, told.stderr
    finally:
        subprocess.run(["umount", small], check=True)


def test_killed_at_any_moment_and_resumed_no_finished_host_is_touched_again(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path / "site", hosts=2)
    change = site.approved("--set", "words=new")
    whole, finished = _applied_in(site, change, tmp_path / "whole"), set[str]()
    for number, moment in enumerate((0.3, 0.5, 0.75, 1.0)):
        _reset(site)
        state = tmp_path / f"state{number}"
        shutil.copytree(site.state, state)
        _kill(site, change, state, after=whole * moment)
        done = _finished(state, site)
        before = {host: _touched(site, host) for host in done}
        finished |= set(done)
        for _ in range(5):
            verb = _next(site, change, state)
            if verb is not None:
                told = site.run(verb, change, OPSBOOK_STATE=str(state))
                assert told.returncode in (Exit.DONE, Exit.HOST_FAILED), told.stderr
        assert site.notices() == site.new
        assert {host: _touched(site, host) for host in done} == before
        assert site.run("records", "verify", OPSBOOK_STATE=str(state)).returncode == Exit.DONE
    assert finished, "some were killed late enough to prove something"


def _next(site: Site, change: str, state: Path) -> str | None:
    """What whoever finds the change like this types: a host that was caught midway is brought
    back, which stops the run, so it may be more than once; None when it is applied.
    """
    told = site.run("records", "show", change, "--json", OPSBOOK_STATE=str(state))
    stands = json.loads(told.stdout)["state"]
    return {"approved": "apply", "applying": "resume", "stopped": "resume", "applied": None}[stands]


def _applied_in(site: Site, change: str, state: Path) -> float:
    """Seconds that applying takes on a copy of the state."""
    shutil.copytree(site.state, state)
    begun = time.monotonic()
    told = site.run("apply", change, OPSBOOK_STATE=str(state))
    assert told.returncode == Exit.DONE, told.stderr
    return time.monotonic() - begun


def _kill(site: Site, change: str, state: Path, *, after: float) -> None:
    process = subprocess.Popen(
        [OPSBOOK, "apply", change],
        env=site.environment | {"OPSBOOK_STATE": str(state)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)  # what it had started dies of its death


def _finished(state: Path, site: Site) -> list[str]:
    """Hosts that the killed process left as changed and verified."""
    query = "SELECT host, payload FROM events WHERE kind = 'host.verified' AND seq > ?"
    with closing(sqlite3.connect(site.state / "ledger.db")) as database:
        (last,) = database.execute("SELECT max(seq) FROM events").fetchone()
    with closing(sqlite3.connect(state / "ledger.db")) as database:
        found = [(host, json.loads(data)) for host, data in database.execute(query, (last,))]
    return [host for host, verified in found if not verified["failed"]]


def _touched(site: Site, host: str) -> list[tuple[int, int]]:
    """What the host's own file system says of when its files were written."""
    found = [(site.place(host) / name).stat() for name in ("notice", "notice.before")]
    return [(status.st_ino, status.st_mtime_ns) for status in found]


def _reset(site: Site) -> None:
    """Hosts as before any change, without markers."""
    for host in site.hosts:
        for path in site.place(host).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in ("notice", "notice.before"):
            (site.place(host) / name).write_text("former\n", encoding="utf-8")
