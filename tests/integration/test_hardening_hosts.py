"""Hardening on a real root: exactly the plan, exactly back, whatever happens in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.debs import make_archive, make_deb
from support.roots import Root, image

CHANGE = "CHG-20261121-001"
BUNDLE = f"/var/lib/opsbook/undo/{CHANGE}"
ACCOUNTS = "-name '*shadow*' -o -name 'group*' -o -name 'passwd*' -o -name .pwd.lock"
"""Files that useradd and the like write anew on the way there and back, with other times."""
LISTING = f"""
    cd /; places='etc usr/share/pam-configs var/lib/pam'
    find $places ! -type d ! \\( {ACCOUNTS} \\) -printf '%p %y %m %U %G %T@ %l\\n' | sort
    find $places -type d -printf '%p %y %m %U %G\\n' | sort
    find $places -type f ! -name '*-' -print0 | sort -z | xargs -0 sha256sum
"""
DEATH = """
import os
try:
    left = [int(open("/root/die-at").read())]
except OSError:
    left = [0]
def counted(call):
    def wrapped(*given, **named):
        left[0] -= 1
        if left[0] == 0:
            os._exit(137)  # the first of a space of processes cannot be killed by itself
        return call(*given, **named)
    return wrapped
if left[0]:
    os.replace, os.rename = counted(os.replace), counted(os.rename)
    os.fchmod, os.unlink = counted(os.fchmod), counted(os.unlink)
"""


def put(host: Root, path: str, text: str) -> None:
    """Write a file of the host's own layer."""
    host.path(path).parent.mkdir(parents=True, exist_ok=True)
    host.path(path).write_text(text)


def step(control: str, kind: str, /, **fields: Any) -> dict[str, Any]:
    return {"id": f"{control}#1", "control": control, "kind": kind, **fields}


