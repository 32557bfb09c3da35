"""Pending updates of booted hosts: from the lab's mirror, from a bundle, and with dnf."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from opsbook.lab import Lab
from opsbook.model.places import Places
from support.airgap import carry_in, served
from support.patched import DEMO, Patched

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def _pending(lab: Lab, host: str) -> list[str]:
    done = lab.ssh(host, "apt-get -s upgrade", timeout=120)
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")]


def _servers(lab: Lab) -> list[int]:
    found = subprocess.run(["pgrep", "-f", f"patching.bundle.serve .* {lab.directory}$"],
                           capture_output=True, text=True, check=False).stdout  # fmt: skip
    return [int(pid) for pid in found.split()]


def test_hosts_have_real_and_made_up_updates_also_behind_the_jump_host(own_lab: Lab) -> None:
    own_lab.up(6, updates=True)
    for host in ("web1", "db1", "old1", "inner1"):
        pending = _pending(own_lab, host)
        assert {"opsbook-demo-app", "opsbook-demo-fail"} <= set(pending)
        assert "opsbook-demo-more" not in pending, "it would add a package"
        assert "default" not in own_lab.ssh(host, "ip route").stdout
    for word in ("trusted", "allow-insecure"):
        assert word not in own_lab.ssh("web1", "cat /etc/apt/sources.list.d/*").stdout.lower()
    own_lab.down()
    assert not _servers(own_lab)


def test_a_killed_mirror_comes_back_and_one_host_can_be_made_to_fail(own_lab: Lab) -> None:
    own_lab.up(2, updates=True)
    (pid,) = _servers(own_lab)
    os.kill(pid, signal.SIGKILL)
    own_lab.up()
    assert len(_servers(own_lab)) == 1
    upgrade = "sudo DEBIAN_FRONTEND=noninteractive apt-get -q -y install opsbook-demo-fail"
    own_lab.ssh("web1", "sudo touch /etc/opsbook-demo/fail")
    assert own_lab.ssh("web1", upgrade, timeout=300).returncode
    assert own_lab.ssh("web2", upgrade, timeout=300).returncode == 0
    audit = own_lab.ssh("web1", "sudo dpkg --audit").stdout
    assert "opsbook-demo-fail" in audit
    back = "sudo apt-get -q -y --allow-downgrades install opsbook-demo-fail=1.0-1"
    assert own_lab.ssh("web1", back, timeout=300).returncode == 0
    assert not own_lab.ssh("web1", "sudo dpkg --audit").stdout


def test_a_host_is_upgraded_from_a_bundle_with_no_other_way(own_lab: Lab, tmp_path: Path) -> None:
    own_lab.up(1)
    places = Places(own_lab.directory.parent)
    arrived = carry_in(own_lab, places, tmp_path)
    with served(own_lab, places, arrived) as sources:
        script = f"printf %s {shlex.quote(sources)} >/etc/apt/sources.list.d/site.sources"
        own_lab.ssh("web1", f"sudo sh -c {shlex.quote(script)}")
        assert (
            own_lab.ssh("web1", "sudo apt-get -qq --error-on=any update", timeout=300).returncode
            == 0
        )
        pending = _pending(own_lab, "web1")
        carried = {Path(one.path).name.partition("_")[0] for one in arrived.manifest.files}
        assert pending
        assert set(pending) <= carried
        upgrade = "sudo DEBIAN_FRONTEND=noninteractive apt-get -q -y upgrade"
        done = own_lab.ssh("web1", upgrade, timeout=600)
        assert done.returncode == 0, done.stdout[-500:]
        assert not _pending(own_lab, "web1")


RPM_LOOK = """rpm -qa --qf '%{NEVRA} %{SHA256HEADER}\\n' | sort; rpm -Va
find /opt/opsbook-demo /etc/opsbook-rpm -type f | sort | xargs sha256sum"""
BOOT = "cat /proc/sys/kernel/random/boot_id"


def test_both_families_are_patched_booted_and_undone_in_one_change(own_lab: Lab) -> None:
    own_lab.up(1, also=["rpm1"], updates=True)
    site, hosts = Patched(own_lab), ("rpm1", "web1")
    site.adopt_policy()
    seen = {"rpm1": site.on("rpm1", f"{{ {RPM_LOOK}; }} || true"), "web1": site.look("web1")}
    boots = {name: site.on(name, BOOT) for name in hosts}
    packages = f"{DEMO},opsbook-rpm-app,opsbook-rpm-lib"
    made = site.plan(packages, "--set", "classification=all", "--set", "reboot=always")
    rows = {row["detail"]["package"]: row for row in made["plan"]["host_plans"]["rpm1"]["items"]}
    assert {name: (row["before"], row["after"]) for name, row in rows.items()} == {
        "opsbook-rpm-app": ("1.0-1", "1.1-1"), "opsbook-rpm-lib": ("1.0-1", "1.1-1"),
    }  # fmt: skip
    assert [cve["id"] for cve in rows["opsbook-rpm-app"]["detail"]["cves"]] == ["CVE-2026-9900005"]
    site.approve(made["change"])
    applied = site.opsbook("apply", made["change"])
    assert applied.returncode == 0, applied.stdout + applied.stderr
    (record,) = site.dossier(made["change"])["records"]
    for host in record["hosts"]:
        facts = host["evidence"]["patching"]
        assert (facts["rebooted"], facts["reboot_due"]) == (True, False), host["name"]
        assert site.on(host["name"], BOOT) != boots[host["name"]]
        assert not facts["services"]["removed"], "services of before have returned"
        assert not host["deviations"]
    assert site.on("rpm1", "rpm -q opsbook-rpm-app opsbook-rpm-lib").count("1.1-1") == 2
    undone = site.opsbook("undo", made["change"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert site.on("rpm1", f"{{ {RPM_LOOK}; }} || true") == seen["rpm1"]
    assert site.look("web1") == seen["web1"]
