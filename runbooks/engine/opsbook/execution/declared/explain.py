"""What pydantic found wrong with a declaration, as sentences a person understands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from opsbook.execution.declared.yamlfile import Document, Where
from opsbook.model.faults import Fault, WrongValue
from opsbook.model.message import Message, msg

M = TypeVar("M", bound=BaseModel)


def check(model: type[M], document: Document, **context: Any) -> M | None:
    """``document`` as a ``model``; None when it has faults, all of which are then in it.

    ``context`` are fields that do not come from the file, such as its directory.
    """
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        document.faults.append(document.fault((), msg("a mapping of keys to values is expected")))
        return None
    broken = {tuple(fault.path.split(".")) for fault in document.faults}
    try:
        found = model.model_validate({**data, **context})
    except ValidationError as error:
        document.faults += explain(model, document, error.errors(), skip=broken)
        return None
    return None if document.faults else found


def explain(
    model: type[BaseModel],
    document: Document,
    errors: Sequence[Any],
    skip: Collection[tuple[str, ...]] = (),
    below: Where = (),
) -> list[Fault]:
    """One fault per error of pydantic, in the order of their lines; ``below`` is where
    ``model`` sits in the document, ``skip`` are places already known to be at fault.
    """
    faults: dict[tuple[str, str], Fault] = {}
    for error in errors:
        if error["type"] == "too_short" and any(_below(other, error) for other in errors):
            continue  # what is too short has only lost what is told by itself
        path = (*below, *_in_file(error["loc"]))
        if tuple(map(str, path)) not in skip:
            fault = document.fault(path, _sentence(model, error))
            faults.setdefault((fault.path, fault.problem.text), fault)
    return sorted(faults.values(), key=lambda fault: (fault.line, fault.path))


def _below(error: Any, above: Any) -> bool:
    return len(error["loc"]) > (depth := len(above["loc"])) and error["loc"][:depth] == above["loc"]


def _in_file(location: Where) -> Where:
    """Without the steps that pydantic adds for the branches of a union."""
    return tuple(step for step in location if step not in _BRANCHES)


_BRANCHES = ("str", "int", "bool", "float")


def _sentence(model: type[BaseModel], error: Mapping[str, Any]) -> Message:
    kind, context = error["type"], error.get("ctx", {})
    if error["loc"] and error["loc"][-1] in _BRANCHES:
        value = _short(error["input"])
        return msg("must be text, a whole number, true or false, not {value}", value=value)
    if kind == "extra_forbidden":
        return _unknown(model, error["loc"])
    if kind == "value_error":
        return own_words(context["error"])
    if kind == "string_pattern_mismatch":
        return _pattern(str(context["pattern"]), error["input"])
    if kind == "literal_error":
        return msg("must be one of {allowed}, not {value}", allowed=_either(context["expected"]),
                   value=_short(error["input"]))  # fmt: skip
    if kind in _LIMITS:
        limit = next(iter(context.values()))
        return Message(_LIMITS[kind].text, {"limit": limit, "value": _short(error["input"])})
    if kind in _KINDS:
        return Message(_KINDS[kind].text, {"value": _short(error["input"])})
    return msg("not valid: {reason}", reason=error["msg"])


_KINDS = {
    "missing": msg("is missing"),
    "too_short": msg("must not be empty"),
    "string_too_short": msg("must not be empty"),
    "string_type": msg("must be text, not {value}; put quotes around it"),
    "int_type": msg("must be a whole number, not {value}"),
    "bool_type": msg("must be true or false, not {value}"),
    "tuple_type": msg("must be a list, not {value}"),
    "list_type": msg("must be a list, not {value}"),
    "mapping_type": msg("must be a mapping of keys to values, not {value}"),
    "dict_type": msg("must be a mapping of keys to values, not {value}"),
    "model_type": msg("must be a mapping of keys to values, not {value}"),
    "model_attributes_type": msg("must be a mapping of keys to values, not {value}"),
    "enum": msg("must be one of routine, standard, normal, not {value}"),
}
_LIMITS = {
    "greater_than_equal": msg("must be at least {limit}, not {value}"),
    "less_than_equal": msg("must be at most {limit}, not {value}"),
}
_PATTERNS = {
    "^[a-z][a-z0-9_]": msg(
        "a name has small letters, digits and underscores and begins with a letter, not {value}"
    ),
    "^[a-z][a-z0-9_-]": msg(
        "a name has small letters, digits, dashes and underscores and begins with a letter, "
        "not {value}"
    ),
    r"^([01]\d|2[0-3])": msg("a time of day is written as 02:00, not {value}"),
    r"^(([01]\d|2[0-3])": msg("a time of day is written as 06:00, at most 24:00, not {value}"),
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]*\.ics": msg(
        "an imported calendar is a file beside estate.yml such as holidays.ics, not {value}"
    ),
    r"^\d\d:\d\d-": msg("working hours are written as 08:30-17:30, not {value}"),
    r"^[a-z]+\.": msg("a procedure is written as logs.collect, not {value}"),
}


def own_words(error: ValueError) -> Message:
    """The message for what a check of the model raised."""
    if isinstance(error, WrongValue):
        return error.problem
    return msg("not valid: {reason}", reason=str(error))


def _pattern(pattern: str, value: Any) -> Message:
    known = [start for start in _PATTERNS if pattern.startswith(start)]
    if not known:
        return msg("{value} is not written as it must be", value=_short(value))
    return Message(_PATTERNS[max(known, key=len)].text, {"value": _short(value)})


def _either(expected: str) -> str | Message:
    """``'a', 'b' or 'c'`` as pydantic says it."""
    some, _, last = expected.rpartition(" or ")
    return msg("{some} or {last}", some=some, last=last) if some else expected


def _short(value: Any) -> str | Message:
    if value is None:
        return msg("nothing")
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown(model: type[BaseModel], location: Where) -> Message:
    """Which keys were possible there, or the nearest of them."""
    known = sorted(_keys(_inside(model, _in_file(location)[:-1])))
    nearest = get_close_matches(str(location[-1]), known, 1, 0.6)
    if nearest:
        return msg("unknown key; did you mean {nearest}?", nearest=nearest[0])
    return msg("unknown key; possible here: {known}", known=", ".join(known))


def _keys(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    fields = model.model_fields.items()
    return [field.alias or name for name, field in fields if not field.exclude]


def _inside(model: type[BaseModel], path: Where) -> type[BaseModel] | None:
    """The model that stands at ``path`` below ``model``."""
    here: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int) or here is None:
            continue
        fields = {field.alias or name: field for name, field in here.model_fields.items()}
        here = _model_in(fields[step].annotation) if step in fields else None
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, Annotated, tuple):
        found = (_model_in(part) for part in get_args(annotation))
        return next((part for part in found if part), None)
    return None
