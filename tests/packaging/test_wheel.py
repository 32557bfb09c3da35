"""What is in the wheel and the sdist, and that both are the same however they are made."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.packages import build, copy_of_the_checkout, run, succeed

CONTENT = "opsbook/_content"
COLLECTION = f"{CONTENT}/ansible_collections/opsbook/runbooks"
FOLDERS = {
    "roles": f"{COLLECTION}/roles",
    "plugins": f"{COLLECTION}/plugins",
    "runbooks/catalog": f"{COLLECTION}/playbooks",
    "reports/templates": f"{CONTENT}/templates",
    "inventories/lab": f"{CONTENT}/inventories/lab",
}


def _put(file: Path, text: str = "content\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def _digest(package: Path) -> str:
    return hashlib.sha256(package.read_bytes()).hexdigest()


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _read(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()


@pytest.mark.parametrize(("folder", "place"), FOLDERS.items())
def test_a_tracked_file_of_each_folder_ships_at_its_place(
    folder: str, place: str, checkout: Path, tmp_path: Path
) -> None:
    _put(checkout / folder / "some_thing" / "tasks" / "main.yml")
    succeed("git", "add", "--all", cwd=checkout)
    assert f"{place}/some_thing/tasks/main.yml" in _names(build("wheel", checkout, tmp_path / "o"))


@pytest.mark.parametrize(
    "secret", [*(f"{folder}/vault.key" for folder in FOLDERS), "runbooks/engine/opsbook/vault.key"]
)
def test_a_file_that_git_does_not_track_ships_in_nothing(
    secret: str, checkout: Path, tmp_path: Path
) -> None:
    _put(checkout / secret, "BEGIN PRIVATE KEY")
    assert not [n for n in _names(build("wheel", checkout, tmp_path / "w")) if "vault.key" in n]
    with tarfile.open(build("sdist", checkout, tmp_path / "s")) as archive:
        assert not [name for name in archive.getnames() if "vault.key" in name]


def test_an_ignored_file_does_not_ship_either(checkout: Path, tmp_path: Path) -> None:
    _put(checkout / ".gitignore", "*.key\n")
    _put(checkout / "roles" / "x" / "files" / "vault.key")
    assert not [n for n in _names(build("wheel", checkout, tmp_path / "w")) if "vault.key" in n]


def test_a_link_is_refused_since_it_would_ship_what_git_does_not_track(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / "roles").mkdir(exist_ok=True)
    (checkout / "roles" / "shadow").symlink_to("/etc/shadow")
    succeed("git", "add", "--all", cwd=checkout)
    done = run(sys.executable, "-m", "build", "--no-isolation", "-o", tmp_path, ".", cwd=checkout)
    assert done.returncode != 0
    assert "roles/shadow" in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_a_tree_without_git_that_is_no_sdist_is_refused(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".git")
    done = run(sys.executable, "-m", "build", "--no-isolation", "-o", tmp_path, ".", cwd=checkout)
    assert done.returncode != 0
    assert "neither a git checkout nor an unpacked sdist" in done.stdout + done.stderr


def test_a_wheel_from_an_sdist_has_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    _put(checkout / "roles" / "some_role" / "tasks" / "main.yml")
    succeed("git", "add", "--all", cwd=checkout)
    direct = build("wheel", checkout, tmp_path / "direct")
    with tarfile.open(build("sdist", checkout, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    _put(source / "roles" / "some_role" / "left-over.key")
    through = build("wheel", source, tmp_path / "through")
    assert _digest(through) == _digest(direct)


def test_another_checkout_at_another_time_gives_the_same_bytes(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795250460")
    other = copy_of_the_checkout(tmp_path / "elsewhere" / "other")
    for file in other.rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        file.chmod(0o600)
    for kind in ("wheel", "sdist"):
        first = build(kind, checkout, tmp_path / kind / "first")
        second = build(kind, other, tmp_path / kind / "second")
        assert _digest(first) == _digest(second), kind


def test_only_one_name_is_installed(checkout: Path, tmp_path: Path) -> None:
    wheel = build("wheel", checkout, tmp_path / "w")
    tops = {name.split("/")[0] for name in _names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"opsbook"}


def test_the_collection_has_the_version_of_the_project(checkout: Path, tmp_path: Path) -> None:
    package = checkout / "runbooks" / "engine" / "opsbook" / "__init__.py"
    package.write_text('"""A later one."""\n\n__version__ = "7.8.9"\n')
    wheel = build("wheel", checkout, tmp_path / "w")
    assert wheel.name.startswith("opsbook-7.8.9-")
    assert "version: 7.8.9\n" in _read(wheel, f"{COLLECTION}/galaxy.yml")
    assert "requires_ansible: " in _read(wheel, f"{COLLECTION}/meta/runtime.yml")


def test_catalogues_ship_compiled_and_do_not_tell_when(checkout: Path, tmp_path: Path) -> None:
    wheel = build("wheel", checkout, tmp_path / "w")
    with zipfile.ZipFile(wheel) as archive:
        catalogue = archive.read("opsbook/text/locale/zh_CN/LC_MESSAGES/opsbook.mo")
    assert b"POT-Creation-Date: 2020-02-02" in catalogue


def _editable(checkout: Path, out: Path) -> Path:
    code = "import sys, hatchling.build as b; print(b.build_editable(sys.argv[1]))"
    out.mkdir(exist_ok=True)
    succeed(sys.executable, "-c", code, out, cwd=checkout)
    return checkout / "runbooks" / "engine" / "opsbook" / "_content"


def test_edits_are_live_in_an_editable_install(checkout: Path, tmp_path: Path) -> None:
    content = _editable(checkout, tmp_path / "e")
    for folder, place in FOLDERS.items():
        _put(checkout / folder / "new" / "main.yml", "later")
        assert (content.parent.parent / place / "new" / "main.yml").read_text() == "later"


def test_an_editable_install_leaves_nothing_for_git_and_survives_a_move(
    checkout: Path, tmp_path: Path
) -> None:
    _editable(checkout, tmp_path / "e")
    assert succeed("git", "status", "--porcelain", cwd=checkout).count("??") == 0
    _put(checkout / "roles" / "new" / "main.yml")
    moved = checkout.rename(tmp_path / "moved")
    assert (moved / "runbooks/engine" / FOLDERS["roles"] / "new" / "main.yml").is_file()


def test_an_editable_install_done_again_mends_links_and_keeps_what_they_lead_to(
    checkout: Path, tmp_path: Path
) -> None:
    role = _put(checkout / "roles" / "kept" / "main.yml")
    content = _editable(checkout, tmp_path / "e")
    collection = content.parent.parent / COLLECTION
    (collection / "roles").unlink()
    (collection / "roles").symlink_to("/nowhere")
    (content / "stale").symlink_to(checkout / "roles")
    _editable(checkout, tmp_path / "e")
    assert (collection / "roles" / "kept" / "main.yml").is_file()
    assert not (content / "stale").exists()
    assert role.is_file()
