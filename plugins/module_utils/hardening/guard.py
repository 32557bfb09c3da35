"""The dead-man undo: a risky stage comes back by itself unless a fresh login says it need not.

``/var/lib/opsbook/undo/CHANGE/guard/`` holds a shell script that needs nothing but sh(1), mv(1) and
the host's own service manager, and the files of right before the stage. It runs by a transient
timer (or a process of its own where there is no systemd), and at the next boot if the host goes
down meanwhile. One name says how it stands, and is changed by rename(2) alone, which needs no room
on the disk: ``armed``, then either ``confirmed`` or ``reverting`` and ``reverted``.

The kept files lie on the file system of the files they replace, so bringing them back is rename(2)
as well: a full disk does not stop it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import (
    activations,
    effects,
    login,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    bundles,
    hostfiles,
    keepsakes,
    placing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    PATH,
    Failed,
    Refused,
    environment,
    run,
)

STATES = ("armed", "reverting", "reverted", "confirmed")
_UNITS = "/etc/systemd/system"
_LASTING = ("usermod", "chage", "passwd", "groupadd", "groupdel")
_MAKING = "guard.part"

_UNIT = """\
[Unit]
Description=opsbook: bring back a risky stage that nobody confirmed before the boot
DefaultDependencies=no
RequiresMountsFor=/var/lib/opsbook /etc
After=local-fs.target
Before=sysinit.target systemd-sysctl.service ssh.service sshd.service nftables.service ufw.service
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh {script} boot
"""

_SCRIPT = """\
#!/bin/sh
# Brings back what {change} put in place and nobody confirmed. By opsbook; safe to run again.
PATH={path}
export PATH LC_ALL=C
d={directory}
how=$1
if [ "$how" = wait ]; then sleep {seconds}; fi
cd / || exit 1
mv "$d/armed" "$d/reverting" 2>/dev/null
[ -e "$d/reverting" ] || exit 0
failed=
back() {{ # kept path
  if [ -e "$1" ]; then mv -fT -- "$1" "$2" || [ ! -e "$1" ] || failed="$failed $2"; fi
}}
modes() {{ # mode uid gid path
  if [ -e "$4" ] && [ ! -L "$4" ]; then
    {{ chown -- "$2:$3" "$4" && chmod -- "$1" "$4"; }} || failed="$failed $4"
  fi
}}
gone() {{ rm -f -- "$1" || failed="$failed $1"; }}
live() {{ [ "$how" = boot ] || "$@" || failed="$failed $1"; }} # a boot does that
kept() {{ "$@" || failed="$failed $1"; }}
{files}
sync
{live}
if [ -n "$failed" ]; then
  printf 'could not bring back:%s\\n' "$failed" >"$d/log" 2>/dev/null
  exit 1
