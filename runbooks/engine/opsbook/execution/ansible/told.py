"""The engine's end of the callback plugin ``told``: what it tells, and the answer it waits for.

Lines come over a Unix socket in a private directory, so that nothing of them is ever on disk.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from opsbook.execution.masking import Masker
from opsbook.execution.work import Sink

CALLBACK = "opsbook.runbooks.told"
MOST_LINE = 8 * 1024 * 1024
"""The most bytes of one line; whoever sends more is cut off."""

LAST_SECONDS = 5.0
"""How long lines are waited for once Ansible has ended."""


class Told:
    """Listens while one playbook runs. ``tasks`` are the lines of each host, in order."""

    def __init__(self, sink: Sink, masker: Masker) -> None:
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.prepared: set[str] = set()
        self.greeted = False
        self.failure: BaseException | None = None
        self._sink = sink
        self._masker = masker
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None
        self._thread = threading.Thread()

    def open(self, directory: Path) -> dict[str, str]:
        """Begin to listen below ``directory``; the environment that the callback needs."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/{os.getpid()}/fd/{descriptor}/told"  # short: unix(7) has 108 bytes for it
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(1)
        self._directory = descriptor
        self._thread = threading.Thread(target=self._listen, args=[self._listener], daemon=True)
        self._thread.start()
        return {"OPSBOOK_TOLD": path, "ANSIBLE_CALLBACKS_ENABLED": CALLBACK}

    def close(self) -> None:
        """Take what was still under way; call when Ansible has ended.

        ``failure`` is then what the sink raised: the ledger cannot be written, or our own bug.
        """
        if self._listener is None:
            return
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(LAST_SECONDS)
        if self._connection is not None:
            with suppress(OSError):  # a worker that outlived Ansible may still hold the other end
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        os.close(self._directory)
        self._listener = None

    def _listen(self, listener: socket.socket) -> None:
        try:
            self._connection, _ = listener.accept()
        except OSError:
            return
        self.greeted = True
        with self._connection, self._connection.makefile("rb") as lines:
            try:
                while line := lines.readline(MOST_LINE):
                    self._take(json.loads(line), self._connection)
            except (OSError, ValueError, EOFError):
                return

    def _take(self, line: Mapping[str, Any], connection: socket.socket) -> None:
        host = str(line["host"])
        if "prepared" not in line:
            self.tasks.setdefault(host, []).append(self._masker.plain(line))
            return
        if host not in self.prepared:
            try:
                self._sink.prepared(host, self._masker.plain(line["prepared"]))
            except BaseException as error:
                self.failure = error
                raise EOFError from error  # no answer: Ansible ends without writing
            self.prepared.add(host)
        connection.sendall(b"recorded\n")
