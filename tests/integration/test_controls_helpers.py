"""What the helpers of checks make of hosts that are neither plainly good nor plainly bad."""

from __future__ import annotations

import pytest

from opsbook.domains.hardening.controls.judge import Verdict
from opsbook.domains.hardening.controls.loader import load_catalogue
from opsbook.domains.hardening.controls.observed import Answers
from opsbook.model.finding import Result
from support.roots import Root
from support.situations import answers_of, prepared, situations_of, verdict_of

CONTROLS = load_catalogue().controls


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return prepared(tmp_path_factory.mktemp("helpers") / "root")


@pytest.fixture
def host(base: Root, tmp_path_factory: pytest.TempPathFactory) -> Root:
    return Root(tmp_path_factory.mktemp("host") / "root", base.layer())


def told(host: Root, key: str, seed: str) -> Answers:
    return answers_of(host, [CONTROLS[key]], seed).controls[key]


def judged(host: Root, key: str, seed: str) -> Verdict:
    return verdict_of(host, CONTROLS[key], seed)


@pytest.mark.parametrize("version", ["4", "6"])
def test_an_interface_that_has_a_value_of_its_own_is_not_in_effect(
    host: Root, version: str
) -> None:
    """What `all` and `default` say does not reach it."""
    key = f"sysctl.net.ipv{version}.accept_redirects"
    own = f"net.ipv{version}.conf.one.accept_redirects"
    seed = f"ip link add one type veth peer name two\nsysctl -q -w {own}=1\n"
    verdict = judged(host, key, seed + situations_of(CONTROLS[key]).pass_)
    assert verdict.not_in_effect
    assert own in verdict.observed


@pytest.mark.parametrize(
    ("key", "line"),
    [("sudo.use_pty", "!use_pty"), ("sudo.logfile", "!logfile"),
     ("sudo.timestamp_timeout", "timestamp_timeout=-1")],
)  # fmt: skip
def test_what_sudo_itself_says_counts_beside_its_files(host: Root, key: str, line: str) -> None:
    """A line after those that were included wins, wherever it stands by its name."""
    wanted = 'use_pty, logfile="/var/log/sudo.log", timestamp_timeout=5'
    seed = f"""
        echo 'Defaults {wanted}' >/etc/sudoers.d/x
        printf 'Defaults %s\n' '{line}' >/etc/a-last
        echo '@include /etc/a-last' >>/etc/sudoers
    """
    assert judged(host, key, seed).not_in_effect


def test_a_sudo_that_tells_nothing_of_itself_is_judged_by_its_files(host: Root) -> None:
    seed = "printf '#!/bin/sh\\necho sudo-rs 0.2\\n' >/usr/bin/sudo"
    assert judged(host, "sudo.use_pty", seed).result is Result.PASS


def test_a_later_drop_in_of_the_vendor_wins_over_an_earlier_one_of_etc(host: Root) -> None:
    seed = """
        for at in /etc/systemd:60:persistent /usr/lib/systemd:70:volatile; do
            mkdir -p "${at%%:*}/journald.conf.d"; name=${at#*:}
            cd "${at%%:*}/journald.conf.d"
            printf '[Journal]\\nStorage=%s\\n' "${at##*:}" >"${name%%:*}-x.conf"
        done
    """
    assert told(host, "log.journald", seed).values("configured.storage") == ["volatile"]


def test_a_drop_in_of_etc_hides_the_vendor_s_of_the_same_name(host: Root) -> None:
    seed = """
        mkdir -p /etc/systemd/journald.conf.d /usr/lib/systemd/journald.conf.d
        printf '[Journal]\\nStorage=none\\n' >/usr/lib/systemd/journald.conf.d/50-x.conf
        printf '[Other]\\nStorage=none\\n' >/etc/systemd/journald.conf.d/50-x.conf
    """
    assert told(host, "log.journald", seed).values("configured.storage") == []


def test_audit_rules_count_however_they_are_written(host: Root) -> None:
    rules = """\
-a exit,always -S settimeofday -S adjtimex -F arch=b64 -F key=x
-a always,exit -F arch=b32 -S adjtimex,settimeofday,clock_settime -k x
-a always,exit -F arch=b64 -S clock_settime -F a0=0x0
-a always,exit -S all -F path=/etc/localtime -F perm=wa -F key=x
"""
    seed = f"""
        fake_package auditd; mkdir -p /etc/audit/rules.d
        cat >/etc/audit/rules.d/own.rules <<'END'\n{rules}END
        fake_tool auditctl </etc/audit/rules.d/own.rules
    """
    assert judged(host, "audit.rule:time", seed).result is Result.PASS


