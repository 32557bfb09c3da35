"""Playbooks through the real ansible-runner on this machine: outcomes, secrets, stopping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from doubles.jobs import MemorySink, make_estate, make_job, make_runbook
from opsbook.execution.ansible.playbook import PlaybookWork
from opsbook.execution.work import Job
from opsbook.model.outcome import Outcome

CANARY = "k4n4rienvogel-7f3a"
HERE = """\
all:
  vars: {ansible_connection: local}
  hosts: {here: {}, there: {}}
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    return tmp_path / "catalog"


def play(*tasks: str) -> str:
    return "- hosts: all\n  gather_facts: false\n  tasks:\n" + "".join(
        f"    - {task}\n" for task in tasks
    )


def perform(job: Job) -> MemorySink:
    sink = MemorySink()
    PlaybookWork().perform(job.inventory.hosts, job, sink)
    return sink


def left_behind(state: Path, word: str) -> list[Path]:
    """Files below the state directory that hold ``word``."""
    files = (path for path in state.rglob("*") if path.is_file())
    return [path for path in files if word.encode() in path.read_bytes()]


def test_each_host_ends_with_its_own_outcome(tmp_path: Path, catalog: Path) -> None:
    make_runbook(
        catalog,
        "mixed",
        play(
            "{name: first, ansible.builtin.debug: {msg: hello}}",
            "{name: writes, ansible.builtin.command: 'true', when: inventory_hostname == 'there'}",
            "{name: breaks, ansible.builtin.fail: {msg: 'no luck'}, "
            "when: inventory_hostname == 'here'}",
        ),
    )
    job = make_job(make_estate(tmp_path / "estate", HERE), "mixed", tmp_path / "state")
    sink = perform(job)
    assert {name: report.outcome for name, report in sink.reports.items()} == {
        "here": Outcome.FAILED,
        "there": Outcome.CHANGED,
    }
    assert sink.reports["here"].summary.english() == "task breaks failed: no luck"
    statuses = [(host, name, status) for host, name, status, _ in sink.tasks]
    assert ("here", "writes", "skipped") in statuses
    assert ("there", "writes", "changed") in statuses
    assert all(detail["seconds"] >= 0 for _, _, _, detail in sink.tasks)
    assert sorted(sink.begun) == [("here", "apply"), ("there", "apply")]


def test_an_ignored_failure_is_told_and_does_not_count(tmp_path: Path, catalog: Path) -> None:
    make_runbook(
        catalog,
        "lenient",
        play("{name: breaks, ansible.builtin.fail: {msg: no}, ignore_errors: true}"),
    )
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "lenient", tmp_path / "state"))
    assert {status for _, _, status, _ in sink.tasks} == {"ignored"}
    assert {report.outcome for report in sink.reports.values()} == {Outcome.OK}


def test_a_host_on_which_everything_is_skipped_is_skipped(tmp_path: Path, catalog: Path) -> None:
    make_runbook(catalog, "idle", play("{name: never, ansible.builtin.debug: {}, when: false}"))
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "idle", tmp_path / "state"))
    assert {report.outcome for report in sink.reports.values()} == {Outcome.SKIPPED}


def test_hosts_after_an_aborted_play_are_not_started(tmp_path: Path, catalog: Path) -> None:
    make_runbook(
        catalog,
        "serial",
        "- hosts: all\n  gather_facts: false\n  serial: 1\n  any_errors_fatal: true\n  tasks:\n"
        "    - {name: breaks, ansible.builtin.fail: {msg: no}}\n",
    )
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "serial", tmp_path / "state"))
    assert sink.reports["here"].outcome is Outcome.FAILED
    assert sink.reports["there"].outcome is Outcome.NOT_STARTED


def test_a_playbook_that_cannot_be_read_fails_with_the_reason(
    tmp_path: Path, catalog: Path
) -> None:
    make_runbook(catalog, "broken", play("{name: x, no.such.module: {}}"))
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "broken", tmp_path / "state"))
    for report in sink.reports.values():
        assert report.outcome is Outcome.FAILED
        assert "no.such.module" in report.summary.english()