fi
mv "$d/reverting" "$d/reverted"
sync
rm -f {boot_unit} {wants}
exit 0
"""


class Guard:
    """The guard of one change on this host."""

    def __init__(self, change: str) -> None:
        self.change = change
        self.directory = bundles.directory(change) + "/guard"
        self.script = self.directory + "/revert.sh"
        self.timer = f"opsbook-guard-{change}"
        self.boot_unit = f"{_UNITS}/opsbook-guard-boot-{change}.service"
        self.wants = f"{_UNITS}/sysinit.target.wants/opsbook-guard-boot-{change}.service"

    @property
    def state(self) -> str:
        """How it stands; empty where there is none."""
        there = [one for one in STATES if os.path.exists(f"{self.directory}/{one}")]
        return there[-1] if there else ""

    def note(self) -> t.Dict[str, t.Any]:
        """By whom and when it was armed."""
        found = hostfiles.read_json(f"{self.directory}/{self.state}") if self.state else None
        return found if isinstance(found, dict) else {}

    def arm(self, host: Host, draft: Draft, seconds: int) -> None:
        """Keep what the stage will touch, and have it brought back in ``seconds``. Raises Failed.

        Nothing of the stage is written before this returns.
        """
        self._clear()
        part = hostfiles.private(f"{os.path.dirname(self.directory)}/{_MAKING}")
        rows = keepsakes.take(draft.paths, hostfiles.private(part + "/files"))
        text = self._text(host, draft, self._kept(rows, part), seconds, part)
        hostfiles.write(part + "/revert.sh", text.encode("utf-8", "surrogateescape"), 0o700)
        hostfiles.write_json(part + "/armed", {**login.session(), "seconds": seconds})
        hostfiles.sync_tree(part)
        os.rename(part, self.directory)
        hostfiles.sync(os.path.dirname(self.directory))
        self._start(host, seconds)

    def _clear(self) -> None:
        """Take away what is left of an earlier guard of this change. Raises Refused."""
        if self.state in ("armed", "reverting"):
            raise Refused(f"The guard of {self.change} is still armed here. Nothing was touched;"
                          " wait until it has brought the stage back.")  # fmt: skip
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(f"{os.path.dirname(self.directory)}/{_MAKING}", ignore_errors=True)

    def _kept(self, rows: t.Sequence[keepsakes.Row], part: str) -> list[str]:
        """Lines of the script that bring files back; copies beside those on other disks."""
        found = []
        for row in rows:
            found.append(f"rm -f -- {shlex.quote(placing.part_of(row['path']))}")
            if row["kind"] == "absent":
                found.append(f"gone {shlex.quote(row['path'])}")
                continue
            source, place = f"{part}/files/{row['file']}", f"{self.directory}/files/{row['file']}"
            with open(source, "rb") as stream:
                wanted = placing.Wanted(stream.read(), row["mode"], row["uid"], row["gid"])
            above = os.path.dirname(row["path"])
            if os.stat(above).st_dev != os.stat(part).st_dev:
                place = source = f"{above}/.{os.path.basename(row['path'])}.opsbook-{self.change}"
            placing.place(source, wanted, tuple(row["times"]), row["xattrs"])
            found.append(f"back {shlex.quote(place)} {shlex.quote(row['path'])}")
        return found

    def _text(self, host: Host, draft: Draft, files: list[str], seconds: int, part: str) -> str:
        for path in sorted(draft.attributes):
            row = keepsakes.attributes(path)
            words = (f"{row['mode']:04o}", str(row["uid"]), str(row["gid"]), path)
            files.append("modes " + " ".join(map(shlex.quote, words)))
        live = []
        for number, command in enumerate(self._commands(host, draft)):
            word = "kept" if _outlives_a_boot(command) else "live"
            line = f"{word} " + " ".join(map(shlex.quote, command.argv))
            if command.text:
                name = f"input-{number}"
                hostfiles.write(f"{part}/{name}", command.text.encode("utf-8", "surrogateescape"))
                line += f' <"$d/{name}"'
            live.append(line)
        return _SCRIPT.format(
            change=self.change, path=PATH, directory=shlex.quote(self.directory), seconds=seconds,
            files="\n".join(files), live="\n".join(live), boot_unit=shlex.quote(self.boot_unit),
            wants=shlex.quote(self.wants),
        )  # fmt: skip

    def _commands(self, host: Host, draft: Draft) -> list[effects.Command]:
        """Live values back, the last first; then every service that reads these files."""
        found = []
        order = sorted(draft.effects.values(), key=lambda one: effects.ORDER.index(one.kind))
        for one in reversed(order):
            found += effects.commands(one.kind, one.key, one.wanted, one.was)
        for activation in activations.of(draft.paths, draft.asked):
            found += [effects.Command(argv) for argv in activations.commands(host, activation)]
        return found

    def _start(self, host: Host, seconds: int) -> None:
        """Have the script run by itself: after the time, and at the next boot. Raises Failed."""
        if not host.systemd:
            _detach(["/bin/sh", self.script, "wait"])
            return
        unit = _UNIT.format(script=self.script)
        placing.place(self.boot_unit, placing.Wanted(unit.encode()))
        os.makedirs(os.path.dirname(self.wants), exist_ok=True)
        if not os.path.lexists(self.wants):
            os.symlink(self.boot_unit, self.wants)
        hostfiles.sync(os.path.dirname(self.wants))
        done = run("systemd-run", "--unit", self.timer, f"--on-active={seconds}s",
                   "--timer-property=AccuracySec=1s", "/bin/sh", self.script, "timer")  # fmt: skip
        waits = run("systemctl", "is-active", f"{self.timer}.timer").out.strip() == "active"
        if done.status or not waits:
            self.stand_down("confirmed")
            raise Failed(f"The dead-man undo cannot be armed: {done.words}. The risky stage was not"
                         " begun.")  # fmt: skip

    def done(self) -> None:
        """The stage is all in place: only a login from now on counts. Raises OSError."""
        hostfiles.write_json(self.directory + "/done.json", login.session())

    def doubts(self) -> str:
        """Why this session proves nothing; empty when it is a fresh login over the same path."""
        armed, now = self.note(), login.session()
        done = hostfiles.read_json(self.directory + "/done.json")
        if not isinstance(done, dict):
            return "the stage did not come to its end"
        if armed.get("boot") != now["boot"]:
            return "the host has been booted since"
        if armed.get("uid") != now["uid"]:
            return "another account is logged in now than when the stage was done"
        if armed.get("sshd") and not now["sshd"]:
            return "the stage came over SSH and this session did not"
        if now["sshd"] and now["started"] < done["now"]:
            return "this SSH session is older than the stage"
        return ""

    def revert(self) -> None:
        """Bring the stage back now. Raises Failed."""
        done = run("/bin/sh", self.script, "now", timeout=300)
        if done.status:
            words = hostfiles.read(self.directory + "/log").strip() or done.words
            raise Failed(f"The risky stage could not be brought back: {words}")
        self._tidy()

    def stand_down(self, word: str) -> bool:
        """Take the guard off, which is ``word`` from now on; whether it was armed until now."""
        try:
            os.rename(f"{self.directory}/armed", f"{self.directory}/{word}")
        except FileNotFoundError:
            return False
        hostfiles.sync(self.directory)
        self._tidy()
        return True

    def _tidy(self) -> None:
        for path in (self.wants, self.boot_unit):
            if os.path.lexists(path):
                os.unlink(path)
        if os.path.isdir("/run/systemd/system"):
            run("systemctl", "stop", f"{self.timer}.timer")
        self._drop_copies()

    def _drop_copies(self) -> None:
        """Copies that were put beside files on other disks."""
        for line in hostfiles.read(self.script).splitlines():
            words = shlex.split(line) if line.startswith("back /") else []
            ours = len(words) == 3 and words[1].endswith(f".opsbook-{self.change}")
            if ours and os.path.lexists(words[1]):
                os.unlink(words[1])


def _outlives_a_boot(command: effects.Command) -> bool:
    """Accounts, and whether units start: nothing brings them back but the script."""
    return command.argv[0] in _LASTING or command.argv[:2] in (
        ("systemctl", "enable"), ("systemctl", "disable"), ("systemctl", "mask"),
        ("systemctl", "unmask"),
    )  # fmt: skip


def _detach(argv: t.Sequence[str]) -> None:
    """Start a process that outlives this one, its session and its terminal."""
    subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=environment(), cwd="/",
    )  # fmt: skip
