"""opsbook installed from the wheelhouse alone, without a network, away from any checkout."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import opsbook
from support.packages import Installed, succeed


def test_the_wheelhouse_says_what_is_in_it_and_nothing_else_is(wheelhouse: Path) -> None:
    stated = {}
    for line in (wheelhouse / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        stated[name] = digest
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in wheelhouse.iterdir()
    }
    found.pop("SHA256SUMS")
    assert stated == found


def test_the_wheelhouse_names_no_place_to_download_from(wheelhouse: Path) -> None:
    for name in ("requirements.txt", "INSTALL.md", "system-packages.txt"):
        assert "://" not in (wheelhouse / name).read_text(encoding="utf-8"), name


def test_every_requirement_has_a_wheel_and_a_hash(wheelhouse: Path) -> None:
    lines = (wheelhouse / "requirements.txt").read_text().splitlines()
    assert len(lines) == len(list(wheelhouse.glob("*.whl")))
    assert all(" --hash=sha256:" in line for line in lines)


def test_the_system_packages_are_listed(wheelhouse: Path) -> None:
    packages = (wheelhouse / "system-packages.txt").read_text().split()
    assert {"openssh-client", "python3-venv"} <= set(packages)


def test_the_instructions_name_this_version(wheelhouse: Path) -> None:
    assert f"opsbook {opsbook.__version__}" in (wheelhouse / "INSTALL.md").read_text()


def test_the_command_helps_and_states_its_version(installed: Installed) -> None:
    assert installed.opsbook("--help").returncode == 0
    assert installed.opsbook("--version").stdout == f"opsbook {opsbook.__version__}\n"


def test_the_help_is_chinese_where_the_locale_is(installed: Installed) -> None:
    chinese = installed.opsbook("--lang", "zh", "--help").stdout
    assert chinese != installed.opsbook("--lang", "en", "--help").stdout


def test_runbooks_are_found_with_the_installed_package(installed: Installed) -> None:
    listed = json.loads(installed.opsbook("runbooks", "--json").stdout)
    assert "log_collection" in {runbook["name"] for runbook in listed}


def test_the_collection_shows_its_version_to_ansible(installed: Installed) -> None:
    content = installed.python("import opsbook; print(opsbook.__path__[0])").strip() + "/_content"
    listed = succeed(
        installed.prefix / "bin" / "ansible-galaxy", "collection", "list", "--format", "json",
        "opsbook.runbooks", cwd=installed.home,
        env={**installed.env, "ANSIBLE_COLLECTIONS_PATH": content},
    )  # fmt: skip
    (collections,) = json.loads(listed).values()
    assert collections["opsbook.runbooks"]["version"] == opsbook.__version__


def _estate_of_this_machine(home: Path) -> Path:
    estate = home / "here"
    logs = home / "logs"
    estate.mkdir()
    logs.mkdir()
    (logs / "app.log").write_text("2026-11-21T08:41:00Z line 1\n2026-11-21T08:41:01Z line 2\n")
    (estate / "estate.yml").write_text(
        "schema: 1\nname: here\ntitle: {zh: 本机, en: here}\ntimezone: Asia/Shanghai\n"
        "policies: {logs: {min_free_mib: 1}}\n",
        encoding="utf-8",
    )
    (estate / "hosts.yml").write_text(
        "all:\n  hosts:\n    localhost:\n      ansible_connection: local\n"
        f"      opsbook_logs_app: [{{name: app, files: ['{logs}/app.log*']}}]\n"
    )
    return estate


def test_a_playbook_runs_from_the_installed_package(installed: Installed) -> None:
    estate = _estate_of_this_machine(installed.home)
    done = installed.opsbook("run", "host_survey", "-e", estate, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["counts"] == {"ok": 1}


def test_logs_are_collected_by_the_installed_package(installed: Installed) -> None:
    estate = _estate_of_this_machine(installed.home)
    done = installed.opsbook("run", "log_collection", "-e", estate, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = installed.opsbook("logs", "search", "-e", estate, "line 2")
    assert "2026-11-21T08:41:01Z line 2" in found.stdout
    assert installed.opsbook("records", "verify").returncode == 0


def test_an_older_copy_of_the_collection_at_home_is_not_used(installed: Installed) -> None:
    """Ansible looks below ~/.ansible/collections too; what was approved is what must run."""
    estate = _estate_of_this_machine(installed.home)
    older = installed.home / ".ansible/collections/ansible_collections/opsbook/runbooks"
    for name in ("playbooks/host_survey/playbook.yml", "roles/host_survey/tasks/main.yml"):
        (older / name).parent.mkdir(parents=True)
        (older / name).write_text(
            "- hosts: all\n  tasks: [{fail: {msg: older}}]\n"
            if "playbook" in name
            else "- fail: {msg: older}\n"
        )
    (older / "galaxy.yml").write_text("namespace: opsbook\nname: runbooks\nversion: 0.0.1\n")
    done = installed.opsbook("run", "host_survey", "-e", estate)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_python_in_the_path_that_does_not_run_is_not_used(installed: Installed) -> None:
    estate = _estate_of_this_machine(installed.home)
    shims = installed.home / "shims"
    shims.mkdir()
    for name in ("python", "python3", *(f"python3.{minor}" for minor in range(8, 15))):
        (shims / name).write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
        (shims / name).chmod(0o755)
    env = {**installed.env, "PATH": f"{shims}:{installed.env['PATH']}"}
    command = [installed.prefix / "bin" / "opsbook", "run", "host_survey", "-e", estate]
    succeed(*command, cwd=installed.home, env=env)


def test_no_runbooks_package_is_installed(installed: Installed) -> None:
    """PyPI has another project that installs a package of this name."""
    code = "import importlib.util as u; print(u.find_spec('runbooks'))"
    assert installed.python(code).strip() == "None"
