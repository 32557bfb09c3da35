"""Night jobs started by Debian's own cron, with the environment that cron gives them.

The daemon runs in mount and process namespaces of its own: it sees no crontab but ours, and what
it mails is kept in files by a ``sendmail`` that only it sees.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

OPSBOOK = Path(sys.executable).with_name("opsbook")
ZONE = timedelta(hours=5, minutes=45)
"""Kathmandu: never the control host's own zone, and no whole hours away from most."""

ESTATE = """
schema: 1
name: small
title: {{zh: 小, en: Small}}
timezone: Asia/Kathmandu
on_failure: [/bin/sh, -c, '(cat; echo "$OPSBOOK_RUN") > {heard}.$OPSBOOK_EXIT']
schedules:
  - name: good
    runbook: cron_probe
    limit: good_host
    when: {{at: "{at}"}}
    parameters: {{way: good}}
  - name: slow
    runbook: cron_probe
    limit: slow_host
    when: {{at: "{at}"}}
    parameters: {{way: slow}}
  - name: bad
    runbook: cron_probe
    limit: bad_host
    when: {{at: "{at}"}}
    parameters: {{way: bad}}
"""
HOSTS = """
all:
  vars: {ansible_connection: local}
  hosts: {good_host: {}, slow_host: {}, bad_host: {}}
"""
RUNBOOK = """
schema: 1
name: cron_probe
title: {zh: 探测, en: Probe}
purpose: {zh: 探测, en: Probe}
class: routine
risk: {level: low, why: {zh: 只读, en: Reads only}}
restore_point: {kind: none, why: {zh: 只读, en: Reads only}}
work: {playbook: playbook.yml}
undo: {kind: none, why: {zh: 只读, en: Reads only}}
predicted_duration: 1m
method: {zh: 探测, en: Probe}
tools: []
records: []
parameters:
  - name: way
    type: choice
    choices: [good, slow, bad]
    default: good
    example: good
    help: {zh: 方式, en: Way}
"""
PLAYBOOK = """
- name: Probe
  hosts: all
  gather_facts: false
  tasks:
    - name: Take a while
      ansible.builtin.wait_for:
        timeout: "{{ 12 if way == 'slow' else 1 }}"
    - name: Fail when asked to
      ansible.builtin.fail:
        msg: the probe was asked to fail
      when: way == 'bad'
"""
SENDMAIL = "#!/bin/sh\ncat > {mails}/$$\n"
DAEMON = """
set -e
mount --bind {root}/spool /var/spool/cron/crontabs
mount --bind {root}/empty /etc/crontab
mount --bind {root}/none /etc/cron.d
mount -t tmpfs tmpfs /run
mount -t overlay -o lowerdir={root}/sbin:/usr/sbin overlay /usr/sbin
exec env -i /usr/sbin/cron -f
"""


