"""The catalogue of controls as the store asks it: read only when a rule is new."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from opsbook.domains.hardening.controls.index import Index
from opsbook.domains.hardening.controls.loader import catalogue_digest, load_catalogue


class OurControls:
    """Implements :class:`opsbook.domains.hardening.store.keys.Controls`."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all files of the catalogue."""
        return catalogue_digest()

    @cached_property
    def _index(self) -> Index:
        return load_catalogue().index

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """Keys of controls. Raises InputFault when the catalogue has faults."""
        return self._index.controls_of(scanner, rule)
