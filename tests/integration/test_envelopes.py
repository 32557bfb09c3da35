"""Envelopes from draft to revocation by the real command: what stays inside runs unattended, what
would step outside is refused before any host is touched, and recorded.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsbook.ledger import resources
from opsbook.ledger.store import open_ledger
from opsbook.lifecycle.conduct.carrying import held
from opsbook.model.clock import SystemClock
from opsbook.model.exits import Exit
from opsbook.model.places import Places
from support.changes import APPROVER, SECOND, Site, make_site

SCHEDULE = """schedules:
  - name: nightly_notice
    runbook: notice
    when: {at: "02:00", days: daily}
    parameters: {words: new}
windows:
  - {name: open, days: [workday, restday], from: "00:00", to: "24:00"}
"""


Made = tuple[Site, str]


def _site(directory: Path) -> Site:
    site = make_site(directory / "site", hosts=2)
    runbook = site.root / "catalog" / "notice" / "runbook.yml"
    text = runbook.read_text(encoding="utf-8").replace("class: normal", "class: standard")
    runbook.write_text(text, encoding="utf-8")
    with (site.estate / "estate.yml").open("a", encoding="utf-8") as file:
        file.write(SCHEDULE)
    return site


@pytest.fixture(scope="module")
def once_bare(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = _site(tmp_path_factory.mktemp("bare"))
    site.keep()
    return site


@pytest.fixture(scope="module")
def once_standing(tmp_path_factory: pytest.TempPathFactory) -> Made:
    site = _site(tmp_path_factory.mktemp("standing"))
    change = stands(site)
    site.keep()
    return site, change


@pytest.fixture(scope="module")
def once_stopped(tmp_path_factory: pytest.TempPathFactory) -> Made:
    site = _site(tmp_path_factory.mktemp("stopped"))
    change = stands(site)
    (site.place("h2") / "fail").touch()
    assert start(site).returncode == Exit.HOST_FAILED
    (site.place("h2") / "fail").unlink()
    site.keep()
    return site, change


@pytest.fixture
def site(once_bare: Site) -> Iterator[Site]:
    """No envelope stands."""
    yield once_bare
    once_bare.rewind()


@pytest.fixture
def standing(once_standing: Made) -> Iterator[Made]:
    """One envelope stands."""
    yield once_standing
    once_standing[0].rewind()


@pytest.fixture
def stopped(once_stopped: Made) -> Iterator[Made]:
    """One stands, and a run under it stopped at h2, which would now do well."""
    yield once_stopped
    once_stopped[0].rewind()


def draft(site: Site, *words: str) -> str:
    made = site.json(
        "envelope", "draft", "notice", "-e", site.estate, "--reason", "every night", "--until",
        "2027-06-30", *(words or ("--allow", "words=new|newer", "--window", "open")),
    )  # fmt: skip
    return str(made["change"])


def stands(site: Site, *words: str) -> str:
    change = draft(site, *words)
    for principal in (APPROVER, SECOND):
        site.approve(change, principal)
    return change


def start(site: Site, words: str = "new", *more: str) -> subprocess.CompletedProcess[str]:
    return site.typed("run", "notice", "-e", site.estate, "--set", f"words={words}", *more)


def refused(site: Site, done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == Exit.REFUSED, done.stderr + done.stdout
    for word in words:
        assert word in done.stderr
    assert "the refusal is recorded as RUN-" in done.stderr
    assert site.notices() == site.former


def test_without_an_envelope_nothing_runs(site: Site) -> None:
    refused(site, start(site), "No envelope stands for notice", "opsbook envelope draft notice")


def test_a_draft_allows_nothing_until_its_quorum_has_signed(site: Site) -> None:
    change = draft(site)
    refused(site, start(site), "No envelope stands")
    site.approve(change)
    refused(site, start(site), "No envelope stands")
    site.approve(change, SECOND)
    assert start(site, "new", "-l", "h1").returncode == Exit.DONE
    assert site.notice("h1") == "new"


def test_night_jobs_run_under_it_again_and_again(standing: Made) -> None:
    site, change = standing
    nightly = ("schedule", "run", "nightly_notice", "-e", site.estate)
    assert site.typed(*nightly).returncode == Exit.DONE
    assert site.notices() == site.new
    assert start(site, "newer", "-l", "h1").returncode == Exit.DONE
    assert site.notices() == ["newer", "new"]
    assert site.typed(*nightly).returncode == Exit.DONE
    assert site.notices() == site.new
    nothing_to_do = start(site, "new", "-l", "h1", "--json")
    assert nothing_to_do.returncode == Exit.DONE, nothing_to_do.stderr
    assert "failed" not in json.loads(nothing_to_do.stdout)["counts"]
    shown = site.json("envelope", "show", change)
    assert shown["state"] == "standing"
    assert [run["state"] for run in shown["runs"]] == ["closed"] * 4
    record = site.json("records", "show", shown["runs"][0]["run"])
    assert record["change"] == change
    assert site.json("envelope", "list", "-e", str(site.estate))[0]["runs"] == 4
    site.good("records", "verify")


@pytest.mark.parametrize(
    ("range_", "value", "words"),
    [
        (("--allow", "words=new|newer"), "old", ["words may not be old"]),
        (("--allow", "words=new"), "new' | x", ["words may not be"]),
        (("--window", "open"), "new", ["words may not be new"]),
    ],
)
def test_a_parameter_out_of_range_is_refused(
    site: Site, range_: tuple[str, ...], value: str, words: list[str]
) -> None:
    change = stands(site, *range_)
    refused(site, start(site, value), change, *words)
    assert len(site.json("envelope", "show", change)["refusals"]) == 1


def test_a_host_that_is_not_in_it_is_refused_and_those_in_it_run(site: Site) -> None:
    stands(site, "--allow", "words=*", "-l", "h1")
    refused(site, start(site), "h2 is not one of its hosts")
    assert start(site, "new", "-l", "h1").returncode == Exit.DONE
    assert site.notices() == ["new", "former"]


def test_more_hosts_or_changes_than_it_allows_are_refused(site: Site) -> None:
    stands(site, "--allow", "words=*", "--most-hosts", "1")
    refused(site, start(site), "2 hosts would change and it allows 1")
    (site.place("h1") / "notice.before").write_text("two changes are foreseen\n", encoding="utf-8")
    stands(site, "--allow", "words=*", "--most-items", "1")
    refused(site, start(site, "new", "-l", "h1"), "2 changes on h1 and it allows 1")


def test_changed_code_must_be_signed_again(standing: Made) -> None:
    site, _ = standing
    playbook = site.root / "catalog" / "notice" / "playbook.yml"
    playbook.write_text(playbook.read_text(encoding="utf-8") + "# x\n", encoding="utf-8")
    refused(site, start(site), "the code of runbook notice changed, so it must be signed again")
    stands(site)
    assert start(site, "new", "-l", "h1").returncode == Exit.DONE


def test_a_closed_window_and_a_freeze_of_today_hold_a_run_back(site: Site) -> None:
    once = "2027-01-01T01:00/2027-01-01T05:00"
    stands(site, "--allow", "words=*", "--window", once)
    refused(site, start(site), "outside the window", "the next opening is 2027-01-01 01:00 +08:00")
    stands(site)
    with (site.estate / "estate.yml").open("a", encoding="utf-8") as file:
        file.write("calendar: {freezes: [{name: audit, from: '2020-01-01', to: '2099-12-31'}]}\n")
    refused(site, start(site), "the freeze audit lasts until")


def test_a_revoked_envelope_allows_nothing_and_tells_why_it_ended(standing: Made) -> None:
    site, change = standing
    site.good("envelope", "revoke", change, "--reason", "no longer wanted")
    refused(site, start(site), "No envelope stands")
    shown = site.json("envelope", "show", change)
    assert shown["state"] == "revoked"
    assert shown["cancelled"]["reason"] == "no longer wanted"
    assert site.typed("envelope", "revoke", change, "--reason", "x").returncode == Exit.REFUSED


def test_a_revocation_cut_off_the_ledger_stops_every_run_and_nothing_is_written_over(
    standing: Made,
) -> None:
    site, change = standing
    site.good("envelope", "revoke", change, "--reason", "no longer wanted")
    with sqlite3.connect(site.state / "ledger.db") as ledger:
        ledger.execute("DELETE FROM events WHERE kind = 'change.revoked'")
    before = open_ledger(Places(site.state), SystemClock()).newest()
    done = start(site)
    assert done.returncode == Exit.FAULT, done.stderr
    assert "is not what the last checkpoint signed" in done.stderr
    assert site.notices() == site.former
    assert open_ledger(Places(site.state), SystemClock()).newest() == before


def test_an_estate_that_lost_its_witness_plans_drafts_and_runs_nothing(
    standing: Made,
) -> None:
    site, _ = standing
    with (site.estate / "estate.yml").open("a", encoding="utf-8") as file:
        file.write("policies: {require_witness: true}\n")
    refused(site, start(site), "requires a witness and names none")
    asked = ("notice", "-e", site.estate, "--reason", "x")
    for words in (("plan", *asked), ("envelope", "draft", *asked, "--until", "2027-06-30")):
        done = site.typed(*words)
        assert done.returncode == Exit.REFUSED
        assert "requires a witness and names none" in done.stderr


def test_files_of_the_approver_policy_that_differ_are_refused(standing: Made) -> None:
    site, _ = standing
    signers = site.estate / "allowed_signers"
    former = signers.read_text(encoding="utf-8")
    signers.write_text(former + "# one byte more\n", encoding="utf-8")
    refused(site, start(site), "policy")
    signers.write_text(former, encoding="utf-8")
    assert start(site, "new", "-l", "h1").returncode == Exit.DONE


def _run(made: Made) -> str:
    """The number of the run under the envelope."""
    site, change = made
    shown = site.json("envelope", "show", change)
    assert shown["state"] == "standing", "a run that failed leaves the envelope standing"
    return str(shown["runs"][0]["run"])


def test_a_run_under_a_revoked_envelope_is_not_resumed(stopped: Made) -> None:
    site, change = stopped
    run = _run(stopped)
    site.good("envelope", "revoke", change, "--reason", "stop it")
    done = site.typed("resume", run)
    assert done.returncode == Exit.REFUSED
    assert "it was revoked" in done.stderr


def test_a_resume_beside_a_living_process_records_nothing(stopped: Made) -> None:
    site, run = stopped[0], _run(stopped)
    ledger = open_ledger(Places(site.state), SystemClock())
    before = ledger.newest()
    with held(ledger, resources.of_run("here", run), run):
        assert site.run("resume", run).returncode == Exit.BUSY
    assert ledger.newest() == before
    site.good("resume", run)
    assert site.notices() == site.new
    assert _run(stopped) == run
    again = site.typed("resume", run)
    assert again.returncode == Exit.USAGE
    assert "has ended" in again.stderr


def test_variables_that_changed_since_are_not_resumed_with(stopped: Made) -> None:
    site, run = stopped[0], _run(stopped)
    hosts = site.estate / "hosts.yml"
    former = hosts.read_text(encoding="utf-8")
    hosts.write_text(former.replace("{ansible", "{extra: 1, ansible", 1), encoding="utf-8")
    done = site.typed("resume", run)
    assert done.returncode == Exit.REFUSED
    assert "no longer as it was planned: The variables in hosts.yml have changed" in done.stderr
    assert site.notice("h2") == "former"


def also(site: Site, task: str) -> None:
    """The playbook does ``task`` on every host after its own."""
    playbook = site.root / "catalog" / "notice" / "playbook.yml"
    with playbook.open("a", encoding="utf-8") as file:
        file.write(f"    - name: And\n      ansible.builtin.command: {task}\n"
                   "      changed_when: false\n")  # fmt: skip


def test_variables_that_change_during_a_run_stop_it_before_the_next_wave(site: Site) -> None:
    also(site, f"cp {site.root}/other.yml {site.estate}/hosts.yml")
    text = (site.estate / "hosts.yml").read_text(encoding="utf-8")
    (site.root / "other.yml").write_text(text + "# more\n", encoding="utf-8")
    stands(site)
    done = start(site)
    assert "This run is no longer as it was planned" in done.stderr
    assert site.notices() == ["new", "former"]


def test_a_sister_run_does_not_enter_a_host_where_another_was_cut_off(site: Site) -> None:
    also(site, "cp {{ place }}/lease.json {{ place }}/lease.kept")
    stands(site)
    assert start(site, "new", "-l", "h1").returncode == Exit.DONE
    shutil.copy(site.place("h1") / "lease.kept", site.place("h1") / "lease.json")
    done = start(site, "newer", "-l", "h1")
    assert done.returncode == Exit.BUSY, done.stderr
    assert "was cut off there" in done.stdout + done.stderr
    assert site.notice("h1") == "new"


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("--allow", "colour=red"), Exit.BAD_INPUT, "colour: unknown"),
        (("--window", "never"), Exit.USAGE, "no window named never"),
        (("--allow", "words"), Exit.USAGE, "not of the form name=value"),
        (("-l", "nowhere"), Exit.BAD_INPUT, "nowhere"),
    ],
)
def test_a_wrong_draft_is_refused(
    site: Site, words: tuple[str, ...], exit_code: Exit, said: str
) -> None:
    done = site.typed("envelope", "draft", "notice", "-e", site.estate, "--reason", "x", "--until",
                    "2027-06-30", *words)  # fmt: skip
    assert done.returncode == exit_code, done.stderr
    assert said in done.stderr
    assert site.json("envelope", "list") == []


def test_without_a_window_it_has_the_only_one_of_the_estate(site: Site) -> None:
    plan = site.json("plan", "show", draft(site, "--allow", "words=*"))
    assert [window["name"] for window in plan["envelope"]["windows"]] == ["open"]
    with (site.estate / "estate.yml").open("a", encoding="utf-8") as file:
        file.write('  - {name: night, days: [workday], from: "00:00", to: "05:00"}\n')
    done = site.typed("envelope", "draft", "notice", "-e", site.estate, "--reason", "x", "--until",
                    "2027-06-30")  # fmt: skip
    assert done.returncode == Exit.USAGE
    assert "Choose one with --window" in done.stderr


@pytest.mark.parametrize("until", ["2020-01-01", "soon", "2199-12-31", "2027-02-30"])
def test_an_end_that_is_none_is_refused(site: Site, until: str) -> None:
    done = site.typed("envelope", "draft", "notice", "-e", site.estate, "--reason", "x", "--until",
                    until)  # fmt: skip
    assert done.returncode == Exit.USAGE
    assert "--until" in done.stderr


def test_only_standard_runbooks_have_envelopes(site: Site) -> None:
    done = site.typed("envelope", "draft", "host_survey", "-e", site.estate, "--reason", "x",
                    "--until", "2027-06-30")  # fmt: skip
    assert done.returncode == Exit.REFUSED
    assert "only standard runbooks" in done.stderr
