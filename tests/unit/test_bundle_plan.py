"""Bundles, the part without IO: names, needs, indexes, the choice, manifests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.domains.patching.bundle import client, paths
from opsbook.domains.patching.bundle.choice import Offered, choose
from opsbook.domains.patching.bundle.gather import MOST_CHANGELOG, cut
from opsbook.domains.patching.bundle.index import Package, read_packages, read_release
from opsbook.domains.patching.bundle.manifest import (
    File,
    beyond,
    identity,
    read_manifest,
)
from opsbook.domains.patching.bundle.need import System, asked, make_need, read_need
from opsbook.model.canonical import canonical
from opsbook.model.errors import InputFault

MADE = "2026-11-21T08:00:00.000000Z"
HASH = "a" * 64


@pytest.mark.parametrize(
    "path",
    ["debian/pool/main/o/openssl/openssl_3.0.22-1~deb12u2_amd64.deb", "a", "x/1%3a2.0+b_c-d"],
)
def test_names_as_archives_use_them_are_plain(path: str) -> None:
    assert paths.is_plain(path)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", ".hidden", "a/.b", "a\nb", "a b", "a\\b",
     "é", "a\0", "-o", "a/-rf", "x" * 300, "a/" * 130, "a/"],
)  # fmt: skip
def test_names_that_could_lead_elsewhere_are_not(path: str) -> None:
    assert not paths.is_plain(path)


@given(st.text())
def test_any_text_becomes_one_plain_part(text: str) -> None:
    assert paths.is_plain(paths.segment(text))
    assert "/" not in paths.segment(text)
    assert paths.is_plain(paths.slug(text))


def _need(packages: dict[str, dict[str, int]], hosts: int = 1) -> System:
    return System(codename="ursula", arch="amd64", hosts=hosts, packages=packages)


def _offer(name: str, version: str, *needs: str, arch: str = "amd64", root: str = "a") -> Offered:
    alternatives = tuple(tuple(one.split("|")) for one in needs)
    file = f"pool/{name}_{version}.deb"
    return Offered(root, Package(name, version, arch, name, version, file, 1, HASH, alternatives))


def _chosen(system: System, *offers: Offered) -> list[str]:
    found = choose(system, lambda names: [one for one in offers if one.package.name in names])
    return [f"{one.package.name} {one.package.version}" for one in found]


def test_the_newest_of_what_is_installed_is_chosen() -> None:
    system = _need({"ssl": {"1.0-1": 1}, "zip": {"2": 1}})
    offers = [_offer("ssl", v) for v in ("1.0-1+u9", "1.0-1+u10", "1.0-1")]
    assert _chosen(system, *offers, _offer("zip", "2"), _offer("other", "9")) == ["ssl 1.0-1+u10"]


def test_one_host_that_is_behind_is_reason_enough() -> None:
    system = _need({"ssl": {"1.0": 1, "1.1": 9}}, hosts=10)
    assert _chosen(system, _offer("ssl", "1.1")) == ["ssl 1.1"]


def test_a_new_dependency_is_taken_with_what_it_needs_itself() -> None:
    system = _need({"app": {"1": 1}, "libc": {"1": 1}})
    offers = [
        _offer("app", "2", "libc", "new|old"),
        _offer("new", "1", "deep"),
        _offer("deep", "1"),
    ]
    assert _chosen(system, *offers, _offer("libc", "1")) == ["app 2", "deep 1", "new 1"]


def test_a_dependency_that_only_some_hosts_have_is_taken() -> None:
    system = _need({"app": {"1": 2}, "lib": {"1": 1}}, hosts=2)
    assert _chosen(system, _offer("app", "2", "lib"), _offer("lib", "1")) == ["app 2", "lib 1"]


def test_an_installed_alternative_is_enough() -> None:
    system = _need({"app": {"1": 1}, "mawk": {"1": 1}})
    assert _chosen(system, _offer("app", "2", "gawk|mawk"), _offer("gawk", "1")) == ["app 2"]


def test_dependencies_in_a_circle_end() -> None:
    system = _need({"app": {"1": 1}})
    offers = [_offer("app", "2", "one"), _offer("one", "1", "two"), _offer("two", "1", "one")]
    assert _chosen(system, *offers) == ["app 2", "one 1", "two 1"]


def test_packages_of_another_architecture_are_passed_over() -> None:
    system = _need({"app": {"1": 1}})
    assert _chosen(system, _offer("app", "3", arch="arm64"), _offer("app", "2", arch="all")) == [
        "app 2"
    ]


def test_a_need_has_no_names_of_hosts_and_counts_versions() -> None:
    answers = [("ursula", "amd64", {"ssl": "1"}), ("ursula", "amd64", {"ssl": "2", "zip": "1"})]
    need = make_need("city", MADE, answers, 1)
    assert read_need(need.to_bytes()) == need
    (system,) = need.systems
    assert system.packages == {"ssl": {"1": 1, "2": 1}, "zip": {"1": 1}}
    assert (system.everywhere("ssl"), system.everywhere("zip"), need.without) == (True, False, 1)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("system ursula amd64\ninstalled ssl 1.0-1\nconfig-files old 1\n", {"ssl": "1.0-1"}),
        ("system ursula amd64\ninstalled ssl 1.0-1; rm -rf /\ninstalled zip 2\n", {"zip": "2"}),
        ("system - amd64\ninstalled ssl 1\n", None),
        ("sh: dpkg: not found\n", None),
        ("system ursula amd64\n", None),
        ("", None),
    ],
)
def test_a_hosts_answer_is_read_and_never_believed(
    output: str, told: dict[str, str] | None
) -> None:
    found = asked(output)
    assert (found[2] if found else None) == told


def test_a_host_that_calls_its_packages_oddly_makes_no_need() -> None:
    with pytest.raises(InputFault, match="need"):
        make_need("city", MADE, [("ursula", "amd64", {"../x": "1"})], 0)


RELEASE = f"""Origin: Test
Label: Test-Security
Suite: stable-security
Codename: ursula-security
Date: Wed, 18 Nov 2026 10:00:00 UTC
Valid-Until: Wed, 25 Nov 2026 10:00:00 UTC
Acquire-By-Hash: yes
MD5Sum:
 {"0" * 32} 1 main/binary-amd64/Packages
