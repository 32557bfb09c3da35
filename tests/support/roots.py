"""A root file system of a lab host, without booting it: modules run inside as they do on hosts.

Every command has mounts and processes of its own, which end with it; only files stay, in a layer
of the test's own above the lab's base image.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ansible

from opsbook.execution.declared.declarations import collection
from opsbook.lab.images import Images, find_mirror
from opsbook.lab.machine import LinuxMachine
from opsbook.lab.plan import Layer

IMAGES = Path(__file__).parents[2] / ".state" / "lab-images"
_LIBRARY = "/opt/opsbook-test"
_MODULES = "ansible_collections.opsbook.runbooks.plugins.modules."
_PLUGINS = "ansible_collections/opsbook/runbooks/plugins"
_RUN = """\
import json, runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[2])}).encode()
basic._ANSIBLE_PROFILE = "legacy"
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


def image(layer: Layer = "base") -> list[Path]:
    """The directories of an image of the lab; built when it is not there (about a minute)."""
    machine = LinuxMachine()
    mirror = find_mirror(machine, Path("/etc/os-release").read_text())
    assert mirror is not None, "this machine's apt knows no Debian mirror"
    images = Images(IMAGES, machine, lambda message: print(message.english()))
    images.provide([layer], mirror)
    return images.lowers(layer, mirror.suite)


class Root:
    """One root below ``directory``; ``lowers`` are the layers it stands on, uppermost first."""

    def __init__(self, directory: Path, lowers: Sequence[Path]) -> None:
        self.directory = directory
        self.lowers = lowers
        for name in ("upper", "work", "merged"):
            (directory / name).mkdir(parents=True)

    def layer(self) -> list[Path]:
        """This root as layers for another one; it must not be changed afterwards."""
        return [self.directory / "upper", *self.lowers]

    def argv(self, command: Sequence[str], before: str = "") -> list[str]:
        """The command line that runs ``command`` inside; ``before`` is shell for outside."""
        merged = shlex.quote(str(self.directory / "merged"))
        lowers = ":".join(str(lower) for lower in self.lowers)
        options = f"lowerdir={lowers},upperdir={self.directory / 'upper'}"
        library = Path(ansible.__file__).parent
        content = (collection() / "plugins").resolve()
        script = f"""set -e
            mount -t overlay -o {shlex.quote(options)},workdir={self.directory / "work"} t {merged}
            mount -t proc proc {merged}/proc; mount --bind /dev {merged}/dev
            mkdir -p {merged}{_LIBRARY}; mount -t tmpfs t {merged}{_LIBRARY}
            mkdir -p {merged}{_LIBRARY}/ansible {merged}{_LIBRARY}/{_PLUGINS}
            mount --bind {shlex.quote(str(library))} {merged}{_LIBRARY}/ansible
            mount --bind {shlex.quote(str(content))} {merged}{_LIBRARY}/{_PLUGINS}
            root={merged}
            {before}
            exec chroot {merged} /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \\
              LC_ALL=C.UTF-8 PYTHONPATH={_LIBRARY} PYTHONDONTWRITEBYTECODE=1 "$@"
        """
        space = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid",
                 "--mount-proc", "--fork", "--kill-child", "--"]  # fmt: skip
        return [*space, "sh", "-c", script, "sh", *command]

    def run(self, *command: str, before: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command inside; nothing is checked."""
        return subprocess.run(
            self.argv(command, before),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def sh(self, script: str) -> str:
        """Run a shell script inside that must succeed; what it prints."""
        done = self.run("sh", "-ec", script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def module_argv(self, name: str, arguments: Mapping[str, Any], before: str = "") -> list[str]:
        """The command line that runs one of our modules inside."""
        command = ["/usr/bin/python3", "-c", _RUN, _MODULES + name, json.dumps(arguments)]
        return self.argv(command, before)

    def module(self, name: str, before: str = "", **arguments: Any) -> dict[str, Any]:
        """The result of one of our modules."""
        done = subprocess.run(
            self.module_argv(name, arguments, before),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def path(self, name: str) -> Path:
        """Where a file of this root's own layer is, seen from outside."""
        return self.directory / "upper" / name.lstrip("/")
