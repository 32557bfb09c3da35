"""Changes through the real ansible-core: recorded before written, compared, marked, undone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles.jobs import MemorySink, make_estate, make_job, make_runbook
from opsbook.execution.ansible.change import PlaybookChange
from opsbook.execution.work import HostReport, Job, Standing
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome
from opsbook.model.plan import HostPlan, Item, Outlook

CANARY = "k4n4rienvogel-9c1e"
HERE = """\
all:
  vars: {ansible_connection: local, opsbook_lease_directory: %s}
  hosts: {here: {}}
"""
UNDO = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: take it away
      ansible.builtin.file: {path: '{{ there }}/out', state: absent}
    - name: tell
      ansible.builtin.debug: {msg: done}
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    return tmp_path / "catalog"


def tasks(*lines: str) -> str:
    return "- hosts: all\n  gather_facts: false\n  tasks:\n" + "".join(
        f"    - {line}\n" for line in lines
    )


WRITE = "{name: write, ansible.builtin.copy: {content: new, dest: '{{ there }}/out'}}"


def job_of(tmp_path: Path, catalog: Path, playbook: str, **files: str) -> Job:
    folder = make_runbook(catalog, "work", playbook, **{"undo.yml": UNDO, **files})
    declared = (folder / "runbook.yml").read_text()
    undo = "undo: {kind: playbook, playbook: undo.yml,"
    declared = declared.replace("undo: {kind: none,", undo)
    (folder / "runbook.yml").write_text(declared.replace("class: routine", "class: normal"))
    estate = make_estate(tmp_path / "estate", HERE % (tmp_path / "marker"))
    job = make_job(estate, "work", tmp_path / "state", there=str(tmp_path))
    return replace(job, change="CHG-20261121-001", tokens={"here": 7})


def planned(job: Job) -> Job:
    found = PlaybookChange().forecast(job.inventory.hosts, job)
    plans = {name: plan for name, plan in found.items() if isinstance(plan, HostPlan)}
    assert plans.keys() == found.keys(), found
    return replace(job, plans=plans)


def given(job: Job, *changing: str) -> Job:
    """The job with a plan written by hand, where what is foreseen is not the question."""
    items = tuple(Item(f"task:{name}#1", msg("{name}", name=name), "-", "-") for name in changing)
    return replace(job, plans={"here": HostPlan("here", Outlook.CHANGE, items=items)})


def perform(job: Job, sink: MemorySink | None = None) -> MemorySink:
    sink = sink or MemorySink()
    PlaybookChange().perform(job.inventory.hosts, job, sink)
    return sink


def marker(tmp_path: Path) -> dict[str, Any]:
    return dict(json.loads((tmp_path / "marker" / "lease.json").read_text()))


def said(report: HostReport) -> list[str]:
    return [message.english() for message in report.deviations]


def test_what_was_planned_is_done_and_told_item_by_item(tmp_path: Path, catalog: Path) -> None:
    job = planned(job_of(tmp_path, catalog, tasks(WRITE)))
    sink = perform(job)
    report = sink.reports["here"]
    assert report.outcome is Outcome.CHANGED
    assert said(report) == []
    assert report.evidence["actual"] == {"task:write#1": {"changed": True}}
    assert (tmp_path / "out").read_text() == "new"
    assert marker(tmp_path)["until"] == 0


def test_what_was_not_planned_and_what_did_not_happen_are_deviations(
    tmp_path: Path, catalog: Path
) -> None:
    more = "{name: more, ansible.builtin.copy: {content: x, dest: '{{ there }}/more'}}"
    job = given(job_of(tmp_path, catalog, tasks(WRITE, more)), "write")
    (tmp_path / "out").write_text("new")
    assert said(perform(job).reports["here"]) == [
        "task write was predicted to change and did not",
        "task more was not predicted to change and did",
    ]


PREPARE = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({}, supports_check_mode=True)
module.exit_json(changed=False, opsbook_prepared={"kept": "%s"})
"""


class _SlowSink(MemorySink):
    """Takes its time to make the fact durable, and looks whether anything was written by then."""

    def __init__(self, file: Path, *, broken: bool = False) -> None:
        super().__init__()
        self.file = file
        self.broken = broken
        self.written_before: bool | None = None

    def prepared(self, host: str, material: Mapping[str, Any]) -> None:
        time.sleep(0.5)
        self.written_before = self.file.exists()
        if self.broken:
            raise OSError("the ledger's disk is full")
        super().prepared(host, material)


def prepared_first(tmp_path: Path, catalog: Path) -> Job:
    playbook = tasks("{name: keep, prepare: {}}", "{name: keep again, prepare: {}}", WRITE)
    job = job_of(tmp_path, catalog, playbook, **{"library/prepare.py": PREPARE % CANARY})
    return given(job, "write")


def test_nothing_is_written_before_what_undo_needs_is_recorded(
    tmp_path: Path, catalog: Path
) -> None:
    sink = _SlowSink(tmp_path / "out")
    perform(prepared_first(tmp_path, catalog), sink)
    assert sink.written_before is False
    assert sink.material == {"here": {"kept": CANARY}}
    assert (tmp_path / "out").exists()


