"""One thing changed in anything that a plan binds: every time it is another digest, and named.

Generated from one seed; what was changed stands in the message of a failing case.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import opsbook
from opsbook.execution.declared.declarations import collection, load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.provenance import code_roots, inputs, inputs_changed, variables, versions
from opsbook.execution.trees import tree_digest
from opsbook.lifecycle.change.admission import Bound, changed_inputs
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate, Inventory
from opsbook.model.message import msg
from opsbook.model.places import Places
from support.changes import ESTATE, PLAYBOOK, RUNBOOK, UNDO, VERIFY
from support.mutations import (
    SEED,
    copy_of,
    done_to,
    files_of,
    spoiled,
    tree_ways,
)

PACKAGE = ("__pycache__",)
ENGINE = (*PACKAGE, "_content", "*.mo")

VAULTED = "$ANSIBLE_VAULT;1.1;AES256\n61626364656667686970\n3130\n"
FILES = {
    "hosts.yml": "all:\n  hosts:\n    h1: {ansible_connection: local}\n"
    "    h2: {ansible_connection: local}\n",
    "group_vars/all.yml": "place: /nowhere\nlevel: 3\n",
    "group_vars/web/secret.yml": VAULTED,
    "host_vars/h1.yml": "colour: 红\n",
}


@pytest.fixture
def runbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a runbook of a user's own, with files of all kinds."""
    home = tmp_path / "catalog" / "notice"
    for name, text in {
        "runbook.yml": RUNBOOK, "playbook.yml": PLAYBOOK, "undo.yml": UNDO,
        "verify/test_notice.py": VERIFY, "templates/motd.j2": "{{ words }}\n",
        "files/app/run.sh": "#!/bin/sh\nexit 0\n", "files/empty": "",
        "filter_plugins/ours.py": "class FilterModule: ...\n",
    }.items():  # fmt: skip
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    (home / "files" / "app" / "run.sh").chmod(0o755)
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    return home


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    directory = tmp_path / "here"
    directory.mkdir()
    (directory / "estate.yml").write_text(ESTATE, encoding="utf-8")
    for name, text in FILES.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return load_estate(str(directory), Places(tmp_path / "state"))


def attack(tree: Path, count: int, left_out: tuple[str, ...]) -> None:
    """``count`` changes to one file each; every one is seen, and none stays."""
    by, files, ways = random.Random(SEED), files_of(tree), tree_ways(code=bool(left_out))
    good = tree_digest([tree], left_out)
    for number in range(count):
        file = by.choice(files)
        name = sorted(ways)[number % len(ways)]
        with done_to(file, tree, lambda file=file, name=name: ways[name](file, by)):
            assert tree_digest([tree], left_out) != good, f"{name}: {file.relative_to(tree)}"
    assert tree_digest([tree], left_out) == good


def test_one_thing_changed_in_the_folder_of_a_runbook_is_another_digest(runbook: Path) -> None:
    attack(runbook, 360, ())


@pytest.mark.parametrize(
    ("tree", "count", "left_out"),
    [
        (lambda: collection() / "roles", 240, ()),
        (lambda: collection() / "plugins", 220, PACKAGE),
        (lambda: Path(opsbook.__file__).parent, 66, ENGINE),
        (lambda: _package("ansible_runner"), 44, PACKAGE),
        (lambda: _package("ansible"), 22, PACKAGE),
    ],
    ids=["roles", "plugins", "engine", "ansible_runner", "ansible"],
)
def test_one_thing_changed_in_the_code_we_come_with_is_another_digest(
    tree: Callable[[], Path], count: int, left_out: tuple[str, ...], tmp_path: Path
) -> None:
    copied = copy_of(tree(), tmp_path)
    assert tree_digest([copied], left_out) == tree_digest([tree()], left_out), "a copy is the same"
    attack(copied, count, left_out)


def _package(name: str) -> Path:
    from importlib.util import find_spec

    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def test_what_changed_is_named_by_its_root(runbook: Path, estate: Estate) -> None:
    by, files, ways = random.Random(SEED), files_of(runbook), tree_ways(code=False)
    good = inputs("notice", estate, "5a17")
    touched = [file for file in files if file.name != "runbook.yml"]
    for name, way in ways.items():
        file = by.choice(touched)
        with done_to(file, runbook, lambda way=way, file=file: way(file, by)):
            found = inputs_changed(good, inputs("notice", estate, "5a17"))
            assert [m.english() for m in found] == ["The code of runbook notice has changed."], name
    assert inputs_changed(good, inputs("notice", estate, "5a17")) == []


