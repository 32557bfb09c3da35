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


def test_the_host_with_dnf_has_updates_and_an_advisory(own_lab: Lab) -> None:
    own_lab.up(1, also=["rpm1"])
    assert sorted(own_lab.ssh("rpm1", "rpm -qa").stdout.split()) == [
        "opsbook-rpm-app-1.0-1.noarch",
        "opsbook-rpm-lib-1.0-1.noarch",
    ]
    told = own_lab.ssh("rpm1", "sudo dnf -q updateinfo list --security", timeout=120).stdout
    assert "opsbook-rpm-app-1.1-1" in told
    assert own_lab.ssh("rpm1", "sudo dnf -q -y upgrade", timeout=300).returncode == 0
    assert "1.1-1" in own_lab.ssh("rpm1", "rpm -q opsbook-rpm-lib").stdout