def test_where_that_cannot_be_recorded_nothing_is_written(tmp_path: Path, catalog: Path) -> None:
    sink = _SlowSink(tmp_path / "out", broken=True)
    with pytest.raises(OSError, match="disk is full"):
        perform(prepared_first(tmp_path, catalog), sink)
    time.sleep(1)
    assert not (tmp_path / "out").exists()


CHILD = """
import os, sys, pickle
sys.path.insert(0, {tests!r})
sys.path.insert(0, {here!r})
import test_change_performed as t
from pathlib import Path
class Dies(t.MemorySink):
    def prepared(self, host, material):
        os.kill(os.getpid(), 9)
tmp, catalog = Path({tmp!r}), Path({tmp!r}) / "catalog"
t.perform(t.prepared_first(tmp, catalog), Dies())
"""


def test_a_process_that_dies_while_recording_writes_nothing_more(
    tmp_path: Path, catalog: Path
) -> None:
    here = Path(__file__).parent
    code = CHILD.format(tests=str(here.parent), here=str(here), tmp=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    time.sleep(2)
    assert not (tmp_path / "out").exists()
    assert marker(tmp_path)["until"] > 0  # until the run is resumed, or the marker runs out


def test_a_failed_host_is_brought_back(tmp_path: Path, catalog: Path) -> None:
    broken = "{name: breaks, ansible.builtin.command: 'false'}"
    job = given(job_of(tmp_path, catalog, tasks(WRITE, broken)), "write", "breaks")
    sink = perform(job)
    assert sink.reports["here"].outcome is Outcome.FAILED
    assert sink.reports["here"].evidence["actual"]["task:breaks#1"]["failed"] is True
    change, second = PlaybookChange(), MemorySink()
    reports = change.undo(job.inventory.hosts, job, second)
    assert reports["here"].outcome is Outcome.CHANGED
    assert second.begun == [("here", "undo")]
    assert second.reports == {}
    assert not (tmp_path / "out").exists()
    assert change.undo(job.inventory.hosts, job, second)["here"].outcome is Outcome.OK


def test_without_a_playbook_for_it_nothing_is_undone_and_that_is_said(
    tmp_path: Path, catalog: Path
) -> None:
    job = job_of(tmp_path, catalog, tasks(WRITE))
    undo = job.runbook.undo.model_copy(update={"kind": "none", "playbook": None})
    job = planned(replace(job, runbook=job.runbook.model_copy(update={"undo": undo})))
    assert (job.plans["here"].undo.possible, job.plans["here"].undo.total) == (0, 1)
    report = PlaybookChange().undo(job.inventory.hosts, job, MemorySink())["here"]
    assert report.outcome is Outcome.FAILED


def test_a_look_tells_untouched_midway_and_done_apart(tmp_path: Path, catalog: Path) -> None:
    second = "{name: second, ansible.builtin.copy: {content: x, dest: '{{ there }}/second'}}"
    job = planned(job_of(tmp_path, catalog, tasks(WRITE, second)))

    def standing() -> Standing:
        found = PlaybookChange().examine(job.inventory.hosts, job)["here"]
        assert not isinstance(found, Exception)
        return found.standing

    assert standing() is Standing.UNTOUCHED
    (tmp_path / "out").write_text("new")
    assert standing() is Standing.MIDWAY
    (tmp_path / "second").write_text("x")
    assert standing() is Standing.DONE


HOSTILE = "{{ lookup('pipe', 'touch %s') }}{%% raw %%}"


def test_nothing_in_a_plan_is_ever_a_template(tmp_path: Path, catalog: Path) -> None:
    tell = "{name: tell, ansible.builtin.copy: {content: '{{ opsbook_plan | to_json }}',"
    more = " dest: '{{ there }}/out'}}"
    job = planned(job_of(tmp_path, catalog, tasks(tell + more)))
    word = HOSTILE % (tmp_path / "pwned")
    item = Item(f"task:{word}#1", msg("x {word}", word=word), word, word, detail={word: [word]})
    plan = HostPlan("here", Outlook.CHANGE, items=(item,), given={"a": {"b": word}})
    job = replace(job, plans={"here": plan}, parameters={**job.parameters, "unused": word})
    perform(job)
    assert json.loads((tmp_path / "out").read_text()) == plan.to_json()
    assert not (tmp_path / "pwned").exists()


def test_secrets_are_in_no_plan_no_event_and_no_file(tmp_path: Path, catalog: Path) -> None:
    vault = str(Path(sys.executable).with_name("ansible-vault"))
    job = job_of(tmp_path, catalog, tasks(
        "{name: 'put {{ word }}', ansible.builtin.copy: {content: 'key={{ word }}',"
        " dest: '{{ there }}/out'}}",
        "{name: say, ansible.builtin.debug: {msg: '{{ word }}'}, changed_when: true}",
    ))  # fmt: skip
    password = job.estate.directory / ".vault-password"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    sealed = subprocess.run(
        [vault, "encrypt_string", CANARY, "--name", "word"], check=True, capture_output=True,
        text=True, env={**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(password)},
    )  # fmt: skip
    (job.estate.directory / "group_vars").mkdir()
    (job.estate.directory / "group_vars" / "all.yml").write_text(sealed.stdout)
    job = planned(job)
    sink = perform(job)
    assert (tmp_path / "out").read_text() == f"key={CANARY}"
    assert "********" in json.dumps(job.plans["here"].to_json())
    whole = json.dumps([job.plans["here"].to_json(), sink.text(), said(sink.reports["here"])])
    assert CANARY not in whole
    left = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert [path for path in left if CANARY.encode() in path.read_bytes()] == []


OTHERS: dict[str, tuple[dict[str, Any], Outcome | None]] = {
    "of another run, live": ({}, Outcome.BUSY),
    "of another run, run out": ({"until": 1}, None),
    "given back": ({"until": 0}, None),
    "of another boot, still within its time": ({"boot": "other", "seconds": 10**8}, Outcome.BUSY),
    "of another boot, run out": ({"boot": "other", "seconds": 1}, None),
    "of our change": ({"ours": True, "token": 7}, None),
    "of our change, under a later lease": ({"ours": True, "token": 8}, Outcome.REFUSED),
    "given back under a later lease": ({"ours": True, "token": 8, "until": 0}, Outcome.REFUSED),
    "with a huge token": ({"token": 10**30}, Outcome.REFUSED),
    "with a hostile run": ({"run": "$(touch pwned)"}, Outcome.REFUSED),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_marker(name: str, tmp_path: Path, catalog: Path) -> None:
    from opsbook.execution.reach.marker import Markers

    changes, expected = OTHERS[name]
    job = job_of(tmp_path, catalog, tasks(WRITE))
    markers = Markers(job)
    assert markers.take(job.inventory.hosts) == {}
    line = marker(tmp_path)
    if not changes.pop("ours", False):
        line |= {"ledger": "abcdef", "control_host": "ctl2", "run": "RUN-9", "change": "CHG-9"}
    line |= changes
    (tmp_path / "marker" / "lease.json").write_text(json.dumps(line) + "\n")
    refused = markers.take(job.inventory.hosts)
    assert {host: report.outcome for host, report in refused.items()} == (
        {"here": expected} if expected else {}
    )
    if expected is Outcome.BUSY:
        assert "RUN-9 from ctl2" in refused["here"].summary.english()
    if expected is None:
        assert marker(tmp_path)["token"] == 7
    assert not (tmp_path / "marker" / "pwned").exists()


@pytest.mark.parametrize("content", ["{}", "nonsense\n", "\x00" * 50, '{"schema": "x"}\n' * 9])
def test_a_marker_that_cannot_be_understood_is_left_alone(
    content: str, tmp_path: Path, catalog: Path
) -> None:
    (tmp_path / "marker").mkdir()
    (tmp_path / "marker" / "lease.json").write_text(content)
    job = given(job_of(tmp_path, catalog, tasks(WRITE)), "write")
    report = perform(job).reports["here"]
    assert report.outcome is Outcome.REFUSED
    assert "cannot be understood" in report.summary.english()
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "marker" / "lease.json").read_text() == content


def test_of_many_that_want_the_marker_at_once_one_gets_it(tmp_path: Path, catalog: Path) -> None:
    from opsbook.execution.reach.marker import Markers

    job = job_of(tmp_path, catalog, tasks(WRITE))
    jobs = [replace(job, run=f"RUN-{n}", change=f"CHG-{n}") for n in range(12)]
    refused: list[dict[str, HostReport]] = []
    threads = [
        threading.Thread(target=lambda j=j: refused.append(Markers(j).take(j.inventory.hosts)))
        for j in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not answer for answer in refused) == 1


REFUSE = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({}, supports_check_mode=True)
if module.check_mode:
    module.exit_json(changed=True)
module.fail_json(msg="it is not where the plan starts", opsbook_refused=True)
"""


@pytest.mark.parametrize(
    ("before", "outcome"),
    [([], Outcome.REFUSED), ([WRITE], Outcome.FAILED)],
    ids=["before anything was written", "after something was written"],
)
def test_a_host_that_a_module_refuses_has_not_failed_unless_it_was_changed(
    before: list[str], outcome: Outcome, tmp_path: Path, catalog: Path
) -> None:
    lines = tasks(*before, "{name: install, refuse: }")
    job = job_of(tmp_path, catalog, lines, **{"library/refuse.py": REFUSE})
    report = perform(given(job, "write", "install")).reports["here"]
    assert report.outcome is outcome
    assert report.outcome.spends_budget is (outcome is Outcome.FAILED)
    assert "it is not where the plan starts" in report.summary.english()
    assert marker(tmp_path)["until"] == 0