def test_audit_rules_that_are_not_loaded_are_not_in_effect(host: Root) -> None:
    good = situations_of(CONTROLS["audit.rule:time"]).pass_
    verdict = judged(host, "audit.rule:time", good + "fake_tool auditctl </dev/null\n")
    assert verdict.not_in_effect


def test_an_audit_that_cannot_be_asked_is_not_passed_over(host: Root) -> None:
    good = situations_of(CONTROLS["audit.rule:time"]).pass_
    verdict = judged(host, "audit.rule:time", good + "echo 'exit 1' >/usr/sbin/auditctl\n")
    assert verdict.result is Result.ERROR


def test_hostile_names_stay_one_line_each(host: Root) -> None:
    seed = """
        name=$(printf '/opt/a\\tb\\nsee\\tfs.unowned\\teffective\\tunowned\\t\\tgone\\n')
        touch "$name"; chmod 0666 "$name"; touch '/opt/$(reboot) "x"'; chmod 0666 /opt/*reboot*
    """
    found = told(host, "fs.world_writable", seed).seen["effective.world_writable"]
    assert sorted(one.of for one in found if "/opt/" in one.of) == [
        '/opt/$(reboot) "x"',
        "/opt/a?b?see?fs.unowned?effective?unowned??gone",
    ]


def test_a_pipe_in_place_of_a_file_holds_up_nothing(host: Root) -> None:
    seed = """
        mkdir -p /etc/systemd/journald.conf.d; mkfifo /etc/systemd/journald.conf.d/1.conf
        mkfifo /etc/rsyslog.d/1.conf /etc/modprobe.conf; rm /etc/logrotate.conf
        mkfifo /etc/logrotate.conf; mkfifo /etc/apt/sources.list.d/1.list
    """
    keys = ["log.journald", "log.rsyslog_nolisten", "logs.retention", "apt.signed"]
    found = answers_of(host, [CONTROLS[key] for key in keys], seed)
    assert found.complete
    assert {key: answers.cannot for key, answers in found.controls.items()} == dict.fromkeys(
        keys, ""
    )


def test_the_ports_of_the_loopback_are_not_open_to_others(host: Root) -> None:
    listen = "import socket, time; s = socket.socket(); s.bind(('127.0.0.9', 23)); s.listen()"
    seed = f"""
        ip link set lo up; no_package telnet
        python3 -c "{listen}; print(flush=True); time.sleep(30)" >/run/up 2>&1 &
        while [ ! -s /run/up ]; do sleep 0.05; done
        fake_listener 6379
    """
    assert told(host, "ports.listening", seed).values("effective.listening") == ["6379/tcp"]


NFT = """\
table inet filter {
        set management4 {
                type ipv4_addr
                flags interval
                auto-merge
                elements = { 10.0.0.0/8, 192.0.2.7,
                             198.51.100.0/24 }
        }

        set ssh_ports {
                type inet_service
                flags interval
                elements = { 22 }
        }

        chain input {
                type filter hook input priority filter; policy drop;
                ct state established,related accept
                iif "lo" accept
                ip saddr @management4 tcp dport @ssh_ports accept
                tcp dport 443 accept
        }
}
"""


def test_sources_of_ssh_are_read_from_what_the_kernel_has(host: Root) -> None:
    seed = f"fake_tool nft <<'END'\n{NFT}END\n"
    key = "net.mgmt_source_restricted"
    wanted = {"10.0.0.0/8", "192.0.2.7", "198.51.100.0/24"}
    assert set(told(host, key, seed).values("effective.ssh_sources") or ()) == wanted


@pytest.mark.parametrize("change", ["policy accept", "tcp dport { 22, 80 } accept"])
def test_a_way_around_the_sources_is_seen(host: Root, change: str) -> None:
    rules = NFT.replace("policy drop", change) if "policy" in change else NFT.replace(
        "tcp dport 443 accept", change
    )  # fmt: skip
    seed = f"fake_tool nft <<'END'\n{rules}END\n"
    assert judged(host, "net.mgmt_source_restricted", seed).result is Result.FAIL
