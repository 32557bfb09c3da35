"""Asking sshd about a configuration that is not in place yet: ``sshd -t`` and ``sshd -T``."""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Done, run

SSHD = "/usr/sbin/sshd"
_SEPARATION = "/run/sshd"
_MAIN = "/etc/ssh/sshd_config"
_DIRECTORY = "/etc/ssh/sshd_config.d"


def effective() -> dict[str, str]:
    """Every option as it counts by the files that are in place; empty where sshd does not tell."""
    if not os.path.exists(SSHD):
        return {}
    with _trial() as (_, keys):
        done = run(SSHD, "-T", *keys)
    return {} if done.status else _values(done.out)


def troubles(files: t.Mapping[str, bytes], options: t.Mapping[str, str]) -> list[tuple[str, str]]:
    """Options that sshd does not take or that are not what counts, and why; the option is empty
    where it takes none of these files and no one option is why.

    ``files`` are the main file and the drop-ins as they would be, by their paths. They are tried
    in a directory of their own; what is in place stays.
    """
    if not os.path.exists(SSHD):
        return [("", "there is no sshd here")]
    with _trial() as (scratch, keys):
        main = _laid_out(files, scratch)
        done = run(SSHD, "-t", "-f", main, *keys)
        if done.status:
            tried = ((name, _alone({name: options[name]}, scratch, keys)) for name in options)
            refused = [(name, one.words) for name, one in tried if one.status]
            words = refused or [("", done.words)]
            return [(name, text.replace(scratch, "")) for name, text in words]
        found = _values(run(SSHD, "-T", "-f", main, *keys).out)
        wanted = _values(_alone(options, scratch, keys).out)
    return [
        (name, f"{name} would be {found.get(name, '-')} and not {wanted.get(name, '-')}")
        for name in options
        if found.get(name) != wanted.get(name)
    ]


@contextlib.contextmanager
def _trial() -> t.Iterator[t.Tuple[str, t.Tuple[str, ...]]]:
    """A directory for a trial and a host key where the host has none: sshd asks for one, and for
    /run/sshd, which is there while it runs and else taken away again.
    """
    made = not os.path.isdir(_SEPARATION)
    if made:
        os.mkdir(_SEPARATION, 0o755)
    try:
        with tempfile.TemporaryDirectory(prefix="opsbook-sshd-", dir="/run") as scratch:
            yield scratch, _keys(scratch)
    finally:
        if made:
            os.rmdir(_SEPARATION)


def _laid_out(files: t.Mapping[str, bytes], scratch: str) -> str:
    os.mkdir(scratch + "/d")
    for path, data in files.items():
        below = path[len(_DIRECTORY) + 1 :] if path.startswith(_DIRECTORY + "/") else ""
        if below and "/" not in below:
            _put(f"{scratch}/d/{below}", data)
    moved = files[_MAIN].replace(_DIRECTORY.encode() + b"/", f"{scratch}/d/".encode())
    return _put(scratch + "/main", moved)


def _keys(scratch: str) -> t.Tuple[str, ...]:
    if glob.glob("/etc/ssh/ssh_host_*_key"):
        return ()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch + "/key")
    return ("-h", scratch + "/key")


def _alone(options: t.Mapping[str, str], scratch: str, keys: t.Tuple[str, ...]) -> Done:
    """What sshd says of the options alone, in the form in which it tells them."""
    text = "".join(f"{name} {value}\n" for name, value in options.items())
    alone = _put(scratch + "/alone", text.encode("utf-8", "surrogateescape"))
    return run(SSHD, "-T", "-f", alone, *keys)


def _values(text: str) -> dict[str, str]:
    """What ``sshd -T`` prints; options with several lines as one, in order of their names."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), []).append(value.strip())
    return {name: " ".join(sorted(values)) for name, values in found.items()}


def _put(path: str, data: bytes) -> str:
    with open(path, "wb") as stream:
        stream.write(data)
    return path
