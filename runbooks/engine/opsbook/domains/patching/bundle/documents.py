"""Reading closed JSON documents that somebody else made."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from opsbook.domains.patching.bundle import paths
from opsbook.domains.patching.versions import is_version
from opsbook.model.base import Declared
from opsbook.model.canonical import parse
from opsbook.model.errors import InputFault
from opsbook.model.message import msg

T = TypeVar("T", bound=Declared)


def read_document(model: type[T], data: bytes, name: str) -> T:
    """``data`` as a ``model``; ``name`` is what the sentence calls it. Raises InputFault."""
    try:
        parse(data)  # duplicate keys, which pydantic takes
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "-"
        raise InputFault(
            msg("{file} is not in order at {place}: {reason}.",
                file=name, place=place[:200], reason=first["msg"][:200]),
            untouched=msg("Nothing was imported or written."),
        ) from error  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise InputFault(
            msg("{file} is no JSON: {reason}.", file=name, reason=str(error)[:200]),
            untouched=msg("Nothing was imported or written."),
        ) from error


def _version(text: str) -> str:
    if not is_version(text, "deb"):
        raise ValueError("not a Debian version")
    return text


def _plain(text: str) -> str:
    if not paths.is_plain(text):
        raise ValueError("not a plain relative path")
    return text


Version = Annotated[str, AfterValidator(_version)]
PlainPath = Annotated[str, AfterValidator(_plain)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]{0,199}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_/-]{0,99}$")]
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Stamp = Annotated[
    str,
    Field(pattern=r"^2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z$"),
]
