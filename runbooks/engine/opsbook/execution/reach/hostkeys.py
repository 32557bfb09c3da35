"""What is told of a host key that cannot be trusted, whoever met it: fabric or OpenSSH."""

from __future__ import annotations

from pathlib import Path

from opsbook.model.errors import HostUnreachable
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg

_FILE = msg("the estate's known_hosts")


def changed_key(host: Host, file: Path | Message = _FILE) -> HostUnreachable:
    """``host`` shows another key than the one in ``file``."""
    return HostUnreachable(
        msg("The host key of {host} is not the one on file: it was installed anew, or "
            "somebody stands in between.", host=host.name),
        untouched=msg("Nothing was sent to {host}.", host=host.name),
        next_step=msg("Find out why first; if the new key is right, put it into {file}.",
                      file=file),
    )  # fmt: skip


def unknown_key(host: Host, file: Path | Message = _FILE) -> HostUnreachable:
    """``file`` has no key of ``host``."""
    return HostUnreachable(
        msg("The host key of {host} is not on file.", host=host.name),
        untouched=msg("Nothing was sent to {host}.", host=host.name),
        next_step=msg("Compare it on the host's console, then add it to {file} (ssh-keyscan -p "
                      "{port} {address} shows it).",
                      file=file, port=host.port, address=host.address),
    )  # fmt: skip
