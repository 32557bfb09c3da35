"""What steps of hardening make of a host, and what of a plan they refuse. No IO."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from doubles.hardening_host import MemoryHost
from opsbook.domains.hardening.controls.loader import controls_directory
from support.module_utils import hardening, on_host

CASES = YAML(typ="safe").load(Path(__file__).parent / "cases" / "hardening_steps.yml")
Refused = on_host("commands").Refused


def look_at(host: MemoryHost, *rows: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    named = [{"id": f"a#{number}", "control": "a", **row} for number, row in enumerate(rows)]
    draft, looks = hardening("looking").look_at(host, named)
    return draft, [one.told() for one in looks]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_step_makes_of_a_file_what_its_case_says(case: dict[str, Any]) -> None:
    path = case.get("file", "/etc/f")
    host = MemoryHost({path: case["before"]})
    draft, (look,) = look_at(host, case["step"])
    assert [look["before"], look["after"]] == case["look"]
    if case["after"] == "same":
        assert (look["changes"], draft.files) == (False, {})
        return
    assert draft.files[path].data.decode() == case["after"]
    done = MemoryHost({one: (w.data.decode(), w.mode, 0, 0) for one, w in draft.files.items()})
    assert [one["changes"] for one in look_at(done, case["step"])[1]] == [False]


def test_two_steps_on_one_file_see_each_other() -> None:
    host = MemoryHost({"/etc/f": "A 1\n"})
    draft, looks = look_at(
        host,
        {"kind": "conf_value", "file": "/etc/f", "key": "A", "value": "2"},
        {"kind": "conf_value", "file": "/etc/f", "key": "B", "value": "3"},
        {"kind": "conf_value", "file": "/etc/f", "key": "A", "value": "2"},
    )
    assert draft.files["/etc/f"].data == b"A 2\nB 3\n"
    assert [look["changes"] for look in looks] == [True, True, False]


def test_bytes_that_are_no_text_survive() -> None:
    host = MemoryHost()
    host.read = lambda path: b"\xff\xfe A\n" if path == "/etc/f" else None  # type: ignore[method-assign]
    host.files["/etc/f"] = ""
    draft, _ = look_at(host, {"kind": "conf_value", "file": "/etc/f", "key": "B", "value": "3"})
    assert draft.files["/etc/f"].data == b"\xff\xfe A\nB 3\n"


def test_a_link_is_refused_and_in_a_survey_a_problem() -> None:
    host = MemoryHost({"/etc/f": ""}, links={"/etc/f"})
    row = {"kind": "conf_value", "file": "/etc/f", "key": "B", "value": "3"}
    with pytest.raises(Refused, match="link"):
        look_at(host, row)
    _, looks = hardening("looking").look_at(host, [{"id": "a#1", **row}], tolerant=True)
    assert "link" in looks[0].told()["problem"]


def test_a_value_of_the_kernel_that_a_container_cannot_set_is_set_in_the_file_alone() -> None:
    row = {"kind": "sysctl", "name": "kernel.kptr_restrict", "value": "2"}
    kernel = {"/proc/sys/kernel/kptr_restrict": "0\n"}
    draft, _ = look_at(MemoryHost(kernel=kernel), row)
    assert [(one.was, one.wanted) for one in draft.effects.values()] == [("0", "2")]
    draft, (look,) = look_at(MemoryHost(kernel=kernel, container=True), row)
    assert (draft.effects, look["changes"]) == ({}, True)


def test_a_value_of_all_interfaces_is_set_for_each_that_is_there() -> None:
    conf = "/proc/sys/net/ipv4/conf"
    kernel = {f"{conf}/{one}/rp_filter": "0" for one in ("all", "default", "eth0", "eth0.100")}
    row = {"kind": "sysctl", "name": "net.ipv4.conf.all.rp_filter", "value": 1, "interfaces": True}
    draft, _ = look_at(MemoryHost(kernel=kernel), row)
    assert {key for _, key in draft.effects} == {
        f"net/ipv4/conf/{one}/rp_filter" for one in ("all", "eth0", "eth0.100")
    }


def test_accounts_are_changed_field_by_field() -> None:
    shadow = "a:$y$x:20000:0:99999:7:::\nb:!:20000:0:90:7:::\nc::20000:0::7:::\n"
    host = MemoryHost({"/etc/shadow": shadow})
    row = {"kind": "account", "users": ["a", "b", "c"], "max_days": 90, "lock": True}
    draft, (look,) = look_at(host, row)
    assert look["before"] == "a max_days 99999; a lock open; c max_days -; c lock empty"
    effects = hardening("effects")
    ways = {one.key: effects.commands(*one) for one in draft.effects.values()}
    assert ways["a:max_days"][0].argv == ("chage", "-M", "90", "--", "a")
    back = effects.commands("account", "c:lock", "locked", "empty")
    assert back[0].argv == ("passwd", "-d", "--", "c")


def test_a_unit_goes_there_and_back() -> None:
    def host(enabled: str, active: str) -> MemoryHost:
        return MemoryHost(
            answers={
                ("systemctl", "is-enabled", "--", "cups.service"): (0, enabled + "\n"),
                ("systemctl", "is-active", "--", "cups.service"): (0, active + "\n"),
            }
        )

    row = {"kind": "unit", "unit": "cups", "enabled": "masked", "active": False}
    draft, (look,) = look_at(host("enabled", "active"), row)
    assert (look["before"], look["after"]) == ("enabled, active", "masked, inactive")
    (effect,) = draft.effects.values()
    there = hardening("effects").commands(effect.kind, effect.key, effect.was, effect.wanted)
    assert [one.argv[1] for one in there] == ["stop", "mask"]
    back = hardening("effects").back(host("masked", "inactive"), effect)
    assert [one.argv[1] for one in back] == ["unmask", "enable", "start"]
    assert look_at(host("masked", "inactive"), row)[1][0]["changes"] is False


@pytest.mark.parametrize(
    ("enabled", "active", "stops"),
    [
        ("enabled", "active", False),  # its file is there yet: its own stop may clear too much
        ("not-found", "active", True),  # what systemd goes on telling of a file that has gone
        ("not-found", "inactive", False),
    ],
)
def test_a_unit_that_came_with_a_package_is_stopped_once_that_is_gone(
    enabled: str, active: str, stops: bool
) -> None:
    effects, draft = hardening("effects"), hardening("draft")
    host = MemoryHost(
        answers={
            ("systemctl", "is-enabled", "--", "nftables.service"): (0, enabled + "\n"),
            ("systemctl", "is-active", "--", "nftables.service"): (0, active + "\n"),
        }
    )
    was = {"enabled": "", "active": ""}
    effect = draft.Effect("unit", "nftables.service", was, {"enabled": "enabled", "active": ""})
    told = [one.argv for one in effects.back(host, effect)]
    assert told == ([("systemctl", "stop", "--", "nftables.service")] if stops else [])
    assert effects.is_back(host, effect) is not stops


def test_tables_of_nftables_that_are_not_ours_are_left_alone() -> None:
    tables = hardening("effects").tables
    lines = ["#!/usr/sbin/nft -f", "table inet filter", "delete table inet filter",
             "table inet filter {", " chain input {"]  # fmt: skip
    assert tables(lines) == ["inet filter"]
    assert tables(["flush ruleset", *lines]) == ["*"]
    (command,) = hardening("effects").commands("nft", "inet filter", "x", "table inet filter {}\n")
    assert command.argv == ("nft", "-f", "-")
    assert command.text == "table inet filter\ndelete table inet filter\ntable inet filter {}\n"


def test_audit_rules_are_those_that_the_kind_of_machine_has() -> None:
    lines = [
        "-a always,exit -F arch=b64 -S open,openat -F auid>=1000 -k access",
        "-a always,exit -F arch=b32 -S open,openat -F auid>=1000 -k access",
        "-w /etc/passwd -p wa -k identity",
    ]
    row = {"kind": "audit_rules", "file": "/etc/audit/rules.d/x.rules", "lines": lines + lines[2:]}

    def written(machine: str) -> list[str]:
        draft, _ = look_at(MemoryHost(machine=machine), row)
        return draft.files[row["file"]].data.decode().splitlines()  # type: ignore[no-any-return]

    assert written("x86_64") == lines
    assert written("i686") == lines[1:]
    assert written("aarch64") == [lines[0].replace("open,", ""), lines[2]]
    services = controls_directory().parent / "files" / "services.sh"
    known = re.search(r"_legacy_call\(\) \{\n.*\n +([a-z_ |]+)\)", services.read_text())
    assert known is not None
    assert set(known.group(1).split(" | ")) == hardening("steps.rules")._LEGACY


def test_a_value_is_ours_with_what_either_stage_gave_it_and_else_a_stranger_s() -> None:
    effect = hardening("draft").Effect
    both = [effect("account", "a:max_days", "99999", "90"),
            effect("account", "a:max_days", "99999", "60")]  # fmt: skip

    def elsewhere(days: int) -> list[str]:
        host = MemoryHost({"/etc/shadow": f"a:x:20000:0:{days}:7:::\n"})
        return hardening("effects").elsewhere(host, both)  # type: ignore[no-any-return]

    assert [elsewhere(days) for days in (99999, 90, 60)] == [[], [], []]
    assert elsewhere(30) == ["account a:max_days"]


def test_sshd_is_asked_once_for_all_steps() -> None:
    asked: list[int] = []
    host = MemoryHost({"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n"})
    host.sshd = lambda: asked.append(1) or {}  # type: ignore[method-assign,func-returns-value]
    rows = [{"kind": "sshd_option", "option": name, "value": "no"} for name in ("A", "B")]
    look_at(host, *rows)
    assert asked == [1]


def test_each_service_is_told_once_and_the_way_in_last() -> None:
    of = hardening("activations").of
    found = of(
        ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/site.conf", "/etc/fstab",
         "/etc/systemd/journald.conf", "/etc/login.defs"],
        [("chrony", "restart")],
    )  # fmt: skip
    assert [(one.units[:1], one.how) for one in found] == [
        ((), "manager"), (("chrony",), "restart"), (("systemd-journald",), "restart"),
        (("ssh",), "reload"),
    ]  # fmt: skip


FIELDS: dict[str, dict[str, Any]] = {
    "conf_value": {"file": "/etc/f", "key": "A", "value": "1"},
    "drop_in": {"file": "/etc/f", "lines": ["x"]},
    "line": {"file": "/etc/f", "line": "x"},
    "file_absent": {"file": "/etc/f"},
    "sudoers": {"file": "/etc/sudoers.d/f", "lines": ["x"]},
    "mode": {"paths": ["/etc/f"], "at_most": "0600", "owner": "root"},
    "sysctl": {"name": "a.b", "value": "1"},
    "kernel_module_off": {"module": "x"},
    "grub_argument": {"argument": "a", "value": "1"},
    "mount_option": {"mount": "/tmp", "options": ["nodev"]},
    "account": {"users": ["a"], "max_days": 90, "shell": "/bin/false"},
    "group": {"name": "a"},
    "unit": {"unit": "a", "enabled": True},
    "command_made": {"creates": "/etc/f", "argv": ["a"]},
    "audit_rules": {"file": "/etc/audit/rules.d/f", "lines": ["-w /etc -p wa"]},
    "nftables": {"file": "/etc/f", "lines": ["x"]},
    "sshd_option": {"option": "A", "value": "1"},
    "pam_profile": {"name": "a", "lines": ["x"]},
    "pam_option": {"file": "/etc/f", "module": "pam_x.so", "add": ["x"]},
    "package": {"names": ["a"], "state": "absent"},
}


def test_every_kind_has_its_fields_here() -> None:
    assert set(FIELDS) == set(hardening("steps").KINDS)
    for kind, fields in FIELDS.items():
        hardening("steps").step_of({"id": "a#1", "kind": kind, **fields}, "debian")


HOSTILE = ["a\nb", "a\rb", "a\0b", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "a\x85b"]


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("bad", HOSTILE, ids=[repr(one) for one in HOSTILE])
def test_a_control_character_in_any_field_of_any_kind_is_refused(kind: str, bad: str) -> None:
    for name, value in FIELDS[kind].items():
        if isinstance(value, bool):
            continue
        worse = [bad] if isinstance(value, list) else bad
        row = {"id": "a#1", "kind": kind, **FIELDS[kind], name: worse}
        with pytest.raises(Refused, match=f"{name} of the planned step a#1"):
            hardening("steps").step_of(row, "debian")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"kind": "conf_value", **FIELDS["conf_value"], "file": "/etc/../x"}, "no absolute path"),
        ({"kind": "conf_value", **FIELDS["conf_value"], "file": "etc/x"}, "no absolute path"),
        ({"kind": "drop_in", **FIELDS["drop_in"], "file": "/proc/sys/x"}, "no step may write"),
        ({"kind": "drop_in", **FIELDS["drop_in"], "file": "/var/lib/opsbook/x"}, "no step may"),
        ({"kind": "drop_in", **FIELDS["drop_in"], "mode": "0888"}, "no file mode"),
        ({"kind": "drop_in", **FIELDS["drop_in"], "more": 1}, "means nothing"),
        ({"kind": "account", **FIELDS["account"], "users": ["-R"]}, "no name"),
        ({"kind": "package", "names": ["a-"], "state": "present"}, "something else to apt"),
        ({"kind": "package", "names": ["--x"], "state": "present"}, "no name"),
        ({"kind": "sshd_option", "option": "Match", "value": "all"}, "not be an option"),
        ({"kind": "sysctl", "name": "../etc", "value": "1"}, "no value of the kernel"),
        ({"kind": "grub_argument", "argument": "a", "value": "$(id)"}, "no value of an argument"),
        ({"kind": "audit_rules", "file": "/etc/audit/rules.d/f", "lines": ["rm -rf"]}, "no rule"),
        ({"kind": "pam_option", "file": "/etc/f", "module": "x.so", "add": ["a b"]}, "not one"),
        ({"kind": "reformat"}, "no kind"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(row: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        hardening("steps").step_of({"id": "a#1", **row}, "debian")


@given(st.dictionaries(st.sampled_from(["id", "kind", "file", "lines", "key", "value", "paths"]),
                       st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20),
                                 st.lists(st.text(max_size=9), max_size=3))))  # fmt: skip
def test_whatever_a_plan_says_it_is_a_step_or_refused(row: dict[str, Any]) -> None:
    try:
        hardening("steps").step_of(row, "debian")
    except Refused:
        return
    assert row["kind"] in hardening("steps").KINDS


@given(st.text(alphabet="AB =#[]\n\t1", max_size=60))
def test_setting_a_value_twice_is_setting_it_once(text: str) -> None:
    row = {"kind": "conf_value", "file": "/etc/f", "key": "A", "value": "7", "separator": " = "}
    draft, _ = look_at(MemoryHost({"/etc/f": text}), row)
    once = draft.files["/etc/f"].data.decode() if draft.files else text
    assert look_at(MemoryHost({"/etc/f": once}), row)[1][0]["changes"] is False
    kept = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("A")]
    assert [line for line in once.split("\n") if line in kept] == kept


def test_lists_that_differ_never_read_the_same() -> None:
    joined = hardening("steps.base").joined
    many = [f"value {number}" for number in range(40)]
    assert joined(many) != joined([*many[:-1], "another"])
    assert joined([]) == "-"
