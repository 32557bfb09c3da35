"""What the columns of a table mean: declared by people for their scanner, or one of ours.

Ours are the files of ``mappings/``, recognised by the names of columns they require. Names of
columns are compared without blanks, case, full-width forms and notes in brackets, so that
``CVE 编号`` and ``cve编号（多个）`` are the same.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping as Map
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from opsbook.execution.declared.explain import check
from opsbook.execution.declared.yamlfile import read_yaml
from opsbook.model.base import Bilingual, Declared
from opsbook.model.errors import InputFault
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg

_NOTE = re.compile(r"[(（\[【].*?[)）\]】]")
_MOST_NAME = 100


def plain_name(name: str) -> str:
    """``name`` of a column in the form in which names are compared."""
    bare = unicodedata.normalize("NFKC", name[:_MOST_NAME]).casefold()
    bare = "".join(bare.split()).strip("*:_-.")
    return _NOTE.sub("", bare) or bare


def _listed(value: object) -> object:
    return (
        (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    )


def _codec(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise WrongValue(msg("{encoding} is no encoding of text", encoding=name)) from error
    return name


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One name of a column or several, of which the first that the table has is taken."""


class Columns(Declared):
    """Which columns tell what; a name or several possible names each."""

    title: Names
    host: Names = ()
    name: Names = ()
    os: Names = ()
    port: Names = ()
    protocol: Names = ()
    service: Names = ()
    location: Names = ()
    rule: Names = ()
    severity: Names = ()
    score: Names = ()
    result: Names = ()
    cve: Names = ()
    cnvd: Names = ()
    cnnvd: Names = ()
    cncve: Names = ()
    cce: Names = ()
    ids: Names = ()
    description: Names = ()
    evidence: Names = ()
    remedy: Names = ()
    package: Names = ()
    installed: Names = ()
    fixed: Names = ()
    scanned: Names = ()


def _meanings(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in Columns.model_fields:
            raise WrongValue(
                msg("{name} is none of the columns that can be told: {known}", name=name,
                    known=", ".join(Columns.model_fields))
            )  # fmt: skip
    return names


_Level = Literal["critical", "high", "medium", "low", "info", "unknown"]
_Result = Literal[
    "fail", "pass", "error", "unknown", "not_applicable", "not_checked", "informational"
]


class Mapping(Declared):
    """How a table is read.

    ``scanner`` is the name space of its rules, ``tool`` what the scanner calls itself.
    ``severities`` and ``results`` are its words for levels and results, beside those known anyway.
    ``sheet`` names the only sheet that is read, ``header_row`` the row (from 1) that names the
    columns. The columns of ``fill_down`` have the values of the row above where all of them are
    blank. ``other_sheets`` are known to tell of something else. ``host_from_file``: where no
    column tells the host, the name of the file does.
    ``columns_needed`` is for our own: a table that has all of these is read with it.
    """

    scanner: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    columns: Columns
    tool: Annotated[str, Field(max_length=100)] = ""
    about: Bilingual | None = None
    severities: dict[str, _Level] = Field(default_factory=dict)
    results: dict[str, _Result] = Field(default_factory=dict)
    encoding: Annotated[str, AfterValidator(_codec)] | None = None
    delimiter: Annotated[str, Field(pattern=r"^[^\r\n\"]$")] | None = None
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=1, le=1000)] | None = None
    fill_down: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_meanings)] = ()
    other_sheets: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    host_from_file: bool = False
    columns_needed: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """What is told by which column (from 0) of a table with this ``header``."""
        named = {plain_name(name): at for at, name in reversed(list(enumerate(header))) if name}
        found: dict[str, int] = {}
        for meaning in Columns.model_fields:
            names: tuple[str, ...] = getattr(self.columns, meaning)
            at = next((named[key] for key in map(plain_name, names) if key in named), None)
            if at is not None:
                found[meaning] = at
        return found

    def fits(self, header: Sequence[str]) -> bool:
        """Whether a table with this ``header`` is one of those this mapping is for."""
        named = {plain_name(name) for name in header if name}
        found = self.places(header)
        told = "host" in found or "name" in found or self.host_from_file
        return (
            "title" in found
            and told
            and all(plain_name(name) in named for name in self.columns_needed)
        )


def read_mapping(file: Path) -> Mapping:
    """The mapping declared in ``file``. Raises InputFault with all its faults."""
    document = read_yaml(file)
    found = check(Mapping, document)
    if found is None:
        raise InputFault(
            msg("{file} is not a valid mapping of columns.", file=file), document.faults,
            untouched=msg("Nothing was imported."),
            next_step=msg("docs/findings-tables.md has the keys of a mapping and examples."),
        )  # fmt: skip
    return found


@cache
def ours() -> Map[str, Mapping]:
    """The mappings that come with opsbook, by name, the most particular first."""
    folder = resources.files("opsbook.domains.hardening.reading") / "mappings"
    found: dict[str, Mapping] = {}
    for file in folder.iterdir():
        if file.name.endswith(".yml"):
            with resources.as_file(file) as path:
                found[file.name.removesuffix(".yml")] = read_mapping(path)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1].columns_needed), item[0]))
    return dict(ranked)


def recognised(header: Sequence[str]) -> Mapping | None:
    """The mapping of ours for a table with this ``header``, or None."""
    return next((mapping for mapping in ours().values() if mapping.fits(header)), None)
