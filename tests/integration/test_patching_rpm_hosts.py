"""The same on a root with dnf and rpm and a repository made on the spot; no RPM distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsbook.domains.patching.knowledge.changelog import closed_between, read_changelog
from support.roots import Root, image

CHANGE = "CHG-20261121-002"
APP, LIB = "opsbook-rpm-app", "opsbook-rpm-lib"
CONF = f"/etc/opsbook-rpm/{APP}.conf"


@pytest.fixture
def host(tmp_path: Path) -> Root:
    root = Root(tmp_path / "host", image("rpm"))
    root.sh(f"echo own >> {CONF}; chmod 600 {CONF}")
    return root


def survey(host: Root) -> dict[str, Any]:
    result = host.module("patching_survey", manager="dnf")
    assert result["changed"] is False, result
    evidence: dict[str, Any] = result["opsbook_evidence"]
    return evidence


def plan_of(seen: dict[str, Any], *names: str) -> dict[str, Any]:
    items = [{"detail": row} for row in seen["candidates"] if not names or row["package"] in names]
    return {"items": items, "given": {"manager": "dnf", "restart": "none"}}


def state(host: Root) -> str:
    return host.sh(
        "rpm -qa --qf '%{NEVRA} %{SHA256HEADER}\\n' | sort; rpm -Va || true;"
        "find /opt/opsbook-demo /etc/opsbook-rpm -printf '%p %m %U %G\\n' | sort;"
        "find /opt/opsbook-demo /etc/opsbook-rpm -type f | sort | xargs sha256sum"
    )


def test_the_survey_tells_candidates_advisories_and_ways_back(host: Root) -> None:
    seen = survey(host)
    rows = {row["package"]: row for row in seen["candidates"]}
    assert set(rows) == {APP, LIB}
    app = rows[APP]
    assert (app["arch"], app["from"], app["to"]) == ("noarch", "1.0-1", "1.1-1")
    assert (app["security"], app["cves"], rows[LIB]["security"]) == (
        True, ["CVE-2026-9900005"], False,
    )  # fmt: skip
    assert len(app["sha256"]) == 64
    assert app["requires"] == [f"{LIB}:noarch"]
    assert rows[LIB]["requires"] == []
    assert {row["how"] for row in seen["undo"]} == {"archive"}
    assert seen["conffiles"] == [{"package": APP, "arch": "noarch", "path": CONF}]
    assert seen["package_manager"] == {
        "interrupted": False, "audit": [], "locks": [], "broken": [],
    }  # fmt: skip
    assert [row["package"] for row in seen["installed"]] == [APP, LIB]


def test_changelogs_of_newer_versions_are_read_and_nothing_is_left_behind(host: Root) -> None:
    before = state(host)
    rows = {row["package"]: row for row in survey(host)["candidates"]}
    asked = [
        {"package": name, "arch": "noarch", "version": version, "source": name,
         "source_version": rows[name]["source_version"]}
        for name, version in ((APP, rows[APP]["to"]), (LIB, "9.9-9"))
    ]  # fmt: skip
    told = host.module("patching_changelogs", manager="dnf", packages=asked)["opsbook_evidence"]
    (one,) = told["changelogs"]
    entries = read_changelog(one["text"], APP, "rpm")
    assert closed_between(entries, rows[APP]["from_source_version"], one["source_version"],
                          "rpm") == ("CVE-2026-9900005",)  # fmt: skip
    assert [(row["source"], row["why"]) for row in told["missing"]] == [
        (LIB, "no repository has such a file")
    ]
    assert state(host) == before
    assert host.sh("ls /tmp; find /var/cache/dnf -name '*.rpm'") == ""


def test_a_change_is_applied_exactly_and_undone(host: Root) -> None:
    before, plan = state(host), plan_of(survey(host))
    prepared = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert prepared["opsbook_prepared"]["undo"] == {"possible": 2, "total": 2}, prepared
    assert state(host) == before
    applied = host.module("patching_apply", change=CHANGE, plan=plan)
    assert applied["changed"] is True, applied
    after = {
        row["package"]: row["version"] for row in applied["opsbook_evidence"]["after"]["installed"]
    }
    assert after == {APP: "1.1-1", LIB: "1.1-1"}
    assert applied["opsbook_evidence"]["applied"]["conffiles_kept"] == [CONF]
    assert host.module("patching_apply", change=CHANGE, plan=plan)["changed"] is False
    undone = host.module("patching_undo", change=CHANGE, plan=plan)
    assert undone["opsbook_undone"]["verified"] is True
    assert state(host) == before
    assert host.module("patching_undo", change=CHANGE, plan=plan)["changed"] is False


def test_a_plan_without_a_needed_partner_is_refused(host: Root) -> None:
    before, plan = state(host), plan_of(survey(host), APP)
    result = host.module("patching_prepare", change=CHANGE, plan=plan)
    assert "rpm finds no way for the plan" in result["msg"]
    assert state(host) == before


def test_an_upgrade_cut_off_half_way_goes_on_or_back(host: Root) -> None:
    before, plan = state(host), plan_of(survey(host))
    host.module("patching_prepare", change=CHANGE, plan=plan)
    forward = f"/var/lib/opsbook/undo/{CHANGE}/forward"
    host.sh(f"rpm -i --justdb --nodeps --noscripts --replacefiles {forward}/{LIB}*.rpm")
    assert survey(host)["package_manager"]["audit"] == [f"{LIB}:noarch: 1.0-1 and 1.1-1"]
    refused = host.module("patching_apply", change=CHANGE, plan=plan)
    assert "interrupted before this change" in refused["msg"]
    host.sh(f"sed -i s/prepared/applying/ /var/lib/opsbook/changes/{CHANGE}.json")
    assert host.module("patching_apply", change=CHANGE, plan=plan)["changed"] is True
    assert host.module("patching_undo", change=CHANGE, plan=plan)["opsbook_undone"]["verified"]
    assert state(host) == before


def test_a_locked_package_is_told_and_not_offered(host: Root) -> None:
    host.sh(
        f"mkdir -p /etc/dnf/plugins; echo '{LIB}-0:1.0-1.*' > /etc/dnf/plugins/versionlock.list"
    )
    seen = survey(host)
    assert LIB not in {row["package"] for row in seen["candidates"]}
    assert {row["package"]: row["why"] for row in seen["kept_back"]}[LIB] == "held"


def test_without_package_lists_the_survey_says_what_to_do(host: Root) -> None:
    host.sh("rm -rf /var/cache/dnf/*")
    assert "refresh" in survey(host)["trouble"]
    refreshed = host.module("patching_survey", manager="dnf", refresh=True)
    assert len(refreshed["opsbook_evidence"]["candidates"]) == 2
