"""Asking the programs concerned about new files before anything is in place."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import tempfile
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import sshtest
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.looking import (
    Looked,
    one_line,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps import ssh
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused, run

_MODULES = ("/lib/security", "/lib/*/security", "/usr/lib/security", "/usr/lib/*/security",
            "/lib64/security", "/usr/lib64/security")  # fmt: skip
_PAM = re.compile(r"^-?(auth|account|password|session)\s+(\[[^\]]*\]|[a-z]+)\s+(\S+)(\s.*)?$")
_CONTROLS = ("required", "requisite", "sufficient", "optional", "include", "substack")


def require(draft: Draft) -> None:
    """Raise Refused, naming the step, when a file of the draft is not what its program reads."""
    for step, trouble in _troubles(draft):
        raise Refused(f"What step {step} wants cannot be used: {trouble}")


def judged(draft: Draft, looks: t.Sequence[Looked]) -> list[Looked]:
    """The looks, with what programs say of the files as the problem of the step that wants them."""
    found = dict(_troubles(draft))

    def judge(one: Looked) -> Looked:
        problem = one.look.problem or one_line(found.get(one.step.id, ""))
        return one._replace(look=one.look._replace(problem=problem))

    return [judge(one) for one in looks]


def _troubles(draft: Draft) -> t.Iterator[tuple[str, str]]:
    """Steps, each with what is wrong with a file as it wants it."""
    for path, wanted in sorted(draft.files.items()):
        trouble = "" if wanted.data is None else _of_file(draft, path, wanted.data)
        if trouble:
            yield draft.authors.get(path, ""), f"{path}: {trouble}"
    written = [path for path in draft.files if fnmatch.fnmatch(path, ssh.MAIN + "*")]
    if written:
        files = {path: draft.bytes_of(path) or b"" for path in ssh.files(draft)}
        everything = [*written, *(f"sshd {one}" for one in draft.options)]
        for option, trouble in sshtest.troubles(files, draft.options):
            for name in [f"sshd {option}"] if option else everything:
                yield draft.authors.get(name, ""), f"sshd does not take it: {trouble}"


def _of_file(draft: Draft, path: str, data: bytes) -> str:
    if path == "/etc/sudoers" or path.startswith("/etc/sudoers.d/"):
        return _asked(data, "visudo", "-c", "-q", "-f")
    if path.startswith("/etc/pam.d/"):
        modules_come = bool(draft.coming)
        return "" if modules_come else pam_trouble(draft.host, data.decode("utf-8", "replace"))
    if path == "/etc/default/grub" or path.startswith("/etc/profile.d/"):
        return _asked(data, "sh", "-n")
    if path.startswith("/etc/logrotate."):
        return _asked(data, "logrotate", "-d")
    if path.startswith("/etc/rsyslog."):
        return _rsyslog(draft)
    if any(one.kind == "nft" and one.wanted == "file:" + path for one in draft.effects.values()):
        return _asked(data, "nft", "-c", "-f") if draft.host.has("nft") else ""
    return ""


def _asked(data: bytes, *argv: str) -> str:
    """What a program says of a file with these bytes; nothing when it is content or not there."""
    with tempfile.TemporaryDirectory(prefix="opsbook-check-", dir="/run") as scratch:
        path = scratch + "/file"
        with open(path, "wb") as stream:
            stream.write(data)
        done = run(*argv, path)
    missing = done.status == 127
    return done.words.replace(path, "it") if done.status and not missing else ""


def _rsyslog(draft: Draft) -> str:
    main, directory = "/etc/rsyslog.conf", "/etc/rsyslog.d"
    with tempfile.TemporaryDirectory(prefix="opsbook-rsyslog-", dir="/run") as scratch:
        for name in draft.names(directory):
            data = draft.bytes_of(f"{directory}/{name}")
            if data is not None:
                with open(f"{scratch}/{name}", "wb") as stream:
                    stream.write(data)
        text = (draft.bytes_of(main) or b"").replace(
            directory.encode() + b"/", scratch.encode() + b"/"
        )
        with open(scratch + "/.main", "wb") as stream:
            stream.write(text)
        done = run("rsyslogd", "-N1", "-f", scratch + "/.main")
    return done.words.replace(scratch, "") if done.status not in (0, 127) else ""


def pam_trouble(host: Host, text: str) -> str:
    """What is wrong with a stack: pam.conf(5). Every module and included file must be there."""
    for raw in re.sub(r"\\\n", " ", text).splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line or line.startswith("@include"):
            name = line[len("@include") :].strip()
            if name and host.stat(f"/etc/pam.d/{name}") is None:
                return f"it includes {name}, which is not there"
            continue
        match = _PAM.match(line)
        if not match:
            return f"{line[:80]!r} is no line of PAM"
        control, module = match.group(2), match.group(3)
        if control[0] != "[" and control not in _CONTROLS:
            return f"{control!r} is no control of PAM"
        if control in ("include", "substack"):
            if host.stat(f"/etc/pam.d/{module}") is None:
                return f"it includes {module}, which is not there"
        elif not line.startswith("-") and not _module_is_there(host, module):
            return f"there is no module {module}"
    return ""


def _module_is_there(host: Host, module: str) -> bool:
    places = [module] if module.startswith("/") else [f"{one}/{module}" for one in _MODULES]
    return any(host.stat(path) is not None for place in places for path in host.glob(place))


def require_generated(host: Host, paths: t.Iterable[str]) -> str:
    """What is wrong with files that a program of the host has written."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.startswith("/etc/pam.d/") and os.path.isfile(path):
                trouble = pam_trouble(host, (host.read(path) or b"").decode("utf-8", "replace"))
                if trouble:
                    return f"{path}: {trouble}"
            if path.endswith("/grub.cfg") and os.path.getsize(path) == 0:
                return f"{path} is empty"
    return ""
