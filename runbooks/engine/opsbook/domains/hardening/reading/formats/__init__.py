"""The formats: one module each, which has a ``FORMAT`` (:class:`..port.Format`) of the same name.

Adding a format is adding a module here and its cases below ``tests/unit/cases/findings``. What
several formats share stands outside of this folder. Modules are imported when a file is looked at.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from opsbook.domains.hardening.reading.port import Format, Head
from opsbook.model.errors import UsageFault
from opsbook.model.message import msg


@cache
def names() -> tuple[str, ...]:
    """Names of all formats, in the order of the alphabet."""
    return tuple(sorted(found.name for found in iter_modules(__path__)))


def named(name: str) -> Format:
    """The format of that name. Raises :class:`UsageFault` when there is none."""
    if name not in names():
        raise UsageFault(
            msg("There is no format {name}.", name=name),
            untouched=msg("Nothing was read."),
            next_step=msg("Formats are: {names}.", names=", ".join(names())),
        )
    return _format(name)


def recognise(head: Head) -> Format | None:
    """The format that is surest of a file that begins like this; None when none is sure at all."""
    best, certainty = None, 0
    for name in names():
        candidate = _format(name)
        sure = candidate.recognises(head)
        if sure > certainty:
            best, certainty = candidate, sure
    return best


@cache
def _format(name: str) -> Format:
    return cast(Format, import_module(f"{__name__}.{name}").FORMAT)
