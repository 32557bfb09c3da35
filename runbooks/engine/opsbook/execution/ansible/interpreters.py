"""Where Python is on hosts, as Ansible found it: asking again costs a connection per host and run.

What was found counts until a file of the inventory changes, and is forgotten when it is not there
any more. It comes from hosts and becomes a variable of Ansible, so only plain paths are taken.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from opsbook.execution.declared.inventory import inventory_digest
from opsbook.execution.privatefile import write_private
from opsbook.model.estate import Estate
from opsbook.model.places import Places

_PATH = re.compile(r"/[A-Za-z0-9_.+/-]{1,200}")


class Interpreters:
    """What is known of one estate's hosts; a cache that cannot be read or written is empty."""

    def __init__(self, estate: Estate, places: Places) -> None:
        name = hashlib.sha256(str(estate.directory).encode(errors="surrogateescape")).hexdigest()
        self._file = places.cache / "interpreters" / f"{name[:24]}.json"
        self._inventory = inventory_digest(estate)
        self.known = self._read()

    def learn(self, found: Mapping[str, object]) -> None:
        """Keep what Ansible found on hosts."""
        plain = {h: p for h, p in found.items() if isinstance(p, str) and _PATH.fullmatch(p)}
        if plain.items() - self.known.items():
            self._write({**self._read(), **plain})

    def forget(self, hosts: Iterable[str]) -> None:
        """These hosts do not have it there any more."""
        gone = set(hosts)
        self._write({host: path for host, path in self._read().items() if host not in gone})

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads(self._file.read_bytes())
            if kept["inventory"] != self._inventory:
                return {}
            return {str(h): str(p) for h, p in kept["found"].items() if _PATH.fullmatch(str(p))}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _write(self, found: dict[str, str]) -> None:
        self.known = found
        with suppress(OSError):
            write_private(self._file, json.dumps({"inventory": self._inventory, "found": found}))