def test_parameters_reach_the_playbook_and_not_the_process_list(
    tmp_path: Path, catalog: Path
) -> None:
    make_runbook(
        catalog,
        "given",
        play(
            '{name: look, ansible.builtin.shell: \'tr "\\\\0" " " < /proc/$PPID/cmdline; '
            'cat /proc/[0-9]*/cmdline | tr "\\\\0" " "\', register: seen}',
            "{name: tell, ansible.builtin.debug: {}, vars: {x: '{{ word }}'}, "
            "when: word in seen.stdout}",
            "{name: has, ansible.builtin.assert: {that: word == '" + CANARY + "'}}",
        ),
    )
    job = make_job(make_estate(tmp_path / "estate", HERE), "given", tmp_path / "state", word=CANARY)
    sink = perform(job)
    assert {report.outcome for report in sink.reports.values()} == {Outcome.CHANGED}
    assert {status for _, name, status, _ in sink.tasks if name == "tell"} == {"skipped"}


def test_hostile_output_is_bounded_and_never_a_template(tmp_path: Path, catalog: Path) -> None:
    make_runbook(
        catalog,
        "hostile",
        play(
            "{name: say, ansible.builtin.command: "
            "\"printf '{{ '{{' }} lookup(1) {{ '}}' }} %010000d'\", register: said}",
            "{name: fail, ansible.builtin.fail: {msg: '{{ said.stdout }}'}}",
        ),
    )
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "hostile", tmp_path / "state"))
    assert sink.reports["here"].outcome is Outcome.FAILED
    summary = sink.reports["here"].summary.english()
    assert "{{ lookup(1) }}" in summary
    assert len(summary) < 2200


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An estate with a vaulted variable and a whole vaulted file, and the password beside it."""
    estate = make_estate(tmp_path / "estate", HERE, **{".vault-password": "open sesame\n"})
    (estate / ".vault-password").chmod(0o600)
    vault = [str(Path(sys.executable).with_name("ansible-vault"))]
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    env = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(estate / ".vault-password")}
    inline = subprocess.run(
        [*vault, "encrypt_string", CANARY + "-inline", "--name", "inline"],
        env=env, check=True, capture_output=True, text=True,
    )  # fmt: skip
    (estate / "group_vars" / "all").mkdir(parents=True)
    (estate / "group_vars" / "all" / "plain.yml").write_text(inline.stdout)
    whole = estate / "group_vars" / "all" / "whole.yml"
    whole.write_text(f"whole: {{deep: [{CANARY}-whole]}}\n")
    subprocess.run([*vault, "encrypt", str(whole)], env=env, check=True, capture_output=True)
    return estate


def test_vaulted_values_are_used_and_appear_nowhere(
    tmp_path: Path, catalog: Path, secrets: Path
) -> None:
    make_runbook(
        catalog,
        "telling",
        play(
            "{name: hidden, ansible.builtin.command: 'echo {{ inline }}', no_log: true}",
            "{name: 'named {{ inline }}', ansible.builtin.command: 'echo {{ whole.deep[0] }}'}",
            "{name: fail, ansible.builtin.fail: {msg: 'with {{ inline }} {{ whole.deep[0] }}'}}",
        ),
    )
    state = tmp_path / "state"
    sink = perform(make_job(secrets, "telling", state))
    assert sink.reports["here"].summary.english() == "task fail failed: with ******** ********"
    assert CANARY not in sink.text()
    assert left_behind(state, CANARY) == []
    assert not (state / "run" / "RUN-20261121-001").exists()


def test_a_vault_password_that_others_can_read_is_refused(secrets: Path, tmp_path: Path) -> None:
    from opsbook.model.errors import InputFault

    (secrets / ".vault-password").chmod(0o644)
    with pytest.raises(InputFault, match="Others can read the vault password"):
        make_job(secrets, "host_survey", tmp_path / "state")


def test_neither_environment_nor_results_stay_on_disk(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Ansible runs its directory is private and has no environment; afterwards it is gone."""
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    make_runbook(catalog, "slow", play("{name: wait, ansible.builtin.command: sleep 1.5}"))
    state = tmp_path / "state"
    job = make_job(make_estate(tmp_path / "estate", HERE), "slow", state)
    sink = MemorySink()
    worker = threading.Thread(target=PlaybookWork().perform, args=(job.inventory.hosts, job, sink))
    worker.start()
    assert sink.on_started.wait(30)
    directory = state / "run" / job.run / "ansible"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert left_behind(state, CANARY) == []
    worker.join(60)
    assert not directory.exists()


