"""What a row of a scanner is about: its keys, and where on the host each of them lies.

The first of these that gives anything decides:

1. the controls of the catalogue that name the scanner's rule (several: one row, several findings),
2. its CVE ids, else its CNVD, else its CNNVD, else its CNCVE ids,
3. the scanner and its own number.

A control and a vulnerability concern the host itself, whatever port or package a scanner saw it
at: their location is "". What lies in an artifact (an image, a lock file, a program's own
libraries) is mended there and nowhere else, so that its location is the artifact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from opsbook.domains.hardening.store.model import CONTROL
from opsbook.model.finding import Ids

ARTIFACT = "artifact"
"""Name in ``Row.more`` under which a reader tells the artifact a row is about."""

LONGEST = 240
"""Characters of a key or location; what is longer ends in a digest of the whole."""


class Controls(Protocol):
    """Which controls of the catalogue answer to a scanner's rule."""

    @property
    def digest(self) -> str:
        """Another one whenever the answers may differ."""
        ...

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """Keys of controls, without repetition; nothing where no control names the rule."""
        ...


class NoControls:
    """A catalogue without controls."""

    digest = ""

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """Nothing."""
        return ()


def keys_of(scanner: str, rule: str, ids: Ids, controls: Controls) -> tuple[str, ...]:
    """The keys of a row; at least one."""
    named = controls.controls_of(scanner, rule)
    if named:
        return tuple(CONTROL + key for key in dict.fromkeys(named))
    for space, known in (
        ("cve", ids.cve),
        ("cnvd", ids.cnvd),
        ("cnnvd", ids.cnnvd),
        ("cncve", ids.cncve),
    ):
        if known:
            return tuple(cut(f"{space}:{one}") for one in dict.fromkeys(known))
    return (cut(f"{scanner}:{rule}"),)


def of_the_host(key: str) -> bool:
    """Whether ``key`` is about the host itself (or an artifact), not about a place on it."""
    return key.startswith((CONTROL, "cve:", "cnvd:", "cnnvd:", "cncve:"))


def cut(text: str) -> str:
    """``text``, or where it is too long its beginning and a digest of the whole."""
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{text[: LONGEST - 17]}~{digest}"
