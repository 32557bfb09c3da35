"""Which names are allowed, so that a name can stand in a path, a file name or a pattern."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

RUNBOOK = r"^[a-z][a-z0-9_]{0,62}$"
ESTATE = r"^[a-z][a-z0-9_-]{0,62}$"
HOST = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$"
SOURCE = r"^[a-z][a-z0-9_]{0,62}$"

RunbookName = Annotated[str, StringConstraints(pattern=RUNBOOK)]
EstateName = Annotated[str, StringConstraints(pattern=ESTATE)]
HostName = Annotated[str, StringConstraints(pattern=HOST)]
SourceName = Annotated[str, StringConstraints(pattern=SOURCE)]
