"""What the patching modules make of texts that apt, dpkg and rpm write. No IO."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.patching import effects
from opsbook.domains.patching import snapshot as engine_snapshot
from opsbook.execution.declared.declarations import collection
from support.module_utils import on_host, patching

PLUGINS = collection() / "plugins"
SOURCES = [
    *sorted((PLUGINS / "module_utils").glob("*/*.py")),
    *sorted((PLUGINS / "modules").glob("*_*.py")),
]
STANDARD = {
    "__future__", "ansible", "ansible_collections", "ast", "base64", "calendar", "contextlib",
    "errno", "fcntl", "fnmatch", "grp", "pwd", "shlex", "unicodedata",
    "functools", "glob", "gzip", "hashlib", "io", "ipaddress", "json", "os", "platform", "re",
    "shutil", "stat", "struct", "subprocess", "sys", "tarfile", "tempfile", "time", "typing",
    "lzma", "zlib", "bz2", "pathlib", "urllib",
}  # fmt: skip
SYSTEMS_OWN = {"dnf", "hawkey"}

SUMMARY = """\
Reading package lists...
The following packages were automatically installed and are no longer required:
   old-lib (1.0)
The following packages will be REMOVED:
   gone (1.0-1)
   purged* (1.0-1)
The following NEW packages will be installed:
   extra:i386 (2.0)
The following packages have been kept back:
   waiting (1.0 => 2.0)
The following upgrades have been deferred due to phasing:
   phased (1.0 => 1.1)
The following packages will be upgraded:
   bash (5.1-1 => 5.1-2)
   libc6:i386 (1:2.36 => 1:2.37~rc1)
The following packages will be DOWNGRADED:
   back (2:2.0 => 1.9)
