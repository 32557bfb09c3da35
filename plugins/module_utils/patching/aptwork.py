"""Installing with apt and dpkg: only from files that are given, never from an archive."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Done,
    run,
    run_logged,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.deb822 import Paragraph
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.simulation import (
    NO_ARCHIVES,
    Simulation,
    simulate,
)

_KEEP = ("--force-confdef", "--force-confold")
_INSTALL = (
    "-y", "-q", "--fix-broken", "--no-install-recommends", "--allow-downgrades", "--reinstall",
    *NO_ARCHIVES,
    "-o", "APT::Get::AutomaticRemove=false", "-o", "APT::Sandbox::User=root",
    "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120",
    *(word for option in _KEEP for word in ("-o", "Dpkg::Options::=" + option)),
)  # fmt: skip


def foresee(files: t.Sequence[str], remove: t.Sequence[str], status: str = "") -> Simulation:
    """What installing and removing these would do; ``status`` stands for another database."""
    other = ("-o", "Dir::State::status=" + status) if status else ()
    wanted = (*files, *(name + "-" for name in remove))
    return simulate("--fix-broken", "--no-install-recommends", "--allow-downgrades",
                    *NO_ARCHIVES, *other, "install", *wanted)  # fmt: skip


def install(files: t.Sequence[str], remove: t.Sequence[str], log: str) -> Done:
    """Install and remove exactly these; apt stops when anything else would have to go."""
    guard = () if remove else ("--no-remove",)
    wanted = (*files, *(name + "-" for name in remove))
    return run_logged(log, "apt-get", *_INSTALL, *guard, "install", *wanted)


def by_dpkg(files: t.Sequence[str], remove: t.Sequence[str], log: str) -> Done:
    """The same by dpkg alone, where apt finds no way from a half-way state."""
    done = Done(0, "", "")
    install = ("--force-downgrade", "--auto-deconfigure", "--install", *files)
    for _ in range(3):  # those whose pre-dependencies come later in the list
        done = run_logged(log, "dpkg", *_KEEP, *install) if files else done
        if done.status == 0:
            break
    gone = run_logged(log, "dpkg", "--remove", *remove) if remove else done
    return done if done.status else gone


def repair(log: str) -> Done:
    """Finish what an interrupted dpkg left, keeping the host's own configuration files."""
    return run_logged(log, "dpkg", *_KEEP, "--configure", "--pending")


def download(versions: t.Sequence[str], directory: str) -> Done:
    """Fetch ``name:arch=version`` into ``directory``, checked by apt against its signed lists."""
    return run("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *versions,
               cwd=directory, timeout=3600)  # fmt: skip


def purge(names: t.Sequence[str], log: str) -> Done:
    """Take packages away with their configuration files."""
    return run_logged(log, "dpkg", "--purge", *names)


def mark(word: str, names: t.Sequence[str]) -> Done:
    """``auto``, ``manual``, ``hold`` or ``unhold``: apt-mark(8)."""
    return run("apt-mark", word, *names) if names else Done(0, "", "")


def write_status(path: str, stanzas: t.Iterable[Paragraph]) -> None:
    """A dpkg status file as it would be. Raises OSError."""
    with open(path, "w", encoding="utf-8") as stream:
        for fields in stanzas:
            stream.writelines(f"{name}: {value}\n" for name, value in fields.items())
            stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
