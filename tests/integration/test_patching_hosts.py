"""Patching on a real root with dpkg and apt: exactly the plan, and exactly back."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.debs import make_archive, make_deb
from support.roots import Root, base_image

CHANGE = "CHG-20261121-001"
FAILS = "test ! -e /etc/fail-now\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A host with packages of an old version installed, and an archive with newer ones."""
    place = tmp_path_factory.mktemp("site")
    old, new = place / "old", place / "new"
    for directory, version in ((old, "1.0-1"), (new, "1:1.1-1")):
        directory.mkdir()
        build(directory, version)
    root = Root(place / "root", [base_image()])
    archive = root.path("/srv/archive")
    shutil.copytree(new, archive)
    shutil.copy(next(old.glob("try-lib_*")), archive)  # the only old version still to be had
    make_archive(archive)
    shutil.copytree(old, root.path("/root/old"))
    root.path("/etc/apt").mkdir(parents=True)
    root.path("/etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/archive ./\n")
    root.sh("apt-get update -q; dpkg -i /root/old/*.deb; rm -r /root/old; apt-mark auto try-lib")
    root.sh("echo 'own text' >> /etc/try-app/own.conf; chmod 640 /etc/try-app/own.conf;"
            "chown 1000:4 /etc/try-app/own.conf; ln -s /etc/hostname /etc/try-app/link")  # fmt: skip
    return root


def build(directory: Path, version: str) -> None:
    """Five packages of one version."""
    new = version != "1.0-1"
    etc = {"etc/try-app/own.conf": f"delivered {version}\n", "etc/try-app/same.conf": version}
    make_deb(
        directory, "try-app", version,
        {**etc, **({"etc/try-app/new.conf": "new\n"} if new else {"usr/share/try-app/gone": ""})},
        scripts={"postinst": f"echo {version} > /var/lib/try-app-ran\n"},
        Depends=f"try-lib (= {version})",
    )  # fmt: skip
    make_deb(directory, "try-lib", version, arch="amd64", Source="try-src (2.0)")
    make_deb(directory, "try-fails", version, scripts={"postinst": FAILS if new else ""})
    make_deb(directory, "try-kept", version, **({"Depends": "try-extra"} if new else {}))
    if new:
        make_deb(directory, "try-extra", version)
    make_deb(directory, "try-held", version)


@pytest.fixture
def host(site: Root, tmp_path: Path) -> Root:
    """A fresh copy of the site's host."""
    return Root(tmp_path / "host", site.layer())


def survey(host: Root) -> dict[str, Any]:
    result = host.module("patching_survey")
    assert result["changed"] is False
    evidence: dict[str, Any] = result["opsbook_evidence"]
    return evidence


def plan_of(seen: dict[str, Any], *names: str) -> dict[str, Any]:
    """A host's plan of these candidates, as the engine makes it."""
    ways = {row["package"]: row["how"] for row in seen["undo"]}
    items = [
        {"key": f"package:{row['package']}:{row['arch']}",
         "detail": {**row, "undo": ways[row["package"]]}}
        for row in seen["candidates"] if not names or row["package"] in names
    ]  # fmt: skip
    return {"items": items, "given": {"restart": "affected", "services": [], "reboot": "never"}}


def state(host: Root) -> dict[str, str]:
    """dpkg's database, marks and every file of the host that patching may touch."""
    found = {"status": host.sh("cat /var/lib/dpkg/status"),
             "marks": host.sh("apt-mark showauto; apt-mark showhold")}  # fmt: skip
    listing = host.sh(
        "find /etc /usr/share/try-* /var/lib/dpkg/info -printf '%p %y %m %U %G %l\\n' | sort;"
        "find /etc /usr/share/try-* /var/lib/dpkg/info -type f -print0 | sort -z | xargs -0 sha256sum"
    )
    found["files"] = hashlib.sha256(listing.encode()).hexdigest()
    found["listing"] = listing
    return found


def test_the_survey_tells_candidates_ways_back_and_their_needs(host: Root) -> None:
    seen = survey(host)
    rows = {row["package"]: row for row in seen["candidates"] if row["package"].startswith("try")}
    assert set(rows) == {"try-app", "try-lib", "try-fails", "try-held"}
    lib = rows["try-lib"]
    assert (lib["from"], lib["to"], lib["source"], lib["source_version"]) == (
        "1.0-1", "1:1.1-1", "try-src", "2.0",
    )  # fmt: skip
    assert (lib["origin"], lib["suite"], lib["label"], lib["security"]) == (
        "Tests", "stable-security", "Tests", True,
    )  # fmt: skip
    assert rows["try-app"]["requires"] == ["try-lib:amd64"]
    assert rows["try-lib"]["requires"] == ["try-app:all"]
    kept = {row["package"]: (row["why"], row["needs"]) for row in seen["kept_back"]}
    assert kept == {"try-kept": ("needs", ["try-extra"])}
    assert seen["full"]["add"] == [{"package": "try-extra", "arch": "amd64", "to": "1:1.1-1"}]
    ways = {row["package"]: row["how"] for row in seen["undo"]}
    assert ways["try-lib"] == "archive"
    assert ways["try-app"] == "repack"
    assert {"package": "try-app", "arch": "all", "path": "/etc/try-app/own.conf"} in seen["conffiles"]
    assert {row["package"]: row.get("auto", False) for row in seen["installed"]}["try-lib"] is True


def test_a_survey_of_the_same_host_is_the_same(host: Root) -> None:
    one, other = survey(host), survey(host)
    for volatile in ("now", "space"):
        one.pop(volatile)
        other.pop(volatile)
    assert one == other


def test_a_change_is_applied_exactly_and_undone_byte_for_byte(host: Root) -> None:
    seen, before = survey(host), state(host)
    plan = plan_of(seen, "try-app", "try-lib", "try-fails")
    prepared = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert prepared["opsbook_prepared"]["undo"] == {"possible": 3, "total": 3}
    assert prepared["opsbook_prepared"]["how"] == {"archive": 1, "repack": 2}
    assert state(host) == before
    applied = host.module("patching_apply", change=CHANGE, plan=plan)
    assert applied["changed"] is True
    assert applied["opsbook_evidence"]["applied"]["conffiles_kept"] == ["/etc/try-app/own.conf"]
    versions = {row["package"]: row for row in applied["opsbook_evidence"]["after"]["installed"]}
    assert versions["try-app"]["version"] == versions["try-lib"]["version"] == "1:1.1-1"
    assert versions["try-lib"]["auto"] is True
    assert versions["try-held"]["version"] == "1.0-1"
    undone = host.module("patching_undo", change=CHANGE, plan=plan)
    assert undone["opsbook_undone"]["verified"] is True
    after = state(host)
    assert after["listing"] == before["listing"]
    assert after == before
