"""Keeping secrets, and too much text, out of what is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MASK = "********"
SHORTEST = 4
"""Shorter secrets are not looked for: they would blot out ordinary words."""

MOST_TEXT = 2000
"""The most characters of one text that are recorded of a task."""


class Masker:
    """Puts :data:`MASK` in the place of every known secret, also inside longer texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST}
        known |= {secret.strip() for secret in known if len(secret.strip()) >= SHORTEST}
        self._secrets = sorted(known, key=len, reverse=True)

    def text(self, value: str) -> str:
        """``value`` without secrets."""
        for secret in self._secrets:
            value = value.replace(secret, MASK)
        return value

    def plain(self, value: Any) -> Any:
        """JSON data without secrets in its texts and keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.plain(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(part) for part in value]
        return value

    def brief(self, value: Any, most: int = MOST_TEXT) -> str:
        """``value`` as text without secrets, of at most ``most`` characters.

        It is masked before it is cut, so that no half of a secret is left at the end.
        """
        text = self.text(value if isinstance(value, str) else str(value))
        return text if len(text) <= most else text[: most - 3] + "..."
