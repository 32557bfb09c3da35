"""The survey of patching comes as a script where that can be, and from the module otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opsbook.execution.declared.control import ansible_command
from opsbook.execution.declared.declarations import content

USUAL = ["-I", "-S", "-"]
WRAPPER = """#!/bin/sh
echo "$*" >> {log}
{refuses}
exec {python} "$@"
"""
REFUSES = {
    "whole": "",
    "fails": 'test "$1" != -I || exit 3',
    "babbles": 'test "$1" != -I || { echo hello; exit 0; }',
    "answers_otherwise": 'test "$1" != -I || { echo "[]"; exit 0; }',
}
PLAY = [{
    "hosts": "all", "gather_facts": False,
    "tasks": [
        {"opsbook.runbooks.patching_survey": {
            "lease_directory": "{{ leases }}", "brief": True, "key": "before",
            "beside": {"rebooted": True}, "certificates": "{{ certificates }}"},
         "register": "found"},
        {"ansible.builtin.copy": {
            "dest": "{{ written }}", "content": "{{ found.opsbook_evidence | to_json }}"},
         "vars": {"ansible_python_interpreter": sys.executable}},
    ],
}]  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, list[list[str]]]]:
    """By host: the evidence, and the words with which its Python was called for the survey."""
    place = tmp_path_factory.mktemp("told")
    hosts = {name: _host(place, name, words) for name, words in REFUSES.items()}
    hosts["of_its_user"] = {**_host(place, "of_its_user", ""), "certificates": ["~/x.pem"]}
    (place / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    (place / "play.yml").write_text(json.dumps(PLAY))
    env = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_COLLECTIONS_PATH": str(content())}
    subprocess.run(
        [*ansible_command("playbook"), "-i", place / "hosts.yml", place / "play.yml"],
        check=True, capture_output=True, env={**os.environ, **env, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return {
        name: (
            json.loads((place / f"{name}.json").read_text()),
            [line.split() for line in (place / f"{name}.log").read_text().splitlines()],
        )
        for name in hosts
    }


def _host(place: Path, name: str, refuses: str) -> dict[str, Any]:
    python = place / f"python-{name}"
    log = place / f"{name}.log"
    log.write_text("")
    python.write_text(WRAPPER.format(log=log, refuses=refuses, python=sys.executable))
    python.chmod(0o755)
    return {
        "ansible_connection": "local", "ansible_python_interpreter": str(python),
        "written": str(place / f"{name}.json"), "leases": str(place), "certificates": [],
    }  # fmt: skip


def test_python_is_called_once_and_without_anything_of_the_host(told: Any) -> None:
    assert told["whole"][1] == [USUAL]


@pytest.mark.parametrize("name", [name for name in REFUSES if name != "whole"])
def test_whatever_the_script_does_not_answer_is_read_by_the_module(told: Any, name: str) -> None:
    first, *others = told[name][1]
    assert (first, len(others)) == (USUAL, 1)
    assert USUAL not in others


def test_paths_of_the_host_s_own_user_are_for_the_module(told: Any) -> None:
    assert USUAL not in told["of_its_user"][1]


def test_both_tell_the_same(told: Any) -> None:
    answers = [evidence for evidence, _ in told.values()]
    assert {one["rebooted"] for one in answers} == {True}
    assert {one["before"]["schema"] for one in answers} == {"opsbook.patching-survey/1"}
    installed = [one["before"].get("installed") for one in answers]
    assert all(one == installed[0] for one in installed)
    assert len({tuple(sorted(one["before"])) for one in answers}) == 1
