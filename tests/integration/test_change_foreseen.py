"""Plans by the real ansible-core in check mode: what each kind of task is foreseen to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doubles.jobs import make_estate, make_job, make_runbook
from opsbook.execution.ansible.change import PlaybookChange
from opsbook.execution.work import Job
from opsbook.model.errors import HostUnreachable
from opsbook.model.plan import Coverage, HostPlan, Outlook

HERE = """\
all:
  vars: {ansible_connection: local, opsbook_lease_directory: %s}
  hosts: {here: {}}
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    return tmp_path / "catalog"


def tasks(*lines: str, handlers: str = "") -> str:
    text = "- hosts: all\n  gather_facts: false\n  tasks:\n"
    return text + "".join(f"    - {line}\n" for line in lines) + handlers


def job_of(tmp_path: Path, catalog: Path, playbook: str, **files: str) -> Job:
    make_runbook(catalog, "work", playbook, **files)
    estate = make_estate(tmp_path / "estate", HERE % (tmp_path / "marker"))
    return make_job(estate, "work", tmp_path / "state", there=str(tmp_path))


def foreseen(job: Job) -> HostPlan:
    plan = PlaybookChange().forecast(job.inventory.hosts, job)["here"]
    assert isinstance(plan, HostPlan), plan
    return plan


KINDS: dict[str, tuple[str, Coverage | None]] = {
    "copy": ("ansible.builtin.copy: {content: new, dest: '{{ there }}/old'}", Coverage.PREDICTED),
    "template": (
        "ansible.builtin.template: {src: t.j2, dest: '{{ there }}/t'}", Coverage.PREDICTED),
    "line": (
        "ansible.builtin.lineinfile: {path: '{{ there }}/old', line: more}", Coverage.PREDICTED),
    "mode": ("ansible.builtin.file: {path: '{{ there }}/old', mode: '0600'}", Coverage.PREDICTED),
    "directory": (
        "ansible.builtin.file: {path: '{{ there }}/new', state: directory}", Coverage.PREDICTED),
    "user": ("ansible.builtin.user: {name: opsbook-nobody-here}", Coverage.PREDICTED),
    "loop": (
        "{ansible.builtin.file: {path: '{{ there }}/{{ item }}', state: touch}, loop: [a, b]}",
        Coverage.PREDICTED),
    "hidden": (
        "{ansible.builtin.copy: {content: x, dest: '{{ there }}/h'}, no_log: true}",
        Coverage.PREDICTED),
    "counted": (
        "{ansible.builtin.copy: {content: x, dest: '{{ there }}/c'}, changed_when: true}",
        Coverage.PARTLY),
    "said unchanged": (
        "{ansible.builtin.copy: {content: x, dest: '{{ there }}/c'}, changed_when: false}",
        Coverage.PARTLY),
    "command": ("ansible.builtin.command: 'touch {{ there }}/x'", Coverage.UNPREDICTABLE),
    "command that creates": (
        "ansible.builtin.command: {cmd: 'touch {{ there }}/x', creates: '{{ there }}/x'}",
        Coverage.UNPREDICTABLE),
    "shell": ("ansible.builtin.shell: echo hi", Coverage.UNPREDICTABLE),
    "raw": ("ansible.builtin.raw: echo hi", Coverage.UNPREDICTABLE),
    "script": ("ansible.builtin.script: run.sh", Coverage.UNPREDICTABLE),
    "request": ("ansible.builtin.uri: {url: 'http://127.0.0.1:1/'}", Coverage.UNPREDICTABLE),
    "reading command": (
        "{ansible.builtin.command: echo hi, check_mode: false, changed_when: false}", None),
    "already there": ("ansible.builtin.file: {path: '{{ there }}', state: directory}", None),
    "only looks": ("ansible.builtin.stat: {path: /etc/passwd}", None),
    "says": ("ansible.builtin.debug: {msg: hello}", None),
    "waits": ("ansible.builtin.wait_for: {path: /etc/passwd}", None),
    "never": ("{ansible.builtin.command: echo hi, when: false}", None),
}  # fmt: skip


def test_each_kind_of_task_is_foreseen_as_far_as_it_can_be(tmp_path: Path, catalog: Path) -> None:
    lines = []
    for name, (body, _) in KINDS.items():
        inside = body[1:-1] if body.startswith("{") else body
        lines.append(f"{{name: {name}, {inside}}}")
    job = job_of(tmp_path, catalog, tasks(*lines), **{"t.j2": "hi {{ there }}", "run.sh": "true"})
    (tmp_path / "old").write_text("old\n")
    before = sorted(tmp_path.glob("*"))
    plan = foreseen(job)
    found = {item.key: item.coverage for item in plan.items}
    assert found == {f"task:{name}#1": kind for name, (_, kind) in KINDS.items() if kind}
    assert (tmp_path / "old").read_text() == "old\n"
    assert {path.name for path in tmp_path.glob("*")} == {path.name for path in before}