SLOW = play("{name: wait, ansible.builtin.command: sleep 61.7}")


def sleepers() -> list[int]:
    """Processes that the slow playbook started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"61.7"] and (process / "stat").exists():
            found.append(int(process.name))
    return found


def no_sleeper_within(seconds: float) -> bool:
    until = time.monotonic() + seconds
    while sleepers() and time.monotonic() < until:
        time.sleep(0.1)
    return not sleepers()


def test_a_cancelled_run_ends_soon_and_leaves_no_process(tmp_path: Path, catalog: Path) -> None:
    make_runbook(catalog, "slow", SLOW)
    job = make_job(make_estate(tmp_path / "estate", HERE), "slow", tmp_path / "state")
    sink = MemorySink()
    worker = threading.Thread(target=PlaybookWork().perform, args=(job.inventory.hosts, job, sink))
    worker.start()
    assert sink.on_started.wait(30)
    until = time.monotonic() + 20
    while not sleepers() and time.monotonic() < until:
        time.sleep(0.1)
    job.cancelled.set()
    worker.join(15)
    assert not worker.is_alive()
    assert no_sleeper_within(5)
    assert sink.reports == {}


def test_a_run_beyond_its_time_fails_and_leaves_no_process(tmp_path: Path, catalog: Path) -> None:
    make_runbook(catalog, "slow", SLOW, timeout="12s")
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "slow", tmp_path / "state"))
    assert {report.outcome for report in sink.reports.values()} == {Outcome.FAILED}
    assert sink.reports["here"].summary.english() == "did not end within 12s"
    assert no_sleeper_within(5)


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from doubles.jobs import MemorySink, make_job
from opsbook.execution.ansible.playbook import PlaybookWork
job = make_job(Path({estate!r}), "slow", Path({state!r}), word={word!r})
PlaybookWork().perform(job.inventory.hosts, job, MemorySink())
"""


def test_after_kill_9_ansible_ends_too_and_the_next_opening_clears_the_rest(
    tmp_path: Path, catalog: Path
) -> None:
    make_runbook(catalog, "slow", SLOW)
    make_runbook(catalog, "quick", play("{name: go, ansible.builtin.debug: {}}"))
    estate, state = make_estate(tmp_path / "estate", HERE), tmp_path / "state"
    tests = str(Path(__file__).parents[1])
    code = CHILD.format(tests=tests, estate=str(estate), state=str(state), word=CANARY)
    process = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 40
    while not sleepers() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert sleepers()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert no_sleeper_within(10)
    perform(make_job(estate, "quick", state))
    assert left_behind(state, CANARY) == []
    assert list((state / "run").iterdir()) == []


def test_a_directory_that_is_in_use_is_not_cleared(tmp_path: Path, catalog: Path) -> None:
    from opsbook.execution.ansible.workdir import sweep, working_directory
    from opsbook.model.errors import Busy
    from opsbook.model.places import Places

    places = Places(tmp_path / "state")
    with working_directory(places, "RUN-1") as directory:
        sweep(places)
        assert directory.is_dir()
        with pytest.raises(Busy), working_directory(places, "RUN-1"):
            pass
    assert not directory.exists()


