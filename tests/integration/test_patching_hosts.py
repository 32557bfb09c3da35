"""Patching on a real root with dpkg and apt: exactly the plan, and exactly back."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.debs import make_archive, make_deb
from support.roots import Root, image

CHANGE = "CHG-20261121-001"
FAILS = "test ! -e /etc/fail-now\n"
DIES = 'test "$(cat /etc/die-at 2>/dev/null)" != %s || kill -9 -1\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A host with packages of an old version installed, and an archive with newer ones."""
    place = tmp_path_factory.mktemp("site")
    old, new = place / "old", place / "new"
    for directory, version in ((old, "1.0-1"), (new, "1:1.1-1")):
        directory.mkdir()
        build(directory, version)
    root = Root(place / "root", image())
    archive = root.path("/srv/archive")
    shutil.copytree(new, archive)
    shutil.copy(next(old.glob("try-lib_*")), archive)  # the only old version still to be had
    make_archive(archive)
    shutil.copytree(old, root.path("/root/old"))
    root.path("/etc/apt").mkdir(parents=True)
    root.path("/etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/archive ./\n")
    root.sh("""
        dpkg --clear-avail # else dpkg takes sections and priorities of other packages from it
        apt-get update -q; dpkg -i /root/old/*.deb; rm -r /root/old; apt-mark auto try-lib
        echo 'own text' >> /etc/try-app/own.conf; ln -s /etc/hostname /etc/try-app/link
        chown 1000:4 /etc/try-app/own.conf; chmod 640 /etc/try-app/own.conf
    """)
    return root


def build(directory: Path, version: str) -> None:
    """Five packages of one version."""
    new = version != "1.0-1"
    etc = {"etc/try-app/own.conf": f"delivered {version}\n", "etc/try-app/same.conf": version}
    make_deb(
        directory, "try-app", version,
        {**etc, **({"etc/try-app/new.conf": "new\n"} if new else {"usr/share/try-app/gone": ""})},
        scripts=dying("try-app", f"echo {version} > /var/lib/try-app-ran\n"),
        Depends=f"try-lib (= {version})",
    )  # fmt: skip
    make_deb(directory, "try-lib", version, arch="amd64",
             scripts=dying("try-lib"), Source="try-src (2.0)")  # fmt: skip
    make_deb(directory, "try-fails", version, scripts={"postinst": FAILS if new else ""})
    make_deb(directory, "try-kept", version, **({"Depends": "try-extra"} if new else {}))
    if new:
        make_deb(directory, "try-extra", version)
    make_deb(directory, "try-held", version, {"usr/lib/systemd/system/try-held.service": version})


def dying(name: str, text: str = "") -> dict[str, str]:
    """Scripts that take the whole host down when its test says so."""
    kinds = ("preinst", "postinst", "prerm")
    return {kind: DIES % f"{name}-{kind}" + text * (kind == "postinst") for kind in kinds}


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
    return {"items": items, "given": {"restart": "affected", "restart_services": []}}


def state(host: Root) -> dict[str, str]:
    """dpkg's database, marks and every file of the host that patching may touch."""
    found = {"status": host.sh("cat /var/lib/dpkg/status"),
             "marks": host.sh("apt-mark showauto; apt-mark showhold")}  # fmt: skip
    listing = host.sh(
        "cd /; places='etc usr/share/try-* var/lib/dpkg/info';"
        "find $places -printf '%p %y %m %U %G %l\\n' | sort;"
        "find $places -type f -print0 | sort -z | xargs -0 sha256sum"
    )
    return {**found, "files": listing}


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
    assert {"package": "try-app", "arch": "all", "path": "/etc/try-app/own.conf"} in seen[
        "conffiles"
    ]
    assert {row["package"]: row.get("auto", False) for row in seen["installed"]}["try-lib"] is True


def test_a_survey_of_the_same_host_is_the_same(host: Root) -> None:
    one, other = survey(host), survey(host)
    for volatile in ("now", "space"):
        one.pop(volatile)
        other.pop(volatile)
    assert one == other


def differences(host: Root, before: dict[str, str]) -> list[str]:
    """What is not as it was, but for the delivered sum of a conffile whose delivered text
    nobody had any more.
    """
    own = re.compile(r"^ /etc/try-app/own.conf [0-9a-f]{32}\n", re.MULTILINE)
    found = []
    for name, now in state(host).items():
        lines = [own.sub("", text).split("\n") for text in (before[name], now)]
        found += difflib.unified_diff(*lines, name, name, lineterm="", n=1)
    return found