def test_a_second_look_at_an_unchanged_host_gives_the_same_plan(
    tmp_path: Path, catalog: Path
) -> None:
    (tmp_path / "old").write_text("old\n")
    job = job_of(
        tmp_path, catalog,
        tasks(
            "{name: text, ansible.builtin.template: {src: t.j2, dest: '{{ there }}/old'}}",
            "{name: touch, ansible.builtin.file: {path: '{{ there }}/old', state: touch}}",
            "{name: run, ansible.builtin.command: 'date'}",
        ),
        **{"t.j2": "new {{ there }}\n"},
    )  # fmt: skip
    first, second = foreseen(job), foreseen(job)
    assert first.outlook is Outlook.CHANGE
    assert first.differences(second) == []
    text = first.items[0]
    assert "-old" in text.detail["diff"]
    assert f"+new {tmp_path}" in text.detail["diff"]
    assert text.before != text.after
    (tmp_path / "old").write_text("other\n")
    said = [message.english() for message in first.differences(foreseen(job))]
    assert [word.startswith("task:text#1 was planned from") for word in said] == [True]


def test_what_depends_on_something_unforeseen_is_foreseen_partly(
    tmp_path: Path, catalog: Path
) -> None:
    handlers = "  handlers:\n    - {name: restart, ansible.builtin.debug: {}, listen: topic}\n"
    job = job_of(
        tmp_path, catalog,
        tasks(
            "{name: ask, ansible.builtin.command: echo hi, register: answer, notify: topic}",
            "{name: only then, ansible.builtin.file: {path: '{{ there }}/a', state: touch},"
            " when: answer.stdout | default('') == 'hi'}",
            "{name: carry, ansible.builtin.set_fact: {word: '{{ answer.stdout | default(1) }}'}}",
            "{name: write, ansible.builtin.copy: {content: '{{ word }}', dest: '{{ there }}/b'}}",
            "{name: free, ansible.builtin.copy: {content: x, dest: '{{ there }}/c'}}",
            handlers=handlers,
        ),
    )  # fmt: skip
    assert {item.key: str(item.coverage) for item in foreseen(job).items} == {
        "task:ask#1": "unpredictable",
        "task:only then#1": "partly",
        "task:write#1": "partly",
        "task:free#1": "predicted",
        "task:restart#1": "unpredictable",
    }


def test_a_playbook_that_fails_before_any_change_cannot_be_done(
    tmp_path: Path, catalog: Path
) -> None:
    plan = foreseen(job_of(tmp_path, catalog, tasks(
        "{name: look, ansible.builtin.assert: {that: false, fail_msg: no room}}",
        "{name: write, ansible.builtin.copy: {content: x, dest: '{{ there }}/c'}}",
    )))  # fmt: skip
    assert plan.outlook is Outlook.CANNOT
    assert plan.reason is not None
    assert plan.reason.english() == "task look fails: no room"


def test_a_failure_behind_a_foreseen_change_ends_the_foresight_and_says_so(
    tmp_path: Path, catalog: Path
) -> None:
    plan = foreseen(job_of(tmp_path, catalog, tasks(
        "{name: make, ansible.builtin.file: {path: '{{ there }}/d', state: directory}}",
        "{name: link, ansible.builtin.copy: {src: '{{ there }}/d/x', dest: '{{ there }}/y',"
        " remote_src: true}}",
        "{name: later, ansible.builtin.copy: {content: x, dest: '{{ there }}/c'}}",
    )))  # fmt: skip
    assert plan.outlook is Outlook.CHANGE
    assert [item.key for item in plan.items] == ["task:make#1", "task:link#1"]
    assert plan.items[1].coverage is Coverage.UNPREDICTABLE
    assert "what comes after task link cannot be foreseen" in plan.notes[0].english()


def test_nothing_to_do_is_said(tmp_path: Path, catalog: Path) -> None:
    plan = foreseen(job_of(tmp_path, catalog, tasks("{name: say, ansible.builtin.debug: {}}")))
    assert plan.outlook is Outlook.NOTHING


def test_hosts_that_cannot_be_changed_have_their_reason(tmp_path: Path, catalog: Path) -> None:
    make_runbook(catalog, "work", tasks("{name: look, ansible.builtin.stat: {path: /}}"))
    hosts: dict[str, Any] = {
        "bare": "{opsbook_python: false}",
        "foreign": "{opsbook_managed: false, opsbook_managed_reason: rented}",
        "away": "{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}",
    }
    listed = "".join(f"    {name}: {vars_}\n" for name, vars_ in hosts.items())
    estate = make_estate(
        tmp_path / "estate", "all:\n  vars: {ansible_connection: local}\n  hosts:\n" + listed
    )
    job = make_job(estate, "work", tmp_path / "state")
    found = PlaybookChange().forecast(job.inventory.hosts, job)
    assert isinstance(found["away"], HostUnreachable)
    for name, words in (("bare", "there is no Python"), ("foreign", "rented")):
        plan = found[name]
        assert isinstance(plan, HostPlan)
        assert plan.outlook is Outlook.CANNOT
        assert plan.reason is not None
        assert words in plan.reason.english()
