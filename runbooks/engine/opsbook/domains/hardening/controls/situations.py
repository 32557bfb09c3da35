"""``situations.yml``: how a host is made bad and good for a control, for those who test it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from opsbook.execution.declared.explain import check
from opsbook.execution.declared.yamlfile import read_yaml
from opsbook.model.base import Declared
from opsbook.model.errors import InputFault
from opsbook.model.message import msg


class Situations(Declared):
    """Shell, run by root on a host that is given up afterwards.

    ``fail`` makes it bad for the control and ``pass`` good; ``undone`` are the paths, packages,
    units or accounts that undoing brings back.
    """

    fail: str
    pass_: str = Field(alias="pass")
    undone: Annotated[tuple[str, ...], Field(strict=False)] = ()


def load_situations(folder: Path) -> Situations:
    """The situations of the control in ``folder``. Raises InputFault with every fault of them."""
    document = read_yaml(folder / "situations.yml")
    found = check(Situations, document)
    if found is None:
        problem = msg("{file} has {count} faults.", file=document.file, count=len(document.faults))
        raise InputFault(problem, document.faults)
    return found