SAFE = [
    step("max_days", "conf_value", file="/etc/login.defs", key="PASS_MAX_DAYS", value=90,
         separator="\t"),
    step("min_days", "conf_value", file="/etc/login.defs", key="PASS_MIN_DAYS", value="1"),
    step("journald", "conf_value", file="/etc/systemd/journald.conf", section="Journal",
         key="Storage", value="persistent", separator="="),
    step("banner", "drop_in", file="/etc/issue.d/new/opsbook.issue", lines=["Authorised use only"]),
    step("issue", "line", file="/etc/issue", line="Authorised use only", match="^Debian"),
    step("crontab", "mode", paths=["/etc/crontab", "/etc/cron.*"], at_most="0700",
         owner="root", groups=["root"]),
    step("usb", "kernel_module_off", module="usb-storage"),
    step("cron", "unit", unit="cron", enabled="masked"),
    step("age", "account", users=["keeper"], max_days=90, lock=True, shell="/usr/sbin/nologin"),
    step("wheel", "group", name="sugroup", present=True),
    step("gone", "file_absent", file="/etc/issue.net"),
]  # fmt: skip
RISKY = [
    step("pty", "sudoers", file="/etc/sudoers.d/90-opsbook", lines=["Defaults use_pty"]),
    step("root", "sshd_option", option="PermitRootLogin", value="no"),
    step("ciphers", "sshd_option", option="Ciphers", value="aes256-ctr,aes128-ctr"),
    step("faillock", "pam_profile", name="opsbook-faillock",
         lines=["Name: opsbook faillock", "Default: yes", "Priority: 0", "Auth-Type: Primary",
                "Auth:", "\t[default=die] pam_faillock.so authfail"]),
    step("rounds", "pam_option", file="/etc/pam.d/common-password", module="pam_unix.so",
         type="password", add=["rounds=65536"], remove=["nullok"]),
]  # fmt: skip
STEPS = [*SAFE, *({**row, "risky": True} for row in RISKY)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A host with an account of its own, odd modes, and a module that can die anywhere."""
    root = Root(tmp_path_factory.mktemp("site") / "root", image())
    root.sh("""
        useradd -m keeper; echo keeper:secret | chpasswd
        chmod 646 /etc/login.defs; chown keeper:adm /etc/login.defs
        touch -d 2020-02-02 /etc/login.defs
        ssh-keygen -A -q; mkdir -p /root/.ssh
        ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
        cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
        sed 's/^/127.0.0.1 /' /etc/ssh/ssh_host_ed25519_key.pub > /root/.ssh/known_hosts
    """)
    put(root, "/usr/lib/python3/dist-packages/zz_death.pth", "import zz_death\n")
    put(root, "/usr/lib/python3/dist-packages/zz_death.py", DEATH)
    return root


@pytest.fixture
def host(site: Root, tmp_path: Path) -> Root:
    """A fresh copy of the site's host."""
    return Root(tmp_path / "host", site.layer())


def looks_of(host: Root, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = host.module("hardening_survey", steps=steps)["opsbook_evidence"][
        "looks"
    ]
    return found


def plan_of(host: Root, steps: Sequence[Mapping[str, Any]] = STEPS) -> dict[str, Any]:
    """The plan of a host, as the engine makes it of its looks."""
    items = [
        {"key": f"control:{row['id']}", "before": row["before"] or None, "after": row["after"]}
        for row in looks_of(host, steps)
    ]
    given = {"schema": "opsbook.hardening-plan/1", "steps": list(steps), "confirm_seconds": 10}
    return {"items": items, "given": given}


def do(host: Root, verb: str, plan: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return host.module(f"hardening_{verb}", change=CHANGE, plan=plan, **more)


def all_of_it(host: Root, plan: Mapping[str, Any]) -> None:
    """Everything that the role does."""
    for verb, more in (("prepare", {}), ("apply", {}), ("apply", {"stage": "risky"})):
        result = do(host, verb, plan, **more)
        assert not result.get("failed"), result["msg"]
    if result["guarded"]:
        assert do(host, "confirm", plan)["opsbook_evidence"]["confirmed"] is True


def test_a_host_is_as_planned_and_comes_back_with_every_byte_mode_owner_and_time(
    host: Root,
) -> None:
    before = host.sh(LISTING)
    plan = plan_of(host)
    all_of_it(host, plan)
    assert [row["id"] for row in looks_of(host, STEPS) if row["changes"] or row["problem"]] == []
    assert (
        host.sh("mkdir -p /run/sshd; sshd -T | grep -i ^permitrootlogin") == "permitrootlogin no\n"
    )
    assert host.sh("getent group sugroup; passwd -S keeper").split()[2:3] == ["L"]
    again = do(host, "apply", plan)
    assert (again["changed"], again["opsbook_evidence"]["applied"]["unchanged"]) == (False, 11)
    undone = do(host, "undo", plan)
    assert undone["opsbook_undone"]["verified"] is True
    assert host.sh(LISTING) == before
    assert host.sh("passwd -S keeper").split()[1] == "P"


def test_a_password_that_was_set_meanwhile_survives_the_undo(host: Root) -> None:
    plan = plan_of(host)
    all_of_it(host, plan)
    host.sh("usermod -p '!newer' keeper")
    assert do(host, "undo", plan)["opsbook_undone"]["verified"] is True
    fields = host.sh("grep ^keeper: /etc/shadow").split(":")
    assert (fields[1], fields[4]) == ("newer", "99999")


@pytest.mark.parametrize("verb", ["undo", "again"])
def test_a_module_killed_anywhere_can_be_done_again_and_undone(host: Root, verb: str) -> None:
    """One host dies again and again, each time further on."""
    before = host.sh(LISTING)
    plan = plan_of(host)
    died = 0
    for point in range(2 if verb == "undo" else 6, 120, 10):
        do(host, "prepare", plan)
        put(host, "/root/die-at", str(point))
        killed = host.run(*_module_command("apply", plan))
        host.path("/root/die-at").unlink()
        died += killed.returncode != 0
        if verb == "again":
            result = do(host, "apply", plan)
            assert not result.get("failed"), (point, result["msg"])
        result = do(host, "undo", plan)
        assert result.get("opsbook_undone", {}).get("verified"), (point, result)
        assert host.sh(LISTING) == before, point
        if killed.returncode == 0:
            break
    assert died >= 2


def _module_command(verb: str, plan: Mapping[str, Any], **more: Any) -> list[str]:
    from support import roots

    arguments = json.dumps({"change": CHANGE, "plan": plan, **more})
    return ["/usr/bin/python3", "-c", roots._RUN, f"{roots._MODULES}hardening_{verb}", arguments]


def test_an_undo_killed_anywhere_is_finished_by_the_next(host: Root) -> None:
    before = host.sh(LISTING)
    plan = plan_of(host, SAFE)
    for point in range(2, 40, 12):
        do(host, "prepare", plan)
        do(host, "apply", plan)
        put(host, "/root/die-at", str(point))
        host.run(*_module_command("undo", plan))
        host.path("/root/die-at").unlink()
        assert do(host, "undo", plan)["opsbook_undone"]["verified"] is True
        assert host.sh(LISTING) == before, point


def test_what_somebody_else_has_changed_since_is_named_and_not_overwritten(host: Root) -> None:
    plan = plan_of(host, SAFE)
    all_of_it(host, plan)
    host.sh("echo '# mine' >> /etc/login.defs; chage -M 30 keeper")
    now = host.sh(LISTING)
    refused = do(host, "undo", plan)
    assert "/etc/login.defs" in refused["msg"]
    assert "account keeper:max_days" in refused["msg"]
    assert host.sh(LISTING) == now


def test_a_host_that_moved_since_it_was_planned_is_refused_by_step(host: Root) -> None:
    plan = plan_of(host, SAFE)
    host.sh("sed -i 's/^PASS_MAX_DAYS.*/PASS_MAX_DAYS 200/' /etc/login.defs")
    before = host.sh(LISTING)
    refused = do(host, "prepare", plan)
    assert refused["opsbook_refused"] is True
    assert "max_days#1" in refused["msg"]
    assert host.sh(LISTING) == before
    assert do(host, "undo", plan)["changed"] is False


@pytest.mark.parametrize(
    "trap",
    ["mv /etc/login.defs /root/; ln -s /root/login.defs /etc/login.defs",
     "mv /etc/systemd /root/; ln -s /root/systemd /etc/systemd"],
)  # fmt: skip
def test_a_link_on_the_way_is_refused_and_nothing_is_written_through_it(
    host: Root, trap: str
) -> None:
    plan = plan_of(host, SAFE)
    do(host, "prepare", plan)
    host.sh(trap)
    before = host.sh("sha256sum /root/login.defs /root/systemd/journald.conf 2>/dev/null || true")
    refused = do(host, "apply", plan)
    assert refused["failed"] is True
    assert "link" in refused["msg"]
    after = host.sh("sha256sum /root/login.defs /root/systemd/journald.conf 2>/dev/null || true")
    assert after == before


BROKEN = [
    (step("bad", "sshd_option", option="PermitRootLogin", value="perhaps"), "sshd"),
    (step("bad", "sshd_option", option="NoSuchThing", value="1"), "sshd"),
    (step("bad", "sudoers", file="/etc/sudoers.d/x", lines=["Defaults !!! ="]), "bad#1"),
    (step("bad", "line", file="/etc/pam.d/su", line="auth required pam_gone.so"), "pam_gone.so"),
    (step("bad", "line", file="/etc/pam.d/su", line="auth perhaps pam_unix.so"), "perhaps"),
    (step("bad", "drop_in", file="/etc/profile.d/x.sh", lines=["if true; do"]), "bad#1"),
    (step("bad", "drop_in", file="/etc/logrotate.d/x", lines=["/var/log/x { rotate }"]), "bad#1"),
]


@pytest.mark.parametrize("bad", BROKEN, ids=[f"{row['kind']}-{said}" for row, said in BROKEN])
def test_a_file_that_its_program_does_not_take_is_never_in_place(
    host: Root, bad: tuple[dict[str, Any], str]
) -> None:
    before = host.sh(LISTING)
    row, said = bad
    given = {"schema": "opsbook.hardening-plan/1", "steps": [SAFE[0], row]}
    refused = do(host, "prepare", {"given": given})
    assert refused["opsbook_refused"] is True
    assert said in refused["msg"]
    assert host.sh(LISTING) == before
    assert not host.path(BUNDLE).exists()


def test_a_plan_knows_before_it_is_approved_what_programs_will_not_take(host: Root) -> None:
    """One of two steps that write the same file, and every good step beside them, stays."""
    rows = [{**row, "id": f"bad#{n}"} for n, (row, _) in enumerate(BROKEN) if n != 4]
    looks = looks_of(host, [*STEPS, *rows])
    assert [row["id"] for row in looks if row["problem"]] == [row["id"] for row in rows]


def test_a_value_that_an_earlier_file_decides_is_noticed_before_anything_is_in_place(
    host: Root,
) -> None:
    put(host, "/etc/ssh/sshd_config.d/00-before.conf", "Match all\n  MaxAuthTries 9\n")
    given = {"schema": "opsbook.hardening-plan/1",
             "steps": [step("tries", "sshd_option", option="MaxAuthTries", value="4")]}  # fmt: skip
    refused = do(host, "prepare", {"given": given})
    assert "maxauthtries would be 9 and not 4" in refused.get("msg", "")


def test_with_a_full_disk_nothing_is_begun(host: Root) -> None:
    plan = plan_of(host)
    before = host.sh(LISTING)
    place = "$root/var/lib/opsbook"
    full = f"mkdir -p {place}; mount -t tmpfs -o size=24k,nr_inodes=40 t {place}"
    refused = do(host, "prepare", plan, before=full)
    assert refused["failed"] is True
    assert refused.get("opsbook_refused") is True, refused
    assert "No space left" in refused["msg"]
    assert host.sh(LISTING) == before


def test_stacks_of_pam_that_were_changed_by_hand_are_a_problem_and_stay(host: Root) -> None:
    host.sh("sed -i '/per-package modules/d' /etc/pam.d/common-auth")
    look = next(row for row in looks_of(host, STEPS) if row["id"] == "faillock#1")
    assert "by hand" in look["problem"]


UNREADABLE = [
    step("kind", "magic", wand="x"),
    step("field", "line", file="/etc/issue", line="two\nlines"),
    step("path", "mode", paths=["/proc/1"], at_most="0600"),
    step("link", "line", file="/etc/mtab", line="x"),
]


def test_a_step_that_cannot_be_read_is_a_problem_of_its_own_and_no_one_else_s(host: Root) -> None:
    looks = looks_of(host, [*UNREADABLE, SAFE[0]])
    assert [row["id"] for row in looks if row["problem"]] == [one["id"] for one in UNREADABLE]
    assert (looks[-1]["id"], looks[-1]["changes"]) == ("max_days#1", True)


def test_check_mode_of_every_module_only_looks(host: Root) -> None:
    plan = plan_of(host)
    before = host.sh(LISTING)
    for verb in ("prepare", "apply", "confirm", "undo"):
        result = do(host, verb, plan, _ansible_check_mode=True)
        assert not result.get("failed"), result
    assert host.sh(LISTING) == before
    assert not host.path("/var/lib/opsbook/undo").exists()


class Session:
    """Several commands in one space of processes and network: what is detached goes on."""

    def __init__(self, host: Root, plan: Mapping[str, Any]) -> None:
        self.host = host
        for name, more in (("prepare", {}), ("apply", {}), ("risky", {"stage": "risky"}),
                           ("confirm", {}), ("undo", {})):  # fmt: skip
            argv = _module_command("apply" if name == "risky" else name, plan, **more)
            put(host, f"/root/{name}.json", argv[-1])
            body = f"import sys; sys.argv = ['', {argv[3]!r}, open('/root/{name}.json').read()]\n"
            put(host, f"/root/{name}", body + argv[2])
            host.path(f"/root/{name}").chmod(0o755)

    def sh(self, script: str) -> str:
        """``m NAME`` runs a module; ``s COMMAND`` logs in anew by a real sshd and runs it."""
        return self.host.sh(
            """
            export PYTHONPATH=/opt/opsbook-test
            m() { python3 /root/$1; echo; }
            s() { ssh -o BatchMode=yes -o ConnectTimeout=60 root@127.0.0.1 \\
                  "export PYTHONPATH=/opt/opsbook-test; $*"; }
            ip link set lo up; mkdir -p /run/sshd; /usr/sbin/sshd
            """
            + script
        )


def results(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_host_that_shuts_us_out_comes_back_by_itself(host: Root) -> None:
    plan = plan_of(host)
    before = host.sh("ls /etc/ssh/sshd_config.d /etc/sudoers.d; cat /etc/pam.d/common-auth")
    said = Session(host, plan).sh("""
        s python3 /root/prepare; s python3 /root/apply; s python3 /root/risky
        if s true; then echo 'STILL IN'; else echo 'SHUT OUT'; fi
        sleep 11; s true && echo 'IN AGAIN'; s python3 /root/confirm || true
    """)
    assert "SHUT OUT" in said
    assert "IN AGAIN" in said
    last = results(said)[-1]
    assert last["failed"] is True
    assert "brought back by the host itself" in last["msg"]
    now = host.sh("ls /etc/ssh/sshd_config.d /etc/sudoers.d; cat /etc/pam.d/common-auth")
    assert now == before
    assert do(host, "undo", plan)["opsbook_undone"]["verified"] is True


KINDLY = [{**row, "risky": True} for row in RISKY if row["id"] != "root#1"]


def test_only_a_session_that_began_after_the_stage_confirms_it(host: Root) -> None:
    plan = plan_of(host, KINDLY)
    said = Session(host, plan).sh(
        """
        s 'python3 /root/prepare; python3 /root/risky; python3 /root/confirm; true'
        s python3 /root/confirm
        sh BUNDLE/guard/revert.sh timer; sshd -T | grep -i ^ciphers
    """.replace("BUNDLE", BUNDLE)
    )
    found = results(said)
    assert found[1]["guarded"] is True
    assert "older than the stage" in found[2]["msg"]
    assert found[3]["opsbook_evidence"]["confirmed"] is True
    assert "ciphers aes256-ctr,aes128-ctr" in said


def test_a_stage_that_died_half_way_is_brought_back_by_the_guard(host: Root) -> None:
    plan = plan_of(host, KINDLY)
    do(host, "prepare", plan)
    before = host.sh(LISTING)
    caught = 0
    for point in range(36, 80, 6):
        put(host, "/root/die-at", str(point))
        died = host.run(*_module_command("apply", plan, stage="risky")).returncode != 0
        host.path("/root/die-at").unlink()
        if host.sh(LISTING) != before:
            caught += died
            host.sh(f"sh {BUNDLE}/guard/revert.sh boot; sh {BUNDLE}/guard/revert.sh boot")
        assert host.sh(LISTING) == before, point
        if not died or caught == 2:
            break
    assert caught == 2


def test_the_guard_needs_no_room_on_a_full_disk(host: Root) -> None:
    plan = plan_of(host, KINDLY)
    disk = """
        mkdir -p $root/disk; mount -t tmpfs -o size=8m t $root/disk
        cp -a $root/etc $root/disk/etc; mkdir -p $root/disk/opsbook $root/var/lib/opsbook
        mount --bind $root/disk/etc $root/etc; mount --bind $root/disk/opsbook $root/var/lib/opsbook
    """
    Session(host, plan)
    done = host.run("sh", "-ec", f"""
        export PYTHONPATH=/opt/opsbook-test
        ( cd /etc; find . -type f | sort | xargs sha256sum ) > /disk/before
        python3 /root/prepare; python3 /root/risky
        dd if=/dev/zero of=/disk/fill bs=4k 2>/dev/null || true
        ! touch /disk/more || ! echo x > /disk/more
        sh {BUNDLE}/guard/revert.sh timer
        ls {BUNDLE}/guard; rm /disk/fill
        ( cd /etc; find . -type f | sort | xargs sha256sum ) | diff /disk/before -
    """, before=disk)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nreverted\n" in done.stdout


SSHD = "/etc/ssh/sshd_config"
BOTH = [
    step("mode", "mode", paths=[SSHD], at_most="0600", owner="root", groups=["root"]),
    step("noise", "line", file=SSHD, line="# kept by opsbook"),
    step("x11", "sshd_option", option="X11Forwarding", value="no", risky=True),
    step("reach", "mode", paths=[SSHD], at_most="0400", risky=True),
]
SPLIT = [[BOTH[0], BOTH[2]], [BOTH[1], BOTH[3]]]


@pytest.mark.parametrize("steps", SPLIT, ids=["mode-then-bytes", "bytes-then-mode"])
def test_what_the_safe_stage_did_to_a_file_is_no_stranger_s_work_to_the_risky_one(
    host: Root, steps: list[dict[str, Any]]
) -> None:
    before = host.sh(LISTING)
    plan = plan_of(host, steps)
    all_of_it(host, plan)
    again = do(host, "apply", plan)
    assert (again.get("failed"), again["changed"]) == (None, False)
    assert do(host, "undo", plan)["opsbook_undone"]["verified"] is True
    assert host.sh(LISTING) == before


@pytest.mark.parametrize("verb", ["undo", "again"])
def test_a_kill_in_either_stage_of_one_file_is_mended_by_doing_it_again_or_by_undo(
    host: Root, verb: str
) -> None:
    before = host.sh(LISTING)
    plan = plan_of(host, BOTH)
    died = 0
    for stage, point in (("safe", 1), ("safe", 7), ("risky", 12), ("risky", 20)):
        do(host, "prepare", plan)
        if stage == "risky":
            do(host, "apply", plan)
        put(host, "/root/die-at", str(point))
        died += host.run(*_module_command("apply", plan, stage=stage)).returncode != 0
        host.path("/root/die-at").unlink()
        if verb == "again":
            all_of_it(host, plan)
        result = do(host, "undo", plan)
        assert result.get("opsbook_undone", {}).get("verified"), (stage, point, result)
        assert host.sh(LISTING) == before, (stage, point)
    assert died >= 3


def test_what_a_stranger_did_between_the_stages_is_still_named(host: Root) -> None:
    plan = plan_of(host, BOTH)
    do(host, "prepare", plan)
    do(host, "apply", plan)
    host.sh(f"echo '# mine' >> {SSHD}")
    for result in (do(host, "apply", plan, stage="risky"), do(host, "undo", plan)):
        assert SSHD in result["msg"]
        assert "somebody else" in result["msg"]


def test_a_live_value_that_both_stages_set_comes_back_from_either(host: Root) -> None:
    days = [step("safe", "account", users=["keeper"], max_days=90),
            step("later", "account", users=["keeper"], max_days=60, risky=True)]  # fmt: skip
    plan = plan_of(host, days)
    for stages in (["safe"], ["safe", "risky"]):
        do(host, "prepare", plan)
        for stage in stages:
            assert do(host, "apply", plan, stage=stage)["changed"] is True
        undone = do(host, "undo", plan)
        assert undone.get("opsbook_undone", {}).get("verified"), undone
        assert host.sh("grep ^keeper: /etc/shadow").split(":")[4] == "99999"


def test_logs_that_a_program_of_the_pass_makes_are_closed_to_others(host: Root) -> None:
    host.sh("touch /var/log/there.log; chmod 644 /var/log/there.log")
    words = "umask 0; touch /var/lib/made /var/log/made.log /var/log/wtmp.1"
    plan = plan_of(host, [step("made", "command_made", creates="/var/lib/made",
                               argv=["sh", "-c", words])])  # fmt: skip
    all_of_it(host, plan)
    modes = host.sh("cd /var/log; stat -c '%a' made.log there.log wtmp.1")
    assert modes.split() == ["640", "644", "666"]


@pytest.fixture(scope="module")
def archive(site: Root, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """The same host with an archive of two packages, and one that is to go."""
    place = tmp_path_factory.mktemp("archive")
    make_deb(place, "try-lib", "2.0", {"usr/share/try-lib/x": "x"})
    make_deb(place, "try-guard", "1:3.0-1", {"etc/try-guard.conf": "level = 1\n"},
             scripts={"postrm": "rmdir --ignore-fail-on-non-empty /etc/try.d || :\n"},
             Depends="try-lib")  # fmt: skip
    root = Root(place / "root", site.layer())
    shutil.copytree(place, root.path("/srv/archive"), ignore=shutil.ignore_patterns("root"))
    make_deb(root.path("/srv/archive"), "try-telnet", "0.18")  # on offer, and not installed
    make_archive(root.path("/srv/archive"))
    old = place / "old"
    old.mkdir()
    make_deb(old, "try-telnet", "0.17", {"usr/bin/try-telnet": "#!", "etc/try-telnet.conf": "was"})
    shutil.copytree(old, root.path("/root/old"))
    root.path("/etc/apt").mkdir(parents=True, exist_ok=True)
    root.path("/etc/try.d").mkdir(mode=0o750)
    put(root, "/etc/apt/sources.list", "deb [trusted=yes] file:/srv/archive ./\n")
    root.sh("dpkg --clear-avail; apt-get update -q; dpkg -i /root/old/*.deb; rm -r /root/old")
    return root


PACKAGES = [
    step("guard", "package", names=["try-guard"], state="present"),
    step("telnet", "package", names=["try-telnet"], state="absent"),
    step("level", "conf_value", file="/etc/try-guard.conf", key="level", value="2",
         separator=" = "),
]  # fmt: skip


def test_packages_come_and_go_exactly_as_planned_and_back(archive: Root, tmp_path: Path) -> None:
    host = Root(tmp_path / "host", archive.layer())
    listing = LISTING + "cat /var/lib/dpkg/status; ls /usr/bin/try* /usr/share/try* 2>&1"
    before = host.sh(listing)
    wanting = [step(name, "package", names=["try-gone"], state="present") for name in "ab"]
    looks = looks_of(host, [*PACKAGES, *wanting])
    assert [bool(row["problem"]) for row in looks] == [False, False, False, True, True]
    assert looks[0]["after"] == "try-guard 1:3.0-1; try-lib 2.0"
    assert (looks[1]["before"], looks[1]["after"]) == ("try-telnet 0.17", "-")
    plan = plan_of(host, PACKAGES)
    all_of_it(host, plan)
    assert host.sh("cat /etc/try-guard.conf") == "level = 2\n"
    assert host.run("try-telnet").returncode != 0
    undone = do(host, "undo", plan)
    assert undone["opsbook_undone"]["verified"] is True, undone
    assert host.sh(listing) == before
