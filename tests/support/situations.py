"""The situations of controls: roots made bad or good, and what the checks then tell of them."""

from __future__ import annotations

from pathlib import Path

from opsbook.domains.hardening.controls.compose import compose
from opsbook.domains.hardening.controls.judge import Verdict, judge
from opsbook.domains.hardening.controls.loader import controls_directory
from opsbook.domains.hardening.controls.observed import HostAnswers, read_answers
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.controls.situations import Situations, load_situations
from support.roots import Root, image

FAKE = """\
fake_package() {
    printf '\\nPackage: %s\\nStatus: install ok installed\\nMaintainer: x\\nArchitecture: all\\n' \
        "$1" >>/var/lib/dpkg/status
    printf 'Version: %s\\nDescription: x\\n' "${2:-1.0-1}" >>/var/lib/dpkg/status
}
"""
"""What the shell of a situation has beside the commands of the root."""

PREPARED = """
mkdir -p /run/sshd; ssh-keygen -A -q
"""


def situations_of(control: Control) -> Situations:
    """The situations that stand beside the control."""
    return load_situations(controls_directory() / control.folder)


def prepared(place: Path) -> Root:
    """A root on which controls are tried: the lab's base with keys of its own for sshd."""
    root = Root(place, image())
    root.sh(PREPARED)
    return root


def answers_of(root: Root, controls: list[Control], seed: str, shell: str = "sh") -> HostAnswers:
    """What the checks of ``controls`` tell of ``root`` after ``seed`` ran there."""
    for name, text in (("seed", FAKE + seed), ("checks", compose(controls, check_seconds=10))):
        file = root.path(f"/root/{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    done = root.run("sh", "-c", f"sh -e /root/seed >&2 && exec {shell} -s </root/checks")
    assert done.returncode == 0, done.stderr
    return read_answers(done.stdout)


def verdict_of(root: Root, control: Control, seed: str) -> Verdict:
    """How the one control is judged there, by the values it has where a site says nothing."""
    ours = control.of_family("debian")
    found = answers_of(root, [control], seed)
    assert found.complete
    assert found.strange == 0
    return judge(ours, found.controls.get(control.key), ours.site_values({}))
