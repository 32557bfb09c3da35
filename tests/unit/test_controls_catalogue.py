"""The catalogue as a whole: it loads, speaks both languages, and says what it does not know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opsbook.domains.hardening.controls.compose import compose
from opsbook.domains.hardening.controls.index import Index
from opsbook.domains.hardening.controls.loader import (
    Catalogue,
    catalogue_digest,
    controls_directory,
    load_catalogue,
    load_control,
)
from opsbook.domains.hardening.controls.reasons import reason
from opsbook.domains.hardening.controls.situations import load_situations
from opsbook.model.errors import InputFault, UsageFault

CONTROLS = load_catalogue().controls
UNKNOWN = reason("never heard of").text.partition("{")[0]
_WHY = re.compile(r"\b(?:cannot|not_applicable) [\"']?([a-z_]+(?::[^\s\"';&|}]+)?)")


@pytest.mark.parametrize("key", CONTROLS)
def test_a_control_says_all_it_must(key: str) -> None:
    control = CONTROLS[key]
    texts = [control.title, control.why, control.by_hand, control.risk.workload, control.undo.why]
    texts += [value.help for value in control.values.values()]
    for text in filter(None, texts):
        assert re.search("[\u4e00-\u9fff]", text.zh), text
        assert not re.search("[\u4e00-\u9fff]", text.en), text
    told = [reason(word).text for word in _WHY.findall(control.check)]
    assert [text for text in told if text.startswith(UNKNOWN)] == []
    situations = load_situations(controls_directory() / control.folder)
    assert situations.fail.strip()
    assert control.steps or control.by_hand
    assert set(control.site_values({})) <= set(control.values)
    for rule in control.expect.values():
        assert rule.wanted(control.site_values({}))


def test_what_steps_cannot_bring_about_is_a_control_of_its_own() -> None:
    """Else it would be planned, would not hold afterwards, and the whole host be undone."""
    both = {control.key for one in CONTROLS.values() for family in ("debian", "rhel")
            if (control := one.of_family(family)).steps and control.by_hand}  # fmt: skip
    needed = {key for key, one in CONTROLS.items() if any(v.required for v in one.values.values())}
    assert both <= needed


STAYS = {
    "sudo.logfile": "/var/log/sudo.log", "auditd.enabled": "/var/log/audit",
    "log.rsyslog": "/var/log", "log.journald": "/var/log/journal",
    "log.journal_upload": "systemd-journal-upload", "log.remote": "log server",
    "firewall.firewalld": "/var/log/firewalld", "pam.pwhistory.remember": "/etc/security/opasswd",
    "aide.installed": "/var/log/aide", "aide.timer": "/var/log/aide",
    "cron.enabled": "crontab", "time.timesyncd": "systemd-timesync",
}  # fmt: skip
"""What programs that a control starts or installs make themselves, and leave behind."""


READ_AT_EVERY_USE = {
    "aide.audit_tools", "apt.sources", "coredump.limits", "coredump.storage",
    "login_defs.encrypt_method", "login_defs.pass_max_days", "login_defs.pass_min_days",
    "login_defs.pass_warn_age", "rpm.gpgcheck", "rpm.sources", "shell.tmout", "sudo.nopasswd",
    "umask.default",
}  # fmt: skip
DAEMONS_THAT_DO_NOT_TELL = {"audit.log_full", "audit.log_size", "log.remote", "snmp.community"}
"""They read their files again on a signal, and nothing on the host shows whether they have."""


def test_the_running_state_is_probed_wherever_there_is_one_beside_the_files() -> None:
    without = {key for key, control in CONTROLS.items()
               if not any(name.startswith("effective.") for name in control.expect)}  # fmt: skip
    assert without == READ_AT_EVERY_USE | DAEMONS_THAT_DO_NOT_TELL


def test_undo_is_not_called_full_where_something_stays_behind() -> None:
    for key, what in STAYS.items():
        undo = CONTROLS[key].undo
        assert undo.kind == "partly", key
        assert undo.why is not None
        assert what in undo.why.en, key
    chrony = CONTROLS["time.chrony"]
    kinds = {family: chrony.of_family(family).undo.kind for family in ("debian", "rhel")}
    assert kinds == {"debian": "full", "rhel": "partly"}


def test_checks_do_not_hold_text_in_which_leading_blanks_count() -> None:
    """The script is sent without indentation, and a here-document would change by that."""
    assert [key for key, control in CONTROLS.items() if "<<" in control.check] == []


def test_the_script_is_the_same_for_the_same_controls_and_changes_with_any_of_them() -> None:
    some = [control for key, control in CONTROLS.items() if key.startswith("sshd.")]
    assert compose(some) == compose(reversed(some))
    assert compose(some) != compose(some[1:])


def test_rules_of_scanners_lead_to_controls() -> None:
    index = Index(CONTROLS.values())
    assert index.controls_of("ssg", "sshd_disable_root_login") == ("sshd.permitrootlogin",)
    assert index.controls_of("lynis", "SSH-7408/permitrootlogin") == ("sshd.permitrootlogin",)
    assert "login_defs.pass_max_days" in index.controls_of("lynis", "AUTH-9286/PASS_MAX_DAYS")
    assert index.controls_of("ssg", "no_such_rule") == ()
    assert index.controls_of("opsbook", "sshd.macs") == ("sshd.macs",)


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert reason("x\x1b[2J").english() == "not to be seen: x\\x1b[2J"


def test_an_unknown_control_is_told() -> None:
    with pytest.raises(UsageFault):
        Catalogue(CONTROLS, "").find("no.such")


def test_all_faults_of_a_control_are_told_with_their_lines(tmp_path: Path) -> None:
    folder = tmp_path / "a_b"
    folder.mkdir()
    (folder / "control.yml").write_text(
        "schema: 1\nkey: a.c\ntitle: {zh: 一, en: one}\nwhy: {zh: 一, en: one}\nseverity: grave\n"
        "expect:\n  configured.x: {is: a, none: true}\n"
        "steps:\n  - {kind: sysctl, name: a}\n  - {kind: magic}\n"
        "risk: {disruption: none}\nundo: {kind: none}\nmore: 1\n"
    )
    with pytest.raises(InputFault) as caught:
        load_control(folder)
    told = {(fault.line, fault.path) for fault in caught.value.faults}
    assert {(5, "severity"), (7, "expect.configured.x"), (9, "steps.0"), (10, "steps.1"),
            (12, "undo"), (13, "more")} <= told  # fmt: skip
    assert any("check.sh" in fault.problem.english() for fault in caught.value.faults)


CONTROL = """schema: 1
key: {key}
title: {{zh: 一, en: one}}
why: {{zh: 一, en: one}}
severity: low
expect: {{configured.x: {{is: a}}}}
values: {{v: {{type: string, default: a, help: {{zh: 一, en: one}}}}}}
steps: [{steps}]
variants: {{rhel: {{steps: [{rhel}]}}}}
risk: {{disruption: none}}
undo: {{kind: full}}
"""
OWN = '{kind: sysctl, name: a, value: "1"}'
RHEL = '{kind: sysctl, name: b, value: "1"}'


def declared(root: Path, key: str, steps: str, rhel: str) -> Path:
    folder = root / key.replace(".", "_")
    folder.mkdir()
    (folder / "control.yml").write_text(CONTROL.format(key=key, steps=steps, rhel=rhel))
    (folder / "check.sh").write_text("true\n")
    return folder


def test_a_control_may_name_the_steps_of_another(tmp_path: Path) -> None:
    declared(tmp_path, "a.own", OWN, RHEL)
    named = "{kind: steps_of, control: a.own}"
    control = load_control(declared(tmp_path, "a.other", f"{named}, {OWN}", named))
    assert [step.stated["name"] for step in control.steps] == ["a", "a"]
    assert [step.stated["name"] for step in control.of_family("rhel").steps] == ["b"]
    deny, enabled = CONTROLS["pam.faillock.deny"], CONTROLS["pam.faillock.enabled"]
    assert deny.steps[:-1] == enabled.steps


@pytest.mark.parametrize(
    "key", ["a.missing", "../a.own", "a.other", "a.valued", "a.by_another", "a.own/check.sh"]
)
def test_only_plain_steps_of_a_control_that_there_is_are_taken_over(
    tmp_path: Path, key: str
) -> None:
    declared(tmp_path, "a.own", OWN, RHEL)
    declared(tmp_path, "a.valued", "{kind: sysctl, name: a, value: {value: v}}", RHEL)
    declared(tmp_path, "a.by_another", "{kind: steps_of, control: a.own}", RHEL)
    named = f"{{kind: steps_of, control: {key}}}"
    folder = declared(tmp_path, "a.other", named, OWN)
    with pytest.raises(InputFault) as caught:
        load_control(folder)
    assert [(one.line, one.path) for one in caught.value.faults] == [(8, "steps.0.control")]


def test_the_digest_follows_every_byte(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "check.sh").write_text("true\n")
    before = catalogue_digest(tmp_path)
    (tmp_path / "a" / "check.sh").write_text("false\n")
    assert catalogue_digest(tmp_path) != before


@pytest.mark.parametrize(
    ("methods", "held"),
    [
        ("publickey,password", True),
        ("publickey,password gssapi-with-mic,keyboard-interactive:pam", True),
        ("publickey,password publickey", False),
        ("any", False),
        ("publickey", False),
    ],
)
def test_every_way_in_has_to_ask_for_two(methods: str, held: bool) -> None:
    control = CONTROLS["sshd.mfa"]
    assert [rule.holds([methods], {}) for rule in control.expect.values()] == [held, held]
