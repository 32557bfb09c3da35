"""The catalogue of controls as the store asks it: read only when it is another one.

Hundreds of declarations take time and memory; what they are called and which rules they name is
kept below the cache directory under the catalogue's digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from opsbook.domains.hardening.controls.index import Index
from opsbook.domains.hardening.controls.loader import catalogue_digest, load_catalogue
from opsbook.domains.hardening.controls.schema import Control
from opsbook.execution.privatefile import write_private
from opsbook.model.base import Bilingual
from opsbook.model.message import Message
from opsbook.model.places import Places


@dataclass(frozen=True, slots=True)
class _Named:
    """As much of a control as is asked for: its key, rules of scanners, title (zh, en)."""

    key: str
    rules: tuple[tuple[str, str], ...]
    title: tuple[str, str]

    @property
    def references(self) -> _Named:
        return self

    def of_scanners(self) -> Iterable[tuple[str, str]]:
        return self.rules


class OurControls:
    """Implements :class:`opsbook.domains.hardening.store.keys.Controls`."""

    def __init__(self, places: Places) -> None:
        self._cache = places.cache / "controls"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all files of the catalogue."""
        return catalogue_digest()

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """Keys of controls. Raises InputFault when the catalogue has faults."""
        return self._index.controls_of(scanner, rule)

    def title_of(self, key: str) -> Message | None:
        """What the control ``key`` is called; None: there is no such control any more. Raises as
        :meth:`controls_of`.
        """
        return self._titles.get(key)

    @cached_property
    def _titles(self) -> dict[str, Message]:
        return {one.key: Bilingual(zh=one.title[0], en=one.title[1]).message()
                for one in self._named}  # fmt: skip

    @cached_property
    def _index(self) -> Index:
        return Index(cast(Iterable[Control], self._named))

    @cached_property
    def _named(self) -> list[_Named]:
        file = self._cache / f"{self.digest}.json"
        named = _kept(file)
        if named is None:
            named = [
                _Named(
                    control.key,
                    tuple(control.references.of_scanners()),
                    (control.title.zh, control.title.en),
                )
                for control in load_catalogue().controls.values()
            ]
            with suppress(OSError):  # a cache that cannot be written is no trouble
                rows = [(one.key, one.rules, one.title) for one in named]
                write_private(file, json.dumps(rows))
        return named


def _kept(file: Path) -> list[_Named] | None:
    try:
        return [
            _Named(key, tuple((scanner, rule) for scanner, rule in rules), (zh, en))
            for key, rules, (zh, en) in json.loads(file.read_bytes())
        ]
    except (OSError, ValueError, TypeError):
        return None