class Cron:
    """A cron of our own below ``root``; ``opsbook`` calls the command the way a person does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mails = root / "mails"
        self.heard = root / "heard"
        self.estate = root / "an estate"
        self.environment = os.environ | {
            "OPSBOOK_STATE": str(root / "state-50%"),
            "OPSBOOK_RUNBOOKS": str(root / "runbooks"),
            "OPSBOOK_LANG": "en",
        }
        for name in ("spool", "none", "sbin", "mails", "runbooks/cron_probe"):
            (root / name).mkdir(parents=True)
        (root / "empty").touch()
        (root / "runbooks/cron_probe/runbook.yml").write_text(RUNBOOK)
        (root / "runbooks/cron_probe/playbook.yml").write_text(PLAYBOOK)
        sendmail = root / "sbin/sendmail"
        sendmail.write_text(SENDMAIL.format(mails=self.mails))
        sendmail.chmod(0o755)

    def declare(self, at: str) -> None:
        self.estate.mkdir(exist_ok=True)
        (self.estate / "estate.yml").write_text(ESTATE.format(at=at, heard=self.heard))
        (self.estate / "hosts.yml").write_text(HOSTS)

    def opsbook(self, *words: str) -> str:
        done = subprocess.run(
            [OPSBOOK, *words], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def install(self, lines: str) -> None:
        tab = self.root / "spool" / "root"
        tab.write_text(lines)
        tab.chmod(0o600)

    def daemon(self) -> subprocess.Popen[bytes]:
        script = DAEMON.format(root=self.root)
        flags = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        return subprocess.Popen(["unshare", *flags, "/bin/sh", "-c", script])

    def mailed(self) -> list[str]:
        """The bodies of what cron mailed."""
        texts = [path.read_text() for path in self.mails.iterdir()]
        return sorted(text.partition("\n\n")[2] for text in texts)

    def records(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.opsbook("records", "list", "--json"))
        return found


@pytest.fixture
def cron(tmp_path: Path) -> Cron:
    return Cron(tmp_path)


def wait(until: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < limit, "nothing happened in time"
        time.sleep(0.5)


@pytest.mark.slow
def test_cron_runs_exported_jobs_refuses_overlaps_and_tells_failures(cron: Cron) -> None:
    """Three jobs due in the same minute; the line of the slow one stands in the crontab twice."""
    due = (datetime.now(UTC) + ZONE + timedelta(seconds=75)).replace(second=0)
    cron.declare(due.strftime("%H:%M"))
    lines = cron.opsbook("schedule", "export", "--cron", "-e", str(cron.estate)).splitlines()
    doubled = next(line for line in lines if " schedule run slow " in line)
    cron.install("\n".join([*lines, doubled]) + "\n")
    daemon = cron.daemon()
    try:
        wait(lambda: len(cron.mailed()) == 2, 400)
        wait(lambda: [row["state"] for row in cron.records()].count("closed") == 3, 200)
    finally:
        daemon.kill()
        daemon.wait()
    ended = [row["exit"] for row in cron.records() if row["state"] == "closed"]
    refused = [row for row in cron.records() if row["state"] == "refused"]
    assert (sorted(ended), len(refused)) == ([0, 0, 10], 1)
    failed, overlap = sorted(cron.mailed(), key=lambda text: "exit code 13" in text)
    assert failed.startswith("opsbook: the night job bad (cron_probe) of estate small ended with ")
    assert "exit code 10" in failed
    assert "bad_host" in failed
    assert len(failed.splitlines()) == 1
    assert "An earlier start of slow on estate small is still at work" in overlap
    told = Path(f"{cron.heard}.10").read_text().splitlines()
    assert told[0] == failed.strip()
    assert told[1] in failed
    assert Path(f"{cron.heard}.13").exists()
    for row in cron.records():
        record = json.loads(cron.opsbook("records", "show", str(row["run"]), "--json"))
        assert record["who"]["origin"] == "cron"
        assert record["who"]["schedule"] in ("good", "slow", "bad")


def test_a_job_works_with_nothing_in_its_environment(cron: Cron) -> None:
    cron.declare("02:10")
    lines = cron.opsbook("schedule", "export", "--cron", "-e", str(cron.estate)).splitlines()
    line = next(line for line in lines if " schedule run good " in line)
    command = line.split(None, 5)[5].replace("\\%", "%")
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={}, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert [row["state"] for row in cron.records()] == ["closed"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("runbook: cron_probe", "runbook: cron_prob", "no runbook named cron_prob"),
        ('at: "02:10"', 'at: "25:10"', "25:10"),
        ("way: slow", "way: slwo", "way must be one of"),
        ("name: bad\n", "name: good\n", "named twice"),
    ],
)
def test_a_wrong_declaration_is_one_clear_sentence(
    cron: Cron, old: str, new: str, words: str
) -> None:
    cron.declare("02:10")
    file = cron.estate / "estate.yml"
    file.write_text(file.read_text().replace(old, new))
    done = subprocess.run(
        [OPSBOOK, "schedule", "export", "--cron", "-e", str(cron.estate)],
        env=cron.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 65
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missed_night_is_recorded_once_by_many_processes_at_once(cron: Cron) -> None:
    """The look of two days ago is put into the ledger; then eight processes look together."""
    cron.declare("02:10")
    seed = (
        "from datetime import *; from pathlib import Path; from opsbook.ledger.store import *;"
        "from opsbook.model.places import Places; from opsbook.scheduler.missed import *;"
        "from opsbook.execution.declared.declarations import load_estate; import sys\n"
        "class Past:\n"
        "    def now(self): return datetime.now(UTC) - timedelta(days=3)\n"
        "places = Places.from_env(); clock = Past()\n"
        "record_missed(load_estate(sys.argv[1], places), open_ledger(places, clock), clock)\n"
    )
    argv = [sys.executable, "-c", seed, str(cron.estate)]
    subprocess.run(argv, env=cron.environment, check=True)
    check = [OPSBOOK, "schedule", "check", "-e", str(cron.estate), "--json"]
    looking = [
        subprocess.Popen(check, env=cron.environment, stdout=subprocess.PIPE) for _ in range(6)
    ]
    told = [row for process in looking for row in json.loads(process.communicate()[0])]
    assert [process.returncode for process in looking] == [0] * 6
    due = [(row["schedule"], row["due"]) for row in told]
    assert len(due) == len(set(due)) == len(cron.records())
    assert {len([d for d in due if d[0] == name]) for name in ("good", "slow", "bad")} <= {2, 3}
    assert json.loads(cron.opsbook("schedule", "check", "-e", str(cron.estate), "--json")) == []