SHA256:
 {HASH} 123 main/binary-amd64/Packages.xz
 nonsense
 {HASH[:-1]} 1 main/short
"""


def test_a_release_is_read() -> None:
    release = read_release(RELEASE)
    assert release.codename == "ursula-security"
    assert release.valid_until == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert release.hashes == {"main/binary-amd64/Packages.xz": (HASH, 123)}
    assert release.by_hash


@pytest.mark.parametrize("text", ["", "Origin: x\n", RELEASE.split("SHA256")[0],
                                  RELEASE.replace("Wed, 18", "Wen, 99")])  # fmt: skip
def test_a_release_without_hashes_or_date_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_release(text)


STANZA = f"""Package: libssl3
Source: openssl (3.0.20-1)
Version: 3.0.20-1+b1
Architecture: amd64
Depends: libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0, libfoo:any
Description: a library
 with more words
Filename: pool/main/o/openssl/libssl3.deb
Size: 10
SHA256: {HASH}
"""


def test_a_package_of_an_index_is_read() -> None:
    (found,) = read_packages(STANZA.splitlines())
    assert (found.source, found.source_version) == ("openssl", "3.0.20-1")
    assert found.needs == (("libc6",), ("debconf", "debconf-2.0"), ("libfoo",))


def test_only_packages_that_are_asked_for_are_read() -> None:
    text = STANZA + "\n" + STANZA.replace("libssl3", "zip") + "\n\n" + "Package: half"
    assert [one.name for one in read_packages(text.splitlines(), {"zip"})] == ["zip"]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("pool/main/o", "../.."), ("Size: 10", "Size: ten"), (HASH, "b" * 63), ("3.0.20-1+b1", "/x"),
     ("Package: libssl3", "Package: lib ssl3")],
)  # fmt: skip
def test_a_package_that_is_not_in_order_is_passed_over(was: str, becomes: str) -> None:
    assert not list(read_packages(STANZA.replace(was, becomes).splitlines()))


@given(st.lists(st.text(alphabet="PackageVrsion: \n\t-1.", max_size=30)))
def test_reading_an_index_never_breaks(lines: list[str]) -> None:
    list(read_packages(lines))


def _manifest(**changes: Any) -> bytes:
    file = {"path": "debian/dists/ursula/InRelease", "size": 1, "sha256": HASH, "kind": "release",
            "carried": True, "source": "", "version": ""}  # fmt: skip
    archive = {"root": "debian", "suite": "ursula", "codename": "ursula", "components": ["main"],
               "archs": ["amd64"], "origin": "Test", "label": "Test", "date": MADE,
               "valid_until": None}  # fmt: skip
    data: dict[str, Any] = {"schema": "opsbook.patching-bundle/1", "made": MADE, "estate": "city",
                            "need": HASH, "since": None, "archives": [archive],
                            "files": [file]}  # fmt: skip
    return canonical(data | changes)


def _file(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "size": 1, "sha256": HASH, "kind": "deb", **more}


def test_a_manifest_survives_being_written_and_read() -> None:
    manifest = read_manifest(_manifest())
    assert manifest.to_bytes() == _manifest()
    assert identity(manifest.to_bytes()) == identity(_manifest())


FIRST = json.loads(_manifest())["files"][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"files": []},
        {"files": [FIRST, FIRST]},
        {"files": [FIRST, _file("../../etc/cron.d/x")]},
        {"files": [FIRST, _file("/etc/cron.d/x")]},
        {"files": [FIRST, _file("debian/dists")]},
        {"files": [FIRST, _file("debian/dists/ursula/InRelease/x")]},
        {"files": [FIRST, _file("debian/x", size=-1)]},
        {"files": [FIRST, _file("debian/x", size=2**40)]},
        {"files": [FIRST, _file("debian/x", sha256="no")]},
        {"files": [FIRST, _file("debian/x", kind="link")]},
        {"files": [FIRST, _file("debian/x", carried=False)]},
        {"files": [FIRST, _file("changelogs/x", kind="changelog")]},
        {"files": [_file("debian/x")]},
        {"archives": []},
        {"schema": "opsbook.patching-bundle/2"},
        {"since": "x"},
        {"made": "yesterday"},
        {"extra": 1},
    ],
)
def test_a_manifest_that_is_not_in_order_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputFault, match=r"manifest\.json"):
        read_manifest(_manifest(**changes))


@pytest.mark.parametrize(
    "data", [b"", b"[" * 100_000, b"{}", b'{"a":1,"a":2}', b"\xff", b"null", b"NaN"]
)
def test_what_is_no_manifest_is_said(data: bytes) -> None:
    with pytest.raises(InputFault):
        read_manifest(data)


def test_only_what_the_earlier_bundle_has_not_is_carried() -> None:
    files = [File.model_validate(_file(path), strict=False) for path in ("b", "a", "c")]
    found = beyond(files, {"a": HASH, "b": "b" * 64, "gone": HASH})
    assert {one.path: one.carried for one in found} == {"a": False, "b": True, "c": True}
    assert [one.path for one in found] == ["a", "b", "c"]


def test_a_long_changelog_is_cut_after_an_entry() -> None:
    entry = b"app (1) x; urgency=low\n\n  * " + b"word " * 1000 + b"\n\n -- me <m@x>  date\n\n"
    text = cut(entry * 100)
    assert len(text) <= MOST_CHANGELOG
    assert text.endswith(b" -- me <m@x>  date\n")
    assert cut(entry) == entry
    assert len(cut(b"x" * 10 * MOST_CHANGELOG)) == MOST_CHANGELOG


def test_sources_for_hosts_check_dates_unless_staleness_was_accepted() -> None:
    archives = read_manifest(_manifest()).archives
    text = client.sources(archives, "http://192.0.2.7:8181")
    assert "URIs: http://192.0.2.7:8181/debian\nSuites: ursula\n" in text
    assert "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" in text
    assert "Check-Valid-Until" not in text
    assert "Check-Valid-Until: no" in client.sources(archives, "http://x", stale=True)
    assert "trusted" not in text
