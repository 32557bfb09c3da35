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
no_package() {
    for _p in "$@"; do
        awk -v RS= -v ORS='\\n\\n' -v p="$_p" 'index($0, "Package: " p "\\n") != 1' \
            /var/lib/dpkg/status >/run/status && cat /run/status >/var/lib/dpkg/status
    done
}
as_rhel() { rm -rf /var/lib/dpkg && mkdir -p /var/lib/rpm; }
fake_tool() {
    { printf '#!/bin/sh\\ncat <<\\FAKE\\n'; cat; printf '\\nFAKE\\n'; } >"/usr/sbin/$1"
    chmod 0755 "/usr/sbin/$1"
}
fake_unit() {
    mkdir -p /run/systemd/system
    printf 'Id=%s\\nLoadState=loaded\\nActiveState=%s\\nUnitFileState=%s\\n\\n' \\
        "$1" "$3" "$2" >>/run/units
    fake_tool systemctl </run/units
}
fake_sys() { mkdir -p "/sys/${1%/*}" && printf '%s\\n' "$2" >"/sys/$1"; }
fake_process() {
    cp /bin/sleep "/run/$1"
    "/run/$1" 60 >/dev/null 2>&1 &
}
fake_listener() {
    python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen()
print(flush=True); time.sleep(60)' \
        "$1" >/run/listening 2>&1 &
    while [ ! -s /run/listening ]; do sleep 0.05; done
}
over() { printf '%s\\n' "$2" >/run/over."${1##*/}" && mount --bind /run/over."${1##*/}" "$1"; }
live_sysctl() {
    _top=${1%%.*} _path=/run/sys/$(printf %s "$1" | tr . /)
    mkdir -p "${_path%/*}" && printf '%s\\n' "$2" >"$_path"
    [ -e /run/sys/."$_top" ] || mount --bind "/run/sys/$_top" "/proc/sys/$_top"
    touch /run/sys/."$_top"
}
fake_cmdline() { over /proc/cmdline "$1"; }
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
    for name, text in (("seed", FAKE + seed), ("checks", compose(controls))):
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
