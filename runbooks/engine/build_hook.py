"""The build hook (hatchling): what goes into a wheel, an sdist and an editable install.

Roles, plugins, runbooks and templates live in folders of their own at the top of the repository
and ship inside the package, below ``opsbook/_content``. :data:`FOLDERS` is the only table of it.

- A wheel and an sdist carry files that git tracks and no others, so that a key lying about in
  ``roles/`` never ships. An sdist carries that list, because it has no git.
- An editable install gets relative directory links, so that edits are live.
- The collection's ``galaxy.yml`` and ``meta/runtime.yml`` come from the project's metadata, and
  message catalogues are compiled, in all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "runbooks/engine/opsbook"
COLLECTION = "ansible_collections/opsbook/runbooks"
FOLDERS = {
    "roles": f"{COLLECTION}/roles",
    "plugins": f"{COLLECTION}/plugins",
    "runbooks/catalog": f"{COLLECTION}/playbooks",
    "reports/templates": "templates",
    "inventories/lab": "inventories/lab",
}
"""Folder of the repository -> folder below ``opsbook/_content``."""

FILE_LIST = ".tracked-files"
"""In an sdist only: the list of the files git tracked, ended by NUL bytes."""


class OpsbookBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for every target."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add our files to the build; ``version`` is ``editable`` or ``standard``."""
        root = Path(self.root)
        if version == "editable":
            link_content(root, root / PACKAGE / "_content", self._generated())
            for catalogue in sorted((root / PACKAGE).glob("text/locale/*/LC_MESSAGES/*.po")):
                catalogue.with_suffix(".mo").write_bytes(compiled(catalogue))
            return
        tracked = tracked_files(root)
        self._made = Path(tempfile.mkdtemp(prefix="opsbook-build-"))
        if self.target_name == "sdist":
            listing = self._made / FILE_LIST
            listing.write_bytes(b"".join(os.fsencode(name) + b"\0" for name in tracked))
            included = {str(root / name): name for name in tracked}
            build_data["force_include"].update({**included, str(listing): FILE_LIST})
            return
        build_data["force_include"].update(dict(wheel_files(root, tracked)))
        build_data["force_include"].update(dict(self._made_files(root, tracked)))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was generated for the build."""
        if hasattr(self, "_made"):
            shutil.rmtree(self._made)

    def _generated(self) -> dict[str, str]:
        return generated_files(
            str(self.metadata.version), str(self.metadata.core.description), _ansible(self.metadata)
        )

    def _made_files(self, root: Path, tracked: list[str]) -> Iterator[tuple[str, str]]:
        """Write generated files and compiled catalogues outside the tree: source, target."""
        made = {
            f"opsbook/_content/{name}": text.encode() for name, text in self._generated().items()
        }
        for name in tracked:
            if name.startswith(f"{PACKAGE}/text/locale/") and name.endswith(".po"):
                target = _below(name, PACKAGE, "opsbook").removesuffix(".po") + ".mo"
                made[target] = compiled(root / name)
        for target, content in made.items():
            source = self._made / target
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(content)
            yield str(source), target


def tracked_files(root: Path) -> list[str]:
    """Names, relative to ``root``, of the files git tracks (or that an sdist's list names).

    Raises RuntimeError where neither can be had, and for links: what they lead to is not tracked.
    """
    if (root / ".git").exists():
        listed = _git(root, "ls-files", "-z", "--cached")
    elif (root / FILE_LIST).is_file():
        listed = (root / FILE_LIST).read_bytes()
    else:
        raise RuntimeError(f"{root} is neither a git checkout nor an unpacked sdist of opsbook")
    names = sorted(os.fsdecode(name) for name in set(listed.split(b"\0")) if name)
    links = [name for name in names if (root / name).is_symlink()]
    if links:
        raise RuntimeError(f"links cannot be packaged, please replace them: {', '.join(links)}")
    return [name for name in names if (root / name).is_file()]


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], check=False, capture_output=True
        )
    except FileNotFoundError as error:
        raise RuntimeError("building from a checkout needs git; install it first") from error
    if done.returncode:
        raise RuntimeError(f"git cannot list the files to package: {done.stderr.decode()}")
    return done.stdout


def wheel_files(root: Path, tracked: list[str]) -> Iterator[tuple[str, str]]:
    """The tracked files of the package and of :data:`FOLDERS`: source, place in the wheel."""
    places = {PACKAGE: "opsbook"}
    places |= {folder: f"opsbook/_content/{place}" for folder, place in FOLDERS.items()}
    for name in tracked:
        for folder, place in places.items():
            if name.startswith(folder + "/"):
                yield str(root / name), _below(name, folder, place)


def _below(name: str, folder: str, place: str) -> str:
    return place + name.removeprefix(folder)


def link_content(root: Path, content: Path, generated: dict[str, str]) -> None:
    """Make ``content`` hold relative links to :data:`FOLDERS` and the generated files, only those.

    What is right already is left alone: others may be running from it.
    """
    wanted = {content / name for name in (*FOLDERS.values(), *generated)}
    for directory, below, files in os.walk(content, followlinks=False):
        for path in (Path(directory, name) for name in (*below, *files)):
            if path not in wanted and (path.is_symlink() or path.is_file()):
                path.unlink()
    for folder, place in FOLDERS.items():
        link = content / place
        link.parent.mkdir(parents=True, exist_ok=True)
        target = os.path.relpath(root / folder, link.parent)
        if not link.is_symlink() or os.readlink(link) != target:  # noqa: PTH115
            link.unlink(missing_ok=True)
            link.symlink_to(target, target_is_directory=True)
    for name, text in generated.items():
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_text(text, encoding="utf-8")


def generated_files(version: str, description: str, requires_ansible: str) -> dict[str, str]:
    """The collection's own metadata, by name below ``_content``."""
    return {
        f"{COLLECTION}/galaxy.yml": (
            "namespace: opsbook\n"
            "name: runbooks\n"
            f"version: {version}\n"
            "readme: README.md\n"
            "authors: [the authors of opsbook]\n"
            f'description: "{description}"\n'
        ),
        f"{COLLECTION}/meta/runtime.yml": f'---\nrequires_ansible: "{requires_ansible}"\n',
        f"{COLLECTION}/README.md": (
            f"# opsbook.runbooks {version}\n\n{description}.\n\n"
            "Installed and used by the `opsbook` command, which it ships with.\n"
        ),
    }


def _ansible(metadata: Any) -> str:
    """The range of ansible-core the project declares, such as ``>=2.19,<2.20``."""
    from packaging.requirements import Requirement

    for text in metadata.core.dependencies:
        requirement = Requirement(text)
        if requirement.name == "ansible-core":
            return ",".join(sorted(str(part) for part in requirement.specifier)[::-1])
    raise RuntimeError("pyproject.toml does not depend on ansible-core")


def compiled(catalogue: Path) -> bytes:
    """The binary form of a ``.po`` file, without entries that are fuzzy or not translated."""
    from io import BytesIO

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with catalogue.open("rb") as text:
        catalog = read_po(text, locale=catalogue.parent.parent.name)
    catalog.creation_date = datetime(2020, 2, 2, tzinfo=UTC)  # as in wheels; else it would be now
    binary = BytesIO()
    write_mo(binary, catalog)
    return binary.getvalue()
