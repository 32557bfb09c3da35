"""What is expected of an observation: exactly one rule, stated as data, and its judging."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from opsbook.model.base import Declared
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg

Scalar = str | int
Site = Mapping[str, "Scalar | Sequence[Scalar]"]
"""Values of a site by name."""


NOT_LOADED = "(not reloaded)"
"""Told by checks in place of what runs where that has not read its files since they changed."""


class ValueRef(Declared):
    """Stands for the value of that name, which a site may set."""

    value: str


def _one(data: Any) -> Any:
    if isinstance(data, dict):
        return _reference(data)
    if isinstance(data, bool) or not isinstance(data, str | int | ValueRef):
        raise WrongValue(msg("must be text, a whole number or the name of a value"))
    return data


def _some(data: Any) -> Any:
    if isinstance(data, dict):
        return _reference(data)
    if isinstance(data, ValueRef):
        return data
    if not isinstance(data, list | tuple):
        raise WrongValue(msg("must be a list or the name of a value"))
    return tuple(_one(item) for item in data)


def _reference(data: dict[str, Any]) -> ValueRef:
    if set(data) != {"value"} or not isinstance(data["value"], str):
        raise WrongValue(msg("a value is named like this: {form}", form="{value: max_days}"))
    return ValueRef(value=data["value"])


One = Annotated[Any, BeforeValidator(_one)]
"""Text, a whole number, or :class:`ValueRef`."""

Some = Annotated[Any, BeforeValidator(_some)]
"""A tuple of texts and whole numbers, or :class:`ValueRef`."""

_RULES = ("is_", "one_of", "not_one_of", "at_most", "at_least", "between", "mode", "none",
          "subset_of", "includes", "matches")  # fmt: skip


class Rule(Declared):
    """One rule for all values of one observation.

    ``is``, ``one_of``, ``not_one_of``, ``at_most``, ``at_least``, ``between`` and ``matches`` hold
    of every value seen, and of none being seen only with ``or_none``. ``mode`` takes permission
    bits in octal and holds when no value has a bit beside them. ``subset_of`` splits values at
    commas and blanks; ``includes`` wants each of its own among the values seen; ``none`` wants no
    value at all. Text is compared without regard to case where ``any_case``.
    """

    is_: One = Field(default=None, alias="is")
    one_of: Some = None
    not_one_of: Some = None
    at_most: One = None
    at_least: One = None
    between: Some = None
    mode: One = None
    none: bool | None = None
    subset_of: Some = None
    includes: Some = None
    matches: str | None = None
    or_none: bool = False
    any_case: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> Rule:
        stated = [name for name in _RULES if getattr(self, name) is not None]
        if len(stated) != 1:
            raise WrongValue(
                msg("state exactly one of: {allowed}",
                    allowed=", ".join(name.rstrip("_") for name in _RULES))
            )  # fmt: skip
        if self.matches is not None:
            _compiled(self.matches)
        return self

    @property
    def kind(self) -> str:
        """Which rule it is, by its field's name."""
        return next(name for name in _RULES if getattr(self, name) is not None)

    @property
    def references(self) -> tuple[str, ...]:
        """The values of the site that it names."""
        stated = getattr(self, self.kind)
        parts = stated if isinstance(stated, tuple) else (stated,)
        return tuple(part.value for part in parts if isinstance(part, ValueRef))

    def limit(self, site: Site) -> Any:
        """What it compares with: a scalar or a tuple, values of the ``site`` put in.

        Raises KeyError for a value that the site has not.
        """
        stated = getattr(self, self.kind)
        if isinstance(stated, tuple):
            return tuple(_put(part, site) for part in stated)
        found = _put(stated, site)
        if self.kind == "subset_of" and isinstance(found, str):
            return tuple(found.split(","))
        return found

    def breaks(self, value: str, site: Site) -> bool:
        """Whether one value that was seen breaks the rule; ``includes`` is of all at once."""
        if value == NOT_LOADED:
            return True
        return bool(_BREAKS[self.kind](self._fold(value), self._folded(site)))

    def holds(self, values: Sequence[str], site: Site) -> bool:
        """Whether the rule holds of all values that were seen, none being seen included."""
        if self.kind == "includes":
            seen = {self._fold(value) for value in values}
            return NOT_LOADED not in values and all(
                str(item) in seen for item in self._folded(site)
            )
        if not values:
            return self.or_none or self.kind in ("none", "not_one_of", "subset_of")
        return not any(self.breaks(value, site) for value in values)

    def wanted(self, site: Site) -> str:
        """The rule in signs rather than words, for a table: ``no``, ``<= 90``, ``a | b``."""
        limit = self.limit(site)
        joint = " - " if self.kind == "between" else " | "
        text = joint.join(map(str, limit)) if isinstance(limit, tuple) else str(limit)
        return _SIGNS[self.kind].format(text)

    def _fold(self, text: str) -> str:
        return text.lower() if self.any_case else text

    def _folded(self, site: Site) -> Any:
        limit = self.limit(site)
        if isinstance(limit, tuple):
            return tuple(self._fold(str(item)) for item in limit)
        return self._fold(limit) if isinstance(limit, str) and self.kind == "is_" else limit


def _put(stated: Any, site: Site) -> Any:
    """What is stated, or the value of the site that it names."""
    if not isinstance(stated, ValueRef):
        return stated
    found = site[stated.value]
    return found if isinstance(found, str | int) else tuple(found)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise WrongValue(msg("not a pattern: {reason}", reason=str(error))) from error


def number(text: str) -> int | None:
    """A whole number in digits, or None; what hosts say may be anything."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None


def _not_within(low: int | None, high: int | None, text: str) -> bool:
    seen = number(text)
    return seen is None or (low is not None and seen < low) or (high is not None and seen > high)


def _more_than(value: str, limit: Any) -> bool:
    """Whether ``value``, permission bits in octal, has a bit that ``limit`` has not."""
    if not re.fullmatch(r"[0-7]{1,5}", value):
        return True
    return bool(int(value, 8) & ~int(str(limit), 8))


def _is_outside(value: str, limit: tuple[Scalar, ...]) -> bool:
    words = [word for word in re.split(r"[,\s]+", value) if word]
    return not set(words) <= {str(item) for item in limit}


_BREAKS: Mapping[str, Any] = {
    "is_": lambda value, limit: value != str(limit),
    "one_of": lambda value, limit: value not in {str(item) for item in limit},
    "not_one_of": lambda value, limit: value in {str(item) for item in limit},
    "at_most": lambda value, limit: _not_within(None, int(limit), value),
    "at_least": lambda value, limit: _not_within(int(limit), None, value),
    "between": lambda value, limit: _not_within(int(limit[0]), int(limit[1]), value),
    "mode": _more_than,
    "none": lambda value, limit: True,
    "subset_of": _is_outside,
    "includes": lambda value, limit: False,
    "matches": lambda value, limit: _compiled(limit).fullmatch(value) is None,
}
_SIGNS = {
    "is_": "{}",
    "one_of": "{}",
    "not_one_of": "!= {}",
    "at_most": "<= {}",
    "at_least": ">= {}",
    "between": "{}",
    "mode": "<= {}",
    "none": "-",
    "subset_of": "{{{}}}",
    "includes": "+ {}",
    "matches": "~ {}",
}