def prepared(host: Root, *names: str) -> dict[str, Any]:
    """The plan of these candidates, with its undo bundle made."""
    plan = plan_of(survey(host), *names)
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert "opsbook_prepared" in result, result
    return plan


def versions(host: Root) -> dict[str, str]:
    listed = host.sh("dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' 'try-*'")
    return {line.split()[0]: " ".join(line.split()[1:]) for line in listed.splitlines()}


def journal(host: Root) -> str:
    state: str = json.loads(host.path(f"/var/lib/opsbook/changes/{CHANGE}.json").read_text())[
        "state"
    ]
    return state


def test_a_change_is_applied_exactly_and_undone_byte_for_byte(host: Root) -> None:
    seen, before = survey(host), state(host)
    plan = plan_of(seen, "try-app", "try-lib", "try-fails")
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert result["opsbook_prepared"]["undo"] == {"possible": 3, "total": 3}
    assert result["opsbook_prepared"]["how"] == {"archive": 1, "repack": 2}
    assert state(host) == before
    again = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert (again["changed"], again["opsbook_prepared"]) == (False, result["opsbook_prepared"])
    applied = host.module("patching_apply", change=CHANGE, plan=plan)
    assert applied["changed"] is True
    assert applied["opsbook_evidence"]["applied"]["conffiles_kept"] == ["/etc/try-app/own.conf"]
    after = {row["package"]: row for row in applied["opsbook_evidence"]["after"]["installed"]}
    assert after["try-app"]["version"] == after["try-lib"]["version"] == "1:1.1-1"
    assert after["try-lib"]["auto"] is True
    assert after["try-held"]["version"] == "1.0-1"
    assert host.module("patching_apply", change=CHANGE, plan=plan)["changed"] is False
    undone = host.module("patching_undo", change=CHANGE, plan=plan)
    assert undone["opsbook_undone"]["verified"] is True
    assert differences(host, before) == []
    assert host.module("patching_undo", change=CHANGE, plan=plan)["changed"] is False
    assert "try-app" in {row["package"] for row in survey(host)["conffiles"]}


def test_check_mode_writes_nothing(host: Root) -> None:
    plan, before = plan_of(survey(host), "try-app", "try-lib"), state(host)
    for module in ("patching_prepare", "patching_apply"):
        result = host.module(module, change=CHANGE, plan=plan, _ansible_check_mode=True)
        assert result["changed"] is True
    assert state(host) == before
    assert not host.path("/var/lib/opsbook").exists()


def test_a_host_that_is_not_where_the_plan_starts_is_refused(host: Root) -> None:
    plan = prepared(host, "try-held")
    plan["items"][0]["detail"]["from"] = "0.9-1"
    host.path(f"/var/lib/opsbook/changes/{CHANGE}.json").unlink()
    for module in ("patching_prepare", "patching_apply"):
        result = host.module(module, change=CHANGE, plan=plan)
        assert result["failed"]
        assert "Nothing was" in result["msg"]
    assert versions(host)["try-held"] == "1.0-1 installed"


def test_a_held_package_is_refused_and_its_hold_survives(host: Root) -> None:
    plan = plan_of(survey(host), "try-held")
    host.sh("apt-mark hold try-held")
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert "try-held:all is held" in result["msg"]
    kept = {row["package"]: row["why"] for row in survey(host)["kept_back"]}
    assert kept["try-held"] == "held"


def test_a_plan_that_leaves_a_needed_partner_out_is_refused_before_writing(host: Root) -> None:
    before = state(host)
    result = host.module("patching_prepare", change=CHANGE, plan=plan_of(survey(host), "try-app"))
    assert result["failed"]
    assert "Nothing was installed" in result["msg"]
    assert state(host) == before
    assert not host.path(f"/var/lib/opsbook/undo/{CHANGE}").exists()


def test_another_file_than_the_planned_one_is_refused(host: Root) -> None:
    plan = plan_of(survey(host), "try-held")
    plan["items"][0]["detail"]["sha256"] = "0" * 64
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert "cannot be had as planned" in result["msg"]
    assert not host.path(f"/var/lib/opsbook/undo/{CHANGE}").exists()