def test_one_thing_changed_in_the_variables_is_named_by_its_file(estate: Estate) -> None:
    by, files = random.Random(SEED), files_of(estate.directory)
    bound = [file for file in files if file.name != "estate.yml"]
    good = {"code": {}, "variables": variables(estate, "5a17")}
    for number in range(160):
        file = bound[number % len(bound)]
        name = str(file.relative_to(estate.directory))
        way, data = spoiled(file.read_bytes(), by)
        with done_to(file, estate.directory, lambda file=file, data=data: _put(file, data)):
            now = {"code": {}, "variables": variables(estate, "5a17")}
            told = [m.english() for m in inputs_changed(good, now)]
            assert told == [f"The variables in {name} have changed."], way
    for more in ("group_vars/db.yml", "host_vars/h2/x", "host_vars/h9.yml"):
        (estate.directory / more).parent.mkdir(exist_ok=True)
        (estate.directory / more).write_text("x: 1\n", encoding="utf-8")
        now = {"code": {}, "variables": variables(estate, "5a17")}
        assert f"The variables in {more} have changed." in _told(inputs_changed(good, now))


def _put(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def _told(messages: Any) -> list[str]:
    return [message.english() for message in messages]


def test_other_hosts_and_versions_are_named(runbook: Path, estate: Estate, tmp_path: Path) -> None:
    places = Places(tmp_path / "state")
    inventory = load_inventory(estate, places, None)
    plan = {
        "inputs": inputs("notice", estate, "5a17"), "versions": versions(),
        "hosts": ["h1", "h2"], "inventory_digest": inventory.digest,
    }  # fmt: skip
    book = load_runbook("notice")
    assert changed_inputs(plan, Bound(estate, book, inventory)) == []
    hosts = inventory.hosts
    for changed in (hosts[:1], hosts[1:], hosts[::-1], (*hosts, hosts[0]), ()):
        other = Inventory(changed, inventory.digest, inventory.known_hosts)
        assert _told(changed_inputs(plan, Bound(estate, book, other))) == [
            "the list of hosts changed"
        ]
    other = Inventory(hosts, "sha256:00", inventory.known_hosts)
    assert _told(changed_inputs(plan, Bound(estate, book, other))) == ["the inventory changed"]
    for name in plan["versions"]:
        spoiled_plan = {**plan, "versions": {**plan["versions"], name: "0"}}
        found = _told(changed_inputs(spoiled_plan, Bound(estate, book, inventory)))
        assert found == [f"the version of {name} was 0 and is {plan['versions'][name]}"]


def test_what_has_the_same_bytes_is_never_refused(
    runbook: Path, estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = inputs("notice", estate, "5a17")
    inventory = load_inventory(estate, Places(tmp_path / "state"), None)

    def same() -> None:
        assert inputs_changed(good, inputs("notice", estate, "5a17")) == []
        again = load_inventory(estate, Places(tmp_path / "other state"), None)
        assert (again.digest, again.hosts) == (inventory.digest, inventory.hosts)

    for tree in (runbook, estate.directory):
        for file in files_of(tree):
            os.utime(file, (0, 0))
            data, mode = file.read_bytes(), file.stat().st_mode
            file.unlink()
            file.write_bytes(data)
            file.chmod(mode & 0o700)
    same()
    monkeypatch.chdir("/")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("OPSBOOK_LANG", "zh")
    monkeypatch.setenv("ANSIBLE_CONFIG", "/nonexistent")
    same()
    (runbook / ".git").mkdir()
    (runbook / ".git" / "index").write_bytes(b"anything")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(runbook, tmp_path / "elsewhere")
    runbook.symlink_to(tmp_path / "elsewhere" / "notice")
    (estate.directory / "host_vars" / "h1.yml").rename(tmp_path / "moved.yml")
    (estate.directory / "host_vars" / "h1.yml").symlink_to(tmp_path / "moved.yml")
    same()


@pytest.mark.parametrize("make", [
    lambda home: (home / "loop").symlink_to("."),
    lambda home: [(home / name).symlink_to("..", True) for name in ("files/a", "files/b")],
    lambda home: os.mkfifo(home / "tasks.yml"),
    lambda home: (home / "files" / "dev").symlink_to("/dev/zero"),
], ids=["circle", "two circles", "pipe", "device"])  # fmt: skip
def test_what_has_no_bytes_of_its_own_is_refused_in_words(
    runbook: Path, estate: Estate, make: Callable[[Path], Any]
) -> None:
    make(runbook)
    with pytest.raises(InputFault) as refused:
        code_roots("notice")
    assert str(runbook) in refused.value.problem.english()
    assert refused.value.untouched == msg("Nothing was touched.")
