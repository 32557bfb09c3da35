"""The script of the checks under the shells that hosts have, and on hosts that mean harm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from opsbook.domains.hardening.controls.compose import compose
from opsbook.domains.hardening.controls.judge import judge
from opsbook.domains.hardening.controls.loader import load_catalogue
from opsbook.domains.hardening.controls.observed import HostAnswers, read_answers
from opsbook.domains.hardening.controls.schema import Control
from opsbook.model.finding import Result
from support.roots import Root
from support.situations import answers_of, prepared

CONTROLS = load_catalogue().controls
QUICK = [control for control in CONTROLS.values() if not control.slow]
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "ash"], "bash": ["bash", "--posix"]}


def told(controls: list[Control], shell: str = "dash", **options: Any) -> HostAnswers:
    """What the checks say of this machine."""
    done = subprocess.run(
        [*SHELLS[shell], "-s"],
        input=compose(controls, **options), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return read_answers(done.stdout)


def made(check: str, **more: Any) -> Control:
    """A control with that check."""
    words = {"zh": "x", "en": "x"}
    return Control.model_validate(
        {"schema": 1, "key": "a.b", "title": words, "why": words, "severity": "low",
         "expect": {"effective.x": {"none": True}}, "by_hand": words,
         "risk": {"disruption": "none"}, "undo": {"kind": "full"}, "check": check} | more
    )  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_a_check_that_hangs_is_given_up_and_the_others_are_done(shell: str) -> None:
    hangs = made("sleep 30", key="a.hangs")
    after = made("none effective x", key="b.after")
    answers = told([hangs, after], shell, check_seconds=1)
    assert answers.complete
    assert judge(hangs, answers.controls["a.hangs"], {}).result is Result.ERROR
    assert judge(after, answers.controls["b.after"], {}).result is Result.PASS


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_host_says_cannot_be_taken_for_our_words(shell: str) -> None:
    lines = r"a\nran\tb.c\nsee\ta.b\teffective\ty\t\tz\033[2J"
    hostile = made(
        f"""see effective x "$(printf '{lines}')" "p
        q"
        echo "ran	x.y"
        printf 'see\\ta.b\\teffective\\tforged\\t\\tv\\n'
        echo loud >&2"""
    )
    answers = told([hostile], shell)
    assert set(answers.controls) == {"a.b"}
    (seen,) = answers.controls["a.b"].seen["effective.x"]
    assert set(answers.controls["a.b"].seen) == {"effective.x"}
    assert seen.value.startswith("a\\nran\\tb.c\\nsee")
    assert seen.of == "p\\nq"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_check_that_ends_its_shell_does_not_end_the_others(shell: str) -> None:
    answers = told([made("exit 3"), made("none effective x", key="b.c")], shell)
    assert answers.complete
    assert answers.controls["a.b"].cannot
    assert answers.controls["b.c"].ran


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root as it was installed, and with this machine's busybox."""
    root = prepared(tmp_path_factory.mktemp("shells") / "root")
    busybox = shutil.which("busybox")
    assert busybox
    root.path("/usr/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox, root.path("/usr/bin/busybox"))
    return root


def test_all_shells_tell_the_same(base: Root, tmp_path: Path) -> None:
    dash, busybox, bash = (
        answers_of(Root(tmp_path / shell[0], base.layer()), QUICK, "", " ".join(shell))
        for shell in SHELLS.values()
    )
    assert dash.complete
    assert dash.strange == 0
    assert {key for key, one in dash.controls.items() if one.ran} == {
        control.key for control in QUICK
    }
    assert dash.controls == busybox.controls
    assert dash.controls == bash.controls


def test_pipes_links_and_giants_in_place_of_files_hold_nothing_up(
    base: Root, tmp_path: Path
) -> None:
    root = Root(tmp_path / "root", base.layer())
    answers = answers_of(
        root, QUICK,
        """cd /etc; rm -f login.defs sudoers security/faillock.conf issue.net pam.d/su
        mkfifo /etc/login.defs /etc/issue.net; ln -s /dev/zero /etc/sudoers
        ln -s faillock.conf /etc/security/faillock.conf; mkdir /etc/pam.d/su
        head -c 20000000 /dev/urandom >/etc/default/useradd
        : >"/etc/profile.d/a;touch pwned;.sh"; touch -- '/etc/ssh/sshd_config.d/-x $(id).conf'
        """,
    )  # fmt: skip
    assert answers.complete
    control = CONTROLS["login_defs.pass_max_days"]
    found = judge(control, answers.controls[control.key], control.site_values({}))
    assert found.result is Result.ERROR
    assert not (tmp_path / "root/upper/pwned").exists()


def test_without_root_what_needs_it_is_an_error_and_never_a_pass(
    base: Root, tmp_path: Path
) -> None:
    root = Root(tmp_path / "root", base.layer())
    root.path("/root/checks").parent.mkdir(parents=True, exist_ok=True)
    root.path("/root/checks").write_text(compose(QUICK))
    done = root.run("sh", "-c", "exec setpriv --reuid 65534 --regid 65534 --clear-groups"
                    " sh -s </root/checks")  # fmt: skip
    answers = read_answers(done.stdout)
    assert answers.complete
    assert not answers.root
    for key in ("acct.empty_password", "sshd.permitrootlogin", "shadow.max_days"):
        control = CONTROLS[key]
        found = judge(control, answers.controls[key], control.site_values({}))
        assert found.result is Result.ERROR, key


def test_an_sshd_that_has_not_read_its_files_again_is_told(base: Root, tmp_path: Path) -> None:
    root = Root(tmp_path / "root", base.layer())
    control = CONTROLS["sshd.permitrootlogin"]
    seed = """sleep 1 & echo $! >/run/sshd.pid; touch -d '2 minutes ago' /run/sshd.pid
        echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/x.conf"""
    found = answers_of(root, [control], seed)
    assert judge(control, found.controls[control.key], {}).not_in_effect


def test_a_match_block_that_lets_root_in_is_a_failure(base: Root, tmp_path: Path) -> None:
    root = Root(tmp_path / "root", base.layer())
    control = CONTROLS["sshd.permitrootlogin"]
    seed = """echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/x.conf
        printf 'Match Address 10.0.0.0/8\\n  PermitRootLogin yes\\n' >>/etc/ssh/sshd_config"""
    found = answers_of(root, [control], seed)
    assert judge(control, found.controls[control.key], {}).result is Result.FAIL