HOSTILE = ["$(touch /ran)", "--purge", "../../x", "a b", "a\nb", "", "x=1", "a:i386"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_in_a_plan_are_refused(name: str, host: Root) -> None:
    plan = plan_of(survey(host), "try-held")
    plan["items"][0]["detail"]["package"] = name
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert "cannot be used" in result["msg"]
    assert not host.path("/ran").exists()


def test_a_damaged_bundle_or_package_file_is_refused(host: Root) -> None:
    plan = prepared(host, "try-held")
    forward = next(host.path(f"/var/lib/opsbook/undo/{CHANGE}/forward").iterdir())
    forward.write_bytes(forward.read_bytes() + b"x")
    assert "not there as planned" in host.module("patching_apply", change=CHANGE, plan=plan)["msg"]
    back = next(host.path(f"/var/lib/opsbook/undo/{CHANGE}/back").iterdir())
    back.write_bytes(back.read_bytes()[:-1])
    assert "is damaged" in host.module("patching_apply", change=CHANGE, plan=plan)["msg"]
    assert versions(host)["try-held"] == "1.0-1 installed"


def test_a_script_that_fails_half_way_fails_the_host_and_is_undone(host: Root) -> None:
    before = state(host)
    plan = prepared(host, "try-app", "try-lib", "try-fails")
    host.path("/etc").mkdir(exist_ok=True)
    host.sh("touch /etc/fail-now")
    result = host.module("patching_apply", change=CHANGE, plan=plan)
    assert result["failed"]
    assert "try-fails" in result["msg"]
    assert journal(host) == "applying"
    assert survey(host)["package_manager"]["interrupted"] is True
    undone = host.module("patching_undo", change=CHANGE, plan=plan)
    assert undone["opsbook_undone"]["verified"] is True, undone
    assert journal(host) == "undone"
    host.sh("rm /etc/fail-now")
    assert differences(host, before) == []


def test_an_applied_change_whose_script_is_mended_goes_on(host: Root) -> None:
    plan = prepared(host, "try-fails")
    host.sh("touch /etc/fail-now")
    assert host.module("patching_apply", change=CHANGE, plan=plan)["failed"]
    host.sh("rm /etc/fail-now")
    assert host.module("patching_apply", change=CHANGE, plan=plan)["changed"] is True
    assert versions(host)["try-fails"] == "1:1.1-1 installed"


def test_a_change_that_ends_with_a_boot_is_not_done_before_it(host: Root) -> None:
    plan = prepared(host, "try-app", "try-lib")
    plan["given"]["reboot"] = {"policy": "always", "expected": True}
    for _ in range(2):  # the second time is a resume whose process died before the boot
        applied = host.module("patching_apply", change=CHANGE, plan=plan)
        assert (applied["changed"], applied["opsbook_boot_owed"]) == (True, True), applied
        assert not applied["opsbook_evidence"]["applied"]["rebooted"]
        assert survey(host)["journal"] == {"change": CHANGE, "state": "applying"}
        host.sh("mv /srv/archive /srv/gone")
        assert not host.module("patching_prepare", change=CHANGE, plan=plan).get("failed")
        host.sh("mv /srv/gone /srv/archive")
    file = host.path(f"/var/lib/opsbook/changes/{CHANGE}.json")
    file.write_text(re.sub('"boot": "[^"]*"', '"boot": "an earlier one"', file.read_text()))
    assert survey(host)["journal"] == {"change": CHANGE, "state": "applied"}
    applied = host.module("patching_apply", change=CHANGE, plan=plan)
    assert (applied["changed"], applied["opsbook_boot_owed"]) == (False, False), applied
    assert applied["opsbook_evidence"]["applied"]["rebooted"]
    assert host.module("patching_undo", change=CHANGE, plan=plan)["opsbook_undone"]["verified"]


def test_a_package_manager_interrupted_before_is_refused_unless_repair_is_allowed(
    host: Root,
) -> None:
    plan = prepared(host, "try-held")
    host.sh(
        "touch /etc/fail-now; dpkg -i /srv/archive/try-fails_1%3a1.1-1_all.deb || rm /etc/fail-now"
    )
    refused = host.module("patching_apply", change=CHANGE, plan=plan)
    assert "interrupted before this change" in refused["msg"]
    assert versions(host)["try-held"] == "1.0-1 installed"
    result = host.module("patching_apply", change=CHANGE, plan=plan, repair=True)
    assert result["changed"] is True
    assert versions(host)["try-fails"] == "1:1.1-1 installed"


FULL = "mkdir -p $root/var/lib/opsbook; mount -t tmpfs -o size=%dk t $root/var/lib/opsbook"


@pytest.mark.parametrize("kib", [8, 40, 64, 120])
def test_a_full_disk_leaves_no_half_bundle(kib: int, host: Root) -> None:
    plan, before = plan_of(survey(host), "try-app", "try-lib"), state(host)
    script = FULL % kib
    result = host.module("patching_prepare", before=script, change=CHANGE, plan=plan)
    assert result["failed"]
    assert "No space left" in result["msg"] or "cannot be had" in result["msg"]
    assert state(host) == before


def test_packages_that_appear_and_disappear_are_undone_too(host: Root) -> None:
    before, seen = state(host), survey(host)
    plan = plan_of(seen, "try-kept")
    row = next(row for row in seen["kept_back"] if row["package"] == "try-kept")
    digest = host.sh("sha256sum /srv/archive/try-extra_*").split()[0]
    plan["items"] = [
        {"detail": row},
        {"detail": {"package": "try-extra", "arch": "all", "from": None, "to": "1:1.1-1",
                    "sha256": digest}},
        {"detail": {"package": "try-held", "arch": "all", "from": "1.0-1", "to": None}},
    ]  # fmt: skip
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert result["opsbook_prepared"]["undo"] == {"possible": 3, "total": 3}
    applied = host.module("patching_apply", change=CHANGE, plan=plan)
    assert applied["changed"] is True, applied
    assert versions(host)["try-extra"] == "1:1.1-1 installed"
    assert "try-held" not in versions(host)
    undone = host.module("patching_undo", change=CHANGE, plan=plan)
    assert undone["opsbook_undone"]["verified"] is True
    assert differences(host, before) == []


def test_a_host_that_was_patched_further_since_is_not_undone(host: Root) -> None:
    plan = prepared(host, "try-held")
    host.module("patching_apply", change=CHANGE, plan=plan)
    newer = make_deb(host.path("/root"), "try-held", "1:2.0-1")
    host.sh(f"dpkg -i /root/{newer.name}")
    result = host.module("patching_undo", change=CHANGE, plan=plan)
    assert "undo what came later first" in result["msg"]
    assert versions(host)["try-held"] == "1:2.0-1 installed"


JOURNALS = {"missing": None, "unreadable": "{", "begun": '{"state": "begun"}'}


@pytest.mark.parametrize("kept", [True, False], ids=["with its bundle", "without its bundle"])
@pytest.mark.parametrize("text", JOURNALS.values(), ids=JOURNALS)
def test_a_change_whose_journal_is_lost_is_undone_from_its_bundle_or_refused(
    text: str | None, kept: bool, host: Root
) -> None:
    before = state(host)
    plan = prepared(host, "try-held")
    assert host.module("patching_apply", change=CHANGE, plan=plan)["changed"] is True
    file = host.path(f"/var/lib/opsbook/changes/{CHANGE}.json")
    file.write_text(text) if text else file.unlink()
    if not kept:
        shutil.rmtree(host.path(f"/var/lib/opsbook/undo/{CHANGE}"))
    for check in (True, False):
        result = host.module("patching_undo", change=CHANGE, plan=plan, _ansible_check_mode=check)
        assert bool(result.get("failed")) is not kept, result
        assert kept or "there is no undo bundle to go back from. Nothing was" in result["msg"]
    assert versions(host)["try-held"] == ("1.0-1" if kept else "1:1.1-1") + " installed"
    assert not kept or differences(host, before) == []


def test_a_refusal_says_so_only_where_this_change_wrote_nothing(host: Root) -> None:
    plan = prepared(host, "try-held")
    host.sh("apt-mark hold try-held")
    refused = host.module("patching_apply", change=CHANGE, plan=plan)
    assert (refused["failed"], refused["opsbook_refused"]) == (True, True)
    host.sh("apt-mark unhold try-held")
    host.module("patching_apply", change=CHANGE, plan=plan)
    newer = make_deb(host.path("/root"), "try-held", "1:2.0-1")
    host.sh(f"dpkg -i /root/{newer.name}")
    for lost in (False, True):
        result = host.module("patching_apply", change=CHANGE, plan=plan)
        assert (result["failed"], result["opsbook_refused"]) == (True, lost)
        host.path(f"/var/lib/opsbook/changes/{CHANGE}.json").unlink(missing_ok=True)


def test_bundles_of_changes_that_were_cut_short_stay_and_dropped_ones_are_told(host: Root) -> None:
    plan = plan_of(survey(host), "try-held")
    numbers = [f"CHG-20261121-00{n}" for n in (2, 3, 4)]
    for number in numbers:
        host.module("patching_prepare", change=number, plan=plan)
    file = host.path(f"/var/lib/opsbook/changes/{numbers[0]}.json")
    file.write_text(file.read_text().replace('"state": "prepared"', '"state": "applying"'))
    result = host.module("patching_prepare", change=CHANGE, plan=plan, keep=1)
    assert sorted(result["opsbook_evidence"]["bundles_dropped"]) == numbers[1:]
    assert host.sh("ls -A /var/lib/opsbook/undo").split() == [CHANGE, numbers[0]]


SYSTEMCTL = r"""#!/bin/sh
cd /srv/units || exit 1
words=$*; for unit; do :; done
case $words in
  list-units*state=failed*) ;;
  list-units*) for u in *; do read -r state sub _ <$u; echo "$u loaded $state $sub -"; done ;;
  show*) for u in *; do read -r _ _ on <$u; printf 'Id=%s\nUnitFileState=%s\n\n' $u $on; done ;;
  is-active*) read -r state _ <$unit; echo $state ;;
  start*) read -r _ _ on <$unit; echo active running $on >$unit ;;
  enable*) read -r state sub _ <$unit; echo $state $sub enabled >$unit ;;
  *) exit 1 ;;
esac
"""
"""systemd as far as an undo asks it; each unit is a file: state, what it does, whether at boot."""

DOWN = "inactive dead disabled\n"


def test_an_undo_puts_back_services_of_the_change_and_tells_the_others(host: Root) -> None:
    program = host.path("/usr/local/sbin/systemctl")
    for directory in (program.parent, host.path("/srv/units")):
        directory.mkdir(parents=True, exist_ok=True)
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    units = [f"{name}.service" for name in ("hit", "planned", "stranger", "try-held")]
    for unit in units:
        host.path(f"/srv/units/{unit}").write_text("active running enabled\n")
    plan = prepared(host, "try-held")
    plan["given"]["restart_services"] = ["planned.service"]
    host.path("/srv/units/hit.service").write_text(DOWN)  # as a package's script would
    host.module("patching_apply", change=CHANGE, plan=plan)
    for unit in units:
        host.path(f"/srv/units/{unit}").write_text(DOWN)
    undone = host.module("patching_undo", change=CHANGE, plan=plan)["opsbook_undone"]
    assert undone["services"] == ["hit.service", "planned.service", "try-held.service"]
    assert undone["services_left"] == ["stranger.service"]
    told = {unit: host.path(f"/srv/units/{unit}").read_text() for unit in units}
    assert told.pop("stranger.service") == DOWN
    assert set(told.values()) == {"active running enabled\n"}


def test_what_wrote_nothing_has_nothing_to_undo(host: Root) -> None:
    plan = prepared(host, "try-held")
    assert host.module("patching_undo", change=CHANGE, plan=plan)["changed"] is False


@pytest.mark.parametrize("seconds", [0.4, 0.9, 1.6])
def test_a_prepare_killed_at_any_moment_is_done_again(seconds: float, host: Root) -> None:
    plan, before = plan_of(survey(host), "try-app", "try-lib"), state(host)
    killed(host, "patching_prepare", plan, seconds)
    assert state(host) == before
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert result["opsbook_prepared"]["undo"] == {"possible": 2, "total": 2}
    assert host.sh("ls -A /var/lib/opsbook/undo").split() == [CHANGE]


DEATHS = ["try-lib-preinst", "try-app-preinst", "try-lib-postinst", "try-app-postinst"]


@pytest.mark.parametrize("way", ["on", "back"])
@pytest.mark.parametrize("death", DEATHS)
def test_an_apply_that_dies_with_its_host_goes_on_or_back(death: str, way: str, host: Root) -> None:
    before = state(host)
    plan = prepared(host, "try-app", "try-lib", "try-held")
    host.sh(f"echo {death} > /etc/die-at")
    killed(host, "patching_apply", plan)
    host.sh("rm /etc/die-at")
    assert journal(host) == "applying"
    if way == "on":
        result = host.module("patching_apply", change=CHANGE, plan=plan)
        assert not result.get("failed"), result
        planned = {"try-app", "try-lib", "try-held"}
        for name, version in versions(host).items():
            assert version == ("1:1.1-1" if name in planned else "1.0-1") + " installed", name
        assert journal(host) == "applied"
    result = host.module("patching_undo", change=CHANGE, plan=plan)
    assert not result.get("failed"), result
    assert differences(host, before) == []


def test_an_undo_that_dies_with_its_host_is_done_again(host: Root) -> None:
    before = state(host)
    plan = prepared(host, "try-app", "try-lib")
    host.module("patching_apply", change=CHANGE, plan=plan)
    host.sh("echo try-lib-prerm > /etc/die-at")
    killed(host, "patching_undo", plan)
    host.sh("rm /etc/die-at")
    assert journal(host) == "undoing"
    assert host.module("patching_undo", change=CHANGE, plan=plan)["changed"] is True
    assert differences(host, before) == []


def killed(host: Root, module: str, plan: dict[str, Any], seconds: float = 100) -> None:
    """Begin a module and kill it and all it started, as a power cut would; or let it die."""
    argv = host.module_argv(module, {"change": CHANGE, "plan": plan})
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
