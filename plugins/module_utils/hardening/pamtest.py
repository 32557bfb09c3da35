"""What pam-auth-update(8) would make of the stacks, without letting it near them.

It takes another root (``--root``) and works there on copies of what it reads; its questions go to
an empty debconf of our own. What it makes is read back as bytes, so a stack is seen, checked and
put in place like any other file. It keeps the options that people gave its lines by hand, and does
nothing where they changed more than that.
"""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run

PROFILES = "/usr/share/pam-configs"
STACKS = ("account", "auth", "password", "session", "session-noninteractive")
PATHS = (*(f"/etc/pam.d/common-{one}" for one in STACKS), "/var/lib/pam/seen",
         *(f"/var/lib/pam/{one}" for one in STACKS))  # fmt: skip

_DEBCONF = """\
Config: configdb
Templates: templatedb

Name: configdb
Driver: File
Filename: {0}/config.dat

Name: templatedb
Driver: File
Filename: {0}/templates.dat
"""


def enabled(files: t.Mapping[str, bytes], profile: str) -> t.Tuple[t.Dict[str, bytes], str]:
    """The files as they would be with the profile in use, and what is in the way.

    ``files`` are the stacks, its own notes and all profiles by their paths.
    """
    with tempfile.TemporaryDirectory(prefix="opsbook-pam-", dir="/run") as scratch:
        for path, data in files.items():
            os.makedirs(scratch + os.path.dirname(path), exist_ok=True)
            _put(scratch + path, data)
        _put(scratch + "/debconf.conf", _DEBCONF.format(scratch).encode())
        done = run("env", f"DEBCONF_SYSTEMRC={scratch}/debconf.conf", "DEBCONF_NOWARNINGS=yes",
                   "pam-auth-update", "--root", scratch, "--enable", profile)  # fmt: skip
        found = {path: _get(scratch + path) for path in PATHS}
    if done.status:
        return {}, f"pam-auth-update: {done.words}"
    if "Local modifications" in done.err + done.out:
        return {}, "the stacks of PAM were changed by hand, and pam-auth-update leaves them alone"
    return {path: data for path, data in found.items() if data is not None}, ""


def _put(path: str, data: bytes) -> None:
    with open(path, "wb") as stream:
        stream.write(data)


def _get(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
