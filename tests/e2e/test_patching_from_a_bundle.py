"""A booted host behind the air gap: the imported bundle is its only source of packages."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from opsbook.lab import Lab
from opsbook.model.places import Places
from support.airgap import carry_in, served
from support.patched import Patched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

CHOSEN = "openssl,libssl3"


def test_a_change_is_planned_applied_and_undone_with_nothing_but_the_bundle(
    own_lab: Lab, tmp_path: Path
) -> None:
    own_lab.up(1)
    places, site = Places(own_lab.directory.parent), Patched(own_lab)
    site.adopt_policy()
    arrived = carry_in(own_lab, places, tmp_path)
    with served(own_lab, places, arrived) as sources:
        site.on("web1", "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*")
        site.on("web1", f"printf %s {shlex.quote(sources)} >/etc/apt/sources.list.d/site.sources")
        site.on("web1", "apt-get -qq --error-on=any update")
        made = site.plan(CHOSEN)
        items = [item["detail"] for item in made["plan"]["host_plans"]["web1"]["items"]]
        carried = {one.sha256 for one in arrived.manifest.files}
        assert {item["package"] for item in items} == set(CHOSEN.split(","))
        assert {item["sha256"] for item in items} <= carried
        assert all(item["cves"] for item in items), "the bundle brings changelogs along"
        before = site.on("web1", "dpkg-query -W")
        site.approve(made["change"])
        applied = site.opsbook("apply", made["change"])
        assert applied.returncode == 0, applied.stderr
        for item in items:
            assert f"\t{item['to']}\n" in site.on("web1", f"dpkg-query -W {item['package']}")
    undone = site.opsbook("undo", made["change"])
    assert undone.returncode == 0, undone.stderr
    assert site.on("web1", "dpkg-query -W") == before, "undone without any source at all"
    assert site.opsbook("records", "verify").returncode == 0