3 upgraded, 1 newly installed, 2 to remove and 1 not upgraded.
Need to get 0 B/1 B of archives.
'http://host/pool/b/bash.deb' bash_5.1-2_amd64.deb 1 SHA256:00
"""


def test_a_summary_of_apt_is_read_section_by_section() -> None:
    simulation = patching("simulation")
    found = simulation.read_summary(on_host("commands").Done(0, SUMMARY, ""))
    assert found.trouble == ""
    assert found.changed == (
        ("back", "", "2:2.0", "1.9"), ("bash", "", "5.1-1", "5.1-2"),
        ("libc6", "i386", "1:2.36", "1:2.37~rc1"),
    )  # fmt: skip
    assert found.added == (("extra", "i386", "", "2.0"),)
    assert found.removed == (("gone", "", "1.0-1", ""), ("purged", "", "1.0-1", ""))
    assert found.kept == (("waiting", "", "1.0", "2.0"),)
    assert found.phased == (("phased", "", "1.0", "1.1"),)


def test_a_line_of_a_known_section_that_is_not_understood_is_trouble() -> None:
    text = "The following packages will be upgraded:\n   bash 5.1 to 5.2\n"
    found = patching("simulation").read_summary(on_host("commands").Done(0, text, ""))
    assert "bash 5.1 to 5.2" in found.trouble


def test_unmet_dependencies_are_told() -> None:
    text = " app : Depends: lib (= 2) but 1 is to be installed\n lib : PreDepends: x\n"
    done = on_host("commands").Done(100, text, "E: Unmet dependencies.\n")
    found = patching("simulation").read_summary(done)
    assert [name for name, _ in found.broken] == ["app", "lib"]
    assert found.trouble == "E: Unmet dependencies."


@given(st.text(max_size=400))
def test_no_output_of_apt_makes_the_reader_fail(text: str) -> None:
    patching("simulation").read_summary(on_host("commands").Done(0, text, ""))


VERSIONS = [
    ("1.0", "1.0", 0), ("1.0~rc1", "1.0", -1), ("1.0", "1.0+b1", -1), ("1:0.1", "9", 1),
    ("1.0-1", "1.0-1+deb12u1", -1), ("1.10", "1.9", 1), ("0:1", "1", 0), ("1.0-0", "1.0", 0),
    ("2a", "2.1", -1), ("1-a-1", "1-a-2", -1), ("007", "7", 0), ("1~~", "1~", -1),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "sign"), VERSIONS)
def test_versions_are_ordered_as_dpkg_orders_them(one: str, other: str, sign: int) -> None:
    compare = patching("debversions").compare
    assert (compare(one, other), compare(other, one)) == (sign, -sign)


PLACES = [
    ("http://host/debian", "bookworm/main", "host_debian_dists_bookworm"),
    ("https://host:8080/a_b~c/", "sid/main", "host:8080_a%5fb%7ec_dists_sid"),
    ("file:/srv/archive", "./", "_srv_archive_."),
    ("http://host/debian", "bookworm/updates/main", "host_debian_dists_bookworm_updates"),
]  # fmt: skip


@pytest.mark.parametrize(("uri", "suite", "name"), PLACES)
def test_the_lists_of_an_archive_are_found_by_its_place(uri: str, suite: str, name: str) -> None:
    assert patching("aptlists").list_name(uri, suite) == name


def offers(*rows: tuple[str, str, str, dict[str, str]]) -> list[Any]:
    """Offers of package, before, after and the fields of the newer version."""
    make = patching("depends").Offer
    return [make(name, "amd64", before, after, record) for name, before, after, record in rows]


def installed(*rows: tuple[str, str, dict[str, str]]) -> list[dict[str, str]]:
    return [{"Package": n, "Version": v, "Architecture": "amd64", **more} for n, v, more in rows]


NEEDS = {
    "a newer partner that is not there yet": (
        offers(("app", "1", "2", {"Depends": "lib (>= 2)"}), ("lib", "1", "2", {})),
        installed(("app", "1", {}), ("lib", "1", {})),
        {"app:amd64": ["lib:amd64"], "lib:amd64": []},
    ),
    "what is met already is not needed": (
        offers(("app", "1", "2", {"Depends": "lib (>= 1)"}), ("lib", "1", "2", {})),
        installed(("app", "1", {}), ("lib", "1", {})),
        {"app:amd64": [], "lib:amd64": []},
    ),
    "one alternative is enough": (
        offers(("app", "1", "2", {"Depends": "lib (>= 2) | other"}), ("lib", "1", "2", {})),
        installed(("app", "1", {}), ("lib", "1", {}), ("other", "1", {})),
        {"app:amd64": [], "lib:amd64": []},
    ),
    "a provided name counts": (
        offers(("app", "1", "2", {"Depends": "virtual"}),),
        installed(("app", "1", {}), ("real", "1", {"Provides": "virtual"})),
        {"app:amd64": []},
    ),
    "lockstep binds both ways": (
        offers(("app", "1", "2", {"Depends": "lib (= 2)"}), ("lib", "1", "2", {})),
        installed(("app", "1", {"Depends": "lib (= 1)"}), ("lib", "1", {})),
        {"app:amd64": ["lib:amd64"], "lib:amd64": ["app:amd64"]},
    ),
    "breaking the older partner": (
        offers(("lib", "1", "2", {"Breaks": "app (<< 2)"}), ("app", "1", "2", {})),
        installed(("app", "1", {}), ("lib", "1", {})),
        {"lib:amd64": ["app:amd64"], "app:amd64": []},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("some", "there", "expected"), NEEDS.values(), ids=NEEDS)
def test_upgrades_that_need_each_other_are_known(
    some: list[Any], there: list[dict[str, str]], expected: dict[str, list[str]]
) -> None:
    assert patching("depends").requirements(some, there) == expected


def test_conffiles_with_blanks_and_marks_are_read() -> None:
    fields = {
        "Conffiles": "\n /etc/a b.conf 0123\n /etc/old 4567 obsolete\n /etc/newconffile newconffile"
    }
    assert patching("dpkg").conffiles(fields) == [
        ("/etc/a b.conf", "0123", False), ("/etc/old", "4567", True),
        ("/etc/newconffile", "newconffile", False),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [
    ("bash-5.1.8-6.el9.src.rpm", ("bash", "5.1.8-6.el9")),
    ("a-b-c-1-2.src.rpm", ("a-b-c", "1-2")),
    ("(none)", ("", "")),
])  # fmt: skip
def test_the_source_of_an_rpm_is_read_of_its_file_name(
    text: str, expected: tuple[str, str]
) -> None:
    assert patching("rpmdb").source_of(text) == expected


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_code_for_hosts_is_python_3_8_of_the_standard_library(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 8))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert imported <= STANDARD | SYSTEMS_OWN


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_code_for_hosts_makes_no_types_that_python_3_8_lacks(source: Path) -> None:
    """``X = dict[str, str]`` is evaluated when it is imported; annotations are not."""
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            base = node.value.value
            assert not (isinstance(base, ast.Name) and base.id in ("dict", "list", "tuple", "set"))


def test_services_that_are_never_restarted_are_the_same_in_the_plan_and_on_hosts() -> None:
    assert patching("services").NEVER == effects.NOT_RESTARTED


@pytest.mark.parametrize("word", ["package", "arch", "version", "sha256"])
def test_what_a_plan_may_name_is_what_hosts_take(word: str) -> None:
    read = getattr(engine_snapshot, f"_{word.upper()}")
    taken = patching("names")._FORMS[word]
    assert (read.pattern, read.flags) == (taken.pattern, taken.flags)