def test_a_copy_of_our_collection_in_the_home_directory_does_not_shadow_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    other = home / ".ansible/collections/ansible_collections/opsbook/runbooks"
    for name in ("playbooks/host_survey", "roles/host_survey/tasks", "plugins/modules"):
        (other / name).mkdir(parents=True)
    (other / "playbooks/host_survey/playbook.yml").write_text(
        "- hosts: all\n  tasks: [{ansible.builtin.fail: {msg: shadowed}}]\n"
    )
    (other / "roles/host_survey/tasks/main.yml").write_text(
        "- ansible.builtin.fail: {msg: shadowed}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(home / ".ansible/collections"))
    estate = make_estate(tmp_path / "estate", "all: {hosts: {here: {ansible_connection: local}}}")
    sink = perform(make_job(estate, "host_survey", tmp_path / "state"))
    assert sink.reports["here"].outcome is Outcome.OK


def test_the_users_ansible_settings_change_nothing(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = make_estate(
        tmp_path / "estate", HERE, **{"ansible.cfg": "[defaults]\ninventory = /nonexistent\n"}
    )
    monkeypatch.setenv("ANSIBLE_CONFIG", str(estate / "ansible.cfg"))
    monkeypatch.setenv("ANSIBLE_STRATEGY", "no.such.strategy")
    make_runbook(catalog, "quick", play("{name: go, ansible.builtin.debug: {}}"))
    sink = perform(make_job(estate, "quick", tmp_path / "state"))
    assert {report.outcome for report in sink.reports.values()} == {Outcome.OK}


def test_where_nothing_can_be_written_no_host_is_started(tmp_path: Path, catalog: Path) -> None:
    make_runbook(catalog, "quick", play("{name: go, ansible.builtin.debug: {}}"))
    (tmp_path / "file").touch()
    sink = perform(make_job(make_estate(tmp_path / "estate", HERE), "quick", tmp_path / "file/x"))
    assert {report.outcome for report in sink.reports.values()} == {Outcome.NOT_STARTED}
    assert "cannot be written" in sink.reports["here"].summary.english()


def test_a_full_disk_is_told_and_no_host_is_started(tmp_path: Path, catalog: Path) -> None:
    """A file system of a few kilobytes stands for the full disk."""
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(state)], check=True)
    try:
        make_runbook(catalog, "quick", play("{name: go, ansible.builtin.debug: {}}"))
        job = make_job(make_estate(tmp_path / "estate", HERE), "quick", state)
        with (state / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(b"x" * 4096)
        sink = perform(job)
    finally:
        subprocess.run(["umount", str(state)], check=True)
    assert {report.outcome for report in sink.reports.values()} == {Outcome.NOT_STARTED}
    assert "No space left" in sink.reports["here"].summary.english()


SHADOW = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule({}, supports_check_mode=True).fail_json(msg="shadowed")
"""


def test_plugins_of_the_home_directory_and_modules_of_the_estate_are_not_run(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in no digest: neither a module in ~/.ansible nor a package in the estate counts."""
    home = tmp_path / "home"
    for folder, name in (("modules", "ping.py"), ("action", "ping.py")):
        place = home / ".ansible" / "plugins" / folder
        place.mkdir(parents=True)
        (place / name).write_text(SHADOW)
    role = home / ".ansible" / "roles" / "strange" / "tasks"
    role.mkdir(parents=True)
    (role / "main.yml").write_text("- ansible.builtin.fail: {msg: shadowed}\n")
    monkeypatch.setenv("HOME", str(home))
    hosts = HERE.replace("there: {}", "")
    estate = make_estate(tmp_path / "estate", hosts, **{"yaml.py": "raise SystemExit('shadowed')"})
    make_runbook(catalog, "quick", play("{name: go, ping: {}}"))
    sink = perform(make_job(estate, "quick", tmp_path / "state"))
    assert sink.reports["here"].outcome is Outcome.OK, sink.reports["here"].summary.english()
    make_runbook(catalog, "roles", "- hosts: all\n  gather_facts: false\n  roles: [strange]\n")
    sink = perform(make_job(estate, "roles", tmp_path / "state"))
    assert "strange" in sink.reports["here"].summary.english()
    assert "shadowed" not in sink.text()
