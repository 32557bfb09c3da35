"""Declarations: read with all their faults at once, each with its place and a clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.jobs import ESTATE, RUNBOOK, make_estate, make_runbook
from opsbook.execution.declared import declarations
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.places import Places


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    monkeypatch.setenv("OPSBOOK_INVENTORIES", str(tmp_path / "estates"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "state")


def faults_of(text: str, tmp_path: Path) -> list[tuple[int, str, str]]:
    directory = make_estate(tmp_path / "estates" / "small", "", **{"estate.yml": text})
    with pytest.raises(InputFault) as caught:
        declarations.load_estate(str(directory), Places(tmp_path))
    assert all(fault.file == str(directory / "estate.yml") for fault in caught.value.faults)
    return [(f.line, f.path, f.problem.english()) for f in caught.value.faults]


SMALL_LETTERS = (
    "a name has small letters, digits, dashes and underscores and begins with a letter, "
)


def test_all_faults_are_told_at_once_with_line_path_and_sentence(tmp_path: Path) -> None:
    faults = faults_of(
        "schema: 1\n"
        "name: Small Estate\n"
        "title: {zh: 小}\n"
        "timezone: Mars/Olympus\n"
        "polices: {}\n"
        "policies:\n"
        "  logs: {hot_days: 3}\n"
        "stores:\n"
        "  logs: relative/path\n"
        "schedules:\n"
        "  - name: night\n"
        "    runbook: 5\n"
        "    when: {at: '25:00', days: nightly}\n",
        tmp_path,
    )
    assert faults == [
        (2, "name", SMALL_LETTERS + "not Small Estate"),
        (3, "title.en", "is missing"),
        (4, "timezone", "not a time zone of the tz database, such as Asia/Shanghai"),
        (5, "polices", "unknown key; did you mean policies?"),
        (7, "policies.logs.hot_days", "must be at least 30, not 3"),
        (9, "stores.logs", "a store is an absolute path"),
        (12, "schedules.0.runbook", "must be text, not 5; put quotes around it"),
        (13, "schedules.0.when.at", "a time of day is written as 02:00, not 25:00"),
        (13, "schedules.0.when.days",
         "must be one of 'daily', 'workdays', 'weekly' or 'monthly', not nightly"),
    ]  # fmt: skip


BAD_YAML = [
    ("a duplicate key", ESTATE + "name: other\n", 5, "name", "written twice; first on line 2"),
    ("an alias", ESTATE + "on_failure: [&a x, *a]\n", 5, "on_failure.1", "aliases are not allowed"),
    ("a tag", ESTATE + "on_failure: [!vault x]\n", 5, "on_failure.0", "the tag !vault"),
    ("an object tag", ESTATE + "stores: !!python/object:os.system {}\n", 5, "stores", "the tag"),
    ("a merge key", ESTATE + "<<: {name: x}\n", 5, "<<", "a key must be plain text"),
    ("a number as key", ESTATE + "7: x\n", 5, "7", "a key must be plain text"),
    ("a list", "- 1\n", 1, "", "a mapping of keys to values is expected"),
    ("a second document", ESTATE + "---\na: 1\n", 5, "", "not valid YAML"),
    ("a tabulator", "schema:\n\t1\n", 2, "", "not valid YAML"),
    ("an open quote", "name: 'x\n", 2, "", "not valid YAML"),
    ("deep nesting", "a: " + "[" * 20000, 0, "", "too deeply nested"),
    ("a huge number", ESTATE + "schedules: " + "9" * 5000 + "\n", 5, "schedules", "not a number"),
]


@pytest.mark.parametrize(
    ("text", "line", "path", "words"), [case[1:] for case in BAD_YAML], ids=[c[0] for c in BAD_YAML]
)
def test_yaml_that_is_not_plain_data_is_refused(
    text: str, line: int, path: str, words: str, tmp_path: Path
) -> None:
    assert any(
        (found, where) == (line, path) and words in sentence
        for found, where, sentence in faults_of(text, tmp_path)
    )


def test_a_bomb_of_aliases_is_refused_quickly(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    assert any("aliases" in sentence for _, _, sentence in faults_of(bomb, tmp_path))


def test_a_file_that_is_too_large_or_not_utf8_is_refused(tmp_path: Path) -> None:
    directory = make_estate(tmp_path / "estates" / "small", "")
    for content in (b"#" * (2 * 1024 * 1024), b"name: \xff\n"):
        (directory / "estate.yml").write_bytes(content)
        with pytest.raises(InputFault):
            declarations.load_estate(str(directory), Places(tmp_path))


def test_an_estate_is_found_by_path_by_name_and_in_the_working_directory(
    tmp_path: Path, places: Places
) -> None:
    listed = make_estate(tmp_path / "estates" / "listed", "")
    near = make_estate(tmp_path / "inventories" / "near", "")
    assert declarations.load_estate(str(listed), places).directory == listed
    assert declarations.load_estate("listed", places).directory == listed
    assert declarations.load_estate("near", places).directory == near
    assert list(declarations.list_estates(places).values()) == [listed, near]


def test_an_estate_that_does_not_exist_is_a_usage_fault_that_helps(
    tmp_path: Path, places: Places
) -> None:
    make_estate(tmp_path / "estates" / "ministry", "")
    for name, words in (("minstry", "Did you mean ministry?"), ("lab", "opsbook lab up")):
        with pytest.raises(UsageFault) as caught:
            declarations.load_estate(name, places)
        assert caught.value.next_step is not None
        assert words in caught.value.next_step.english()


def test_a_folder_is_all_it_takes_to_add_a_runbook(tmp_path: Path) -> None:
    folder = make_runbook(tmp_path / "catalog", "my_own", "[]")
    assert declarations.load_runbook("my-own").name == "my_own"
    assert declarations.runbook_directory("my_own") == folder
    assert folder in declarations.list_runbooks()


def test_a_folder_does_not_take_the_place_of_a_runbook_that_came_with_opsbook(
    tmp_path: Path,
) -> None:
    make_runbook(tmp_path / "catalog", "host_survey", "[]")
    make_runbook(tmp_path / "runbooks" / "catalog", "host_survey", "[]")
    assert declarations.ships_with_us(declarations.runbook_directory("host_survey"))


@pytest.mark.parametrize("name", ["nothing", "../catalog/x", "", "a/b", "x\n", "-", "host_survey/"])
def test_a_runbook_that_does_not_exist_is_a_usage_fault(name: str) -> None:
    with pytest.raises(UsageFault):
        declarations.load_runbook(name)


def test_a_runbook_is_named_as_its_folder_and_its_files_exist(tmp_path: Path) -> None:
    folder = make_runbook(tmp_path / "catalog", "mine", "[]", more="verification: {suite: v}\n")
    (folder / "runbook.yml").write_text(
        (folder / "runbook.yml").read_text().replace("name: mine", "name: other"), encoding="utf-8"
    )
    with pytest.raises(InputFault) as caught:
        declarations.load_runbook("mine")
    assert [(f.path, f.problem.english()) for f in caught.value.faults] == [
        ("name", "must be mine, as its folder"),
        ("verification.suite", "there is no v"),
    ]


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/playbook.yml", "a/../../b", "a b", ""])
def test_a_path_out_of_the_runbook_is_refused(path: str, tmp_path: Path) -> None:
    folder = make_runbook(tmp_path / "catalog", "mine", "[]")
    text = RUNBOOK % {"name": "mine", "timeout": "1m"}
    (folder / "runbook.yml").write_text(text.replace("playbook.yml", f"'{path}'"), encoding="utf-8")
    with pytest.raises(InputFault) as caught:
        declarations.load_runbook("mine")
    assert "a path is relative" in caught.value.faults[0].problem.english()
