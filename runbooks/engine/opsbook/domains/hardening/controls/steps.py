"""The steps that set a control right: which kinds there are, and what each must and may say.

A kind is one class in ``plugins/module_utils/hardening/steps``. ``{value: name}`` in a step stands
for a value of the site, ``{observed: effective.x}`` for what the check saw; planning puts both in,
so that hosts get plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import model_validator

from opsbook.model.base import Declared
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg


@dataclass(frozen=True, slots=True)
class Fields:
    """What a kind of step must and may state."""

    must: frozenset[str]
    may: frozenset[str] = frozenset()


def _fields(must: str, may: str = "") -> Fields:
    return Fields(frozenset(must.split()), frozenset(may.split()))


KINDS: Mapping[str, Fields] = {
    "conf_value": _fields("file key value", "separator section activate"),
    "drop_in": _fields("file lines", "mode owner group activate"),
    "line": _fields("file", "line match absent activate"),
    "file_absent": _fields("file", "activate"),
    "sshd_option": _fields("option value"),
    "sysctl": _fields("name value", "interfaces"),
    "kernel_module_off": _fields("module"),
    "mode": _fields("paths", "at_most at_least owner groups"),
    "package": _fields("names state"),
    "unit": _fields("unit", "enabled active"),
    "pam_profile": _fields("name lines", "feature"),
    "pam_option": _fields("file module", "type add remove"),
    "account": _fields("users_from", "max_days min_days warn_days inactive lock shell"),
    "mount_option": _fields("mount options"),
    "grub_argument": _fields("argument", "value"),
    "audit_rules": _fields("file lines"),
    "nftables": _fields("file lines"),
    "sudoers": _fields("file lines"),
    "group": _fields("name present"),
    "command_made": _fields("creates argv"),
}
"""Kind -> its fields."""

STEPS_OF = "steps_of"
"""In place of a step: those of another control, which are taken over when it is read."""


class Step(Declared):
    """One step: its kind, and the fields of that kind as they stand in the file."""

    model_config = Declared.model_config | {"extra": "allow"}

    kind: str

    @model_validator(mode="after")
    def _as_its_kind_wants(self) -> Step:
        fields = _fields("control") if self.kind == STEPS_OF else KINDS.get(self.kind)
        if fields is None:
            raise WrongValue(
                msg("there is no kind of step {kind}; possible: {known}", kind=self.kind,
                    known=", ".join(sorted((*KINDS, STEPS_OF))))
            )  # fmt: skip
        stated = set(self.stated)
        if missing := sorted(fields.must - stated):
            raise WrongValue(msg("a step {kind} must state: {names}", kind=self.kind,
                                 names=", ".join(missing)))  # fmt: skip
        if unknown := sorted(stated - fields.must - fields.may):
            raise WrongValue(msg("a step {kind} does not know: {names}", kind=self.kind,
                                 names=", ".join(unknown)))  # fmt: skip
        return self

    @property
    def stated(self) -> Mapping[str, Any]:
        """Its fields without the kind."""
        return self.model_extra or {}

    def references(self, word: str) -> tuple[str, ...]:
        """The names that it has put for ``value`` or ``observed``."""
        found: list[str] = []

        def note(kind: str, name: str) -> Any:
            if kind == word:
                found.append(name)

        _put_in(dict(self.stated), note)
        return tuple(found)


def _put_in(data: Any, meant: Callable[[str, str], Any]) -> Any:
    """``data`` with every ``{value: x}`` and ``{observed: x}`` in it replaced."""
    if isinstance(data, Mapping):
        if len(data) == 1:
            (word, name), *_ = data.items()
            if word in ("value", "observed") and isinstance(name, str):
                return meant(word, name)
        return {key: _put_in(value, meant) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_put_in(item, meant) for item in data]
    return data
