"""A repository over HTTP, for the hosts of one network: files of ``dists`` and ``pool``, read only.

    python -m opsbook.domains.patching.bundle.serve TREE ADDRESS PORT [WORD...]

serves one tree (the lab does so; the words make its process known). Hosts check the archive's
signatures themselves, so nothing depends on this server being believed.
"""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from opsbook.domains.patching.bundle import paths

Trees = Callable[[], Iterable[Path]]
"""The trees to look in; the first is the one in use, the others are earlier ones."""

_IDLE_SECONDS = 60


def find(trees: Iterable[Path], path: str) -> Path | None:
    """The file that a URL's path names, or None.

    Earlier trees only help out with what has its content in its name: packages, and indexes by
    hash. So a host in the middle of reading the earlier one is served to its end.
    """
    wanted = path.removeprefix("/")
    parts = wanted.split("/")
    if not paths.is_plain(wanted) or len(parts) < 3 or parts[1] not in ("dists", "pool"):
        return None
    lasting = parts[1] == "pool" or "by-hash" in parts
    for number, tree in enumerate(trees):
        if (number == 0 or lasting) and (tree / wanted).is_file():
            return tree / wanted
    return None


def server(trees: Trees, address: str, port: int) -> ThreadingHTTPServer:
    """A server bound to exactly that address; its ``serve_forever`` serves. Raises OSError."""

    class Handler(_Handler):
        trees_to_serve = staticmethod(trees)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def server_bind(self) -> None:
            """Without asking the name service for the machine's name."""
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.server_address)
            self.server_address = self.socket.getsockname()
            self.server_name, self.server_port = str(address), self.server_address[1]

    return Server((address, port), Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "opsbook"
    sys_version = ""
    timeout = _IDLE_SECONDS
    trees_to_serve: Trees

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        found = find(self.trees_to_serve(), unquote(urlsplit(self.path).path))
        try:
            stream = found.open("rb") if found else None
        except OSError:
            stream = None
        if stream is None or found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with stream:
            changed = datetime.fromtimestamp(int(found.stat().st_mtime), UTC)
            if self._has(changed):
                self.send_response(HTTPStatus.NOT_MODIFIED)
                self.end_headers()
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(found.stat().st_size))
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Last-Modified", format_datetime(changed, usegmt=True))
            self.end_headers()
            if body:
                shutil.copyfileobj(stream, self.wfile, 2**18)

    def _has(self, changed: datetime) -> bool:
        try:
            known = parsedate_to_datetime(self.headers.get("If-Modified-Since", ""))
            return known.tzinfo is not None and changed <= known
        except (TypeError, ValueError):
            return False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its parent's
        """Only what went wrong is worth a line, and that :meth:`log_error` says."""

    def log_error(self, format: str, *args: object) -> None:  # noqa: A002 -- its parent's
        """Control characters of a request never reach the terminal."""
        text = "".join(ch if ch.isprintable() else "?" for ch in format % args)
        print(f"{self.client_address[0]} {text[:200]}", file=sys.stderr, flush=True)


def main(words: list[str]) -> None:
    """Serve one tree until killed."""
    tree, address, port = Path(words[0]), words[1], int(words[2])
    server(lambda: [tree], address, port).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
