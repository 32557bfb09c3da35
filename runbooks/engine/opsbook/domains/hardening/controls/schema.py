"""``control.yml``: the one declaration of a control."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from opsbook.domains.hardening.controls.rules import Rule
from opsbook.domains.hardening.controls.steps import Step
from opsbook.model.base import Bilingual, Declared
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.:/-]*$")]
"""The natural key of a control: ``sshd.permitrootlogin``."""

Baseline = Literal["cis_l1", "cis_l2", "mlps_3"]
Family = Literal["debian", "rhel"]
Names = Annotated[tuple[str, ...], Field(strict=False)]
_OBSERVATION = re.compile(r"(configured|effective)\.[a-z0-9_]+")
_FAMILY_FIELDS = ("needs", "asks", "expect", "steps", "by_hand", "undo")


def folder_of(key: str) -> str:
    """The name of the folder of a control: its key with ``_`` for all but letters and digits."""
    return re.sub(r"[^a-z0-9]", "_", key)


class References(Declared):
    """What others call the same demand.

    ``cis`` numbers of the CIS benchmark of Debian 12 v1.1.0, ``ssg`` rules of ComplianceAsCode
    without their common beginning, ``lynis`` tests with ``/field`` where a test has several,
    ``mlps`` units of GB/T 28448-2019 8.1.4 (L3-CES1-nn); plugin numbers of the others.
    """

    cis: Names = ()
    ssg: Names = ()
    lynis: Names = ()
    wazuh: Names = ()
    nessus: Names = ()
    openvas: Names = ()
    mlps: Names = ()

    def of_scanners(self) -> Iterator[tuple[str, str]]:
        """Pairs of a scanner and its rule."""
        for scanner in ("ssg", "lynis", "wazuh", "nessus", "openvas"):
            for rule in getattr(self, scanner):
                yield scanner, rule


class Needs(Declared):
    """Without which a control is not applicable, and (``root``) cannot be looked at."""

    packages: Names = ()
    real_kernel: bool = False
    mounts: Names = ()
    root: bool = False


class Asks(Declared):
    """Packages, units and settings of the kernel that the check asks for, so that the host is
    asked once for all checks.
    """

    packages: Names = ()
    units: Names = ()
    sysctls: Names = ()


class Choice(Declared):
    """Of a group of ways that exclude one another, the one that this control belongs to."""

    group: Literal["firewall", "time", "log_pipeline"]
    option: str


class Value(Declared):
    """What a site may set; what is ``required`` has no default, and until a site has set it the
    control is for people.
    """

    type: Literal["integer", "string", "list"]
    default: Any = None
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    help: Bilingual

    @model_validator(mode="after")
    def _default_is_valid(self) -> Value:
        if self.required != (self.default is None):
            raise WrongValue(msg("a value has a default, or is required"))
        if not self.required:
            self.check("default", self.default)
        return self

    def check(self, name: str, value: Any) -> Any:
        """``value`` if the value called ``name`` may be so. Raises WrongValue."""
        if self.type == "list":
            if not isinstance(value, list | tuple):
                raise WrongValue(msg("{name} must be a list of texts", name=name))
            return tuple(self._text(name, item) for item in value)
        if self.type == "string":
            return self._text(name, value)
        if type(value) is not int:
            raise WrongValue(msg("{name} must be a whole number", name=name))
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise WrongValue(msg("{name} must be from {low} to {high}", name=name,
                                 low="-" if low is None else low,
                                 high="-" if high is None else high))  # fmt: skip
        return value

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or not value.isprintable():
            raise WrongValue(msg("{name} must be text on one line", name=name))
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise WrongValue(msg("{name} does not look like {pattern}", name=name,
                                 pattern=self.pattern))  # fmt: skip
        return value


class ControlRisk(Declared):
    """What setting it right may bring."""

    reboot: bool = False
    disruption: Literal["none", "low", "medium", "high"]
    lockout: bool = False
    workload: Bilingual | None = None


class ControlUndo(Declared):
    """How far the steps can be undone, and why not fully."""

    kind: Literal["full", "partly", "none"]
    why: Bilingual | None = None

    @model_validator(mode="after")
    def _says_why(self) -> ControlUndo:
        if self.kind != "full" and self.why is None:
            raise WrongValue(msg("say why, unless undo is full"))
        return self


class Variant(Declared):
    """What is otherwise in one family of systems; each field replaces the whole of that field."""

    needs: Needs | None = None
    asks: Asks | None = None
    expect: Mapping[str, Rule] | None = None
    steps: Annotated[tuple[Step, ...], Field(strict=False)] | None = None
    by_hand: Bilingual | None = None
    undo: ControlUndo | None = None


class Control(Declared):
    """The whole declaration; ``check`` is the text of its ``check.sh``."""

    schema_version: Literal[1] = Field(alias="schema")
    key: Key
    title: Bilingual
    why: Bilingual
    severity: Literal["low", "medium", "high"]
    references: References = References()
    baselines: Annotated[tuple[Baseline, ...], Field(strict=False)] = ()
    families: Annotated[tuple[Family, ...], Field(strict=False)] = ("debian", "rhel")
    needs: Needs = Needs()
    asks: Asks = Asks()
    choice: Choice | None = None
    values: Mapping[str, Value] = Field(default_factory=dict)
    expect: Mapping[str, Rule]
    steps: Annotated[tuple[Step, ...], Field(strict=False)] = ()
    by_hand: Bilingual | None = None
    variants: Mapping[Family, Variant] = Field(default_factory=dict)
    risk: ControlRisk
    undo: ControlUndo
    slow: bool = False
    check: str = Field(exclude=True)

    @model_validator(mode="after")
    def _fits_together(self) -> Control:
        parts: list[Control | Variant] = [self, *self.variants.values()]
        for part in parts:
            for name in part.expect or {}:
                if not _OBSERVATION.fullmatch(name):
                    raise WrongValue(msg("an observation is named like {form}, not {name}",
                                         form="configured.x", name=name))  # fmt: skip
            self._knows_its_values(part)
        if not self.expect:
            raise WrongValue(msg("a control expects something"))
        if not self.steps and self.by_hand is None:
            raise WrongValue(msg("a control without steps says in by_hand what a person does"))
        return self

    def _knows_its_values(self, part: Control | Variant) -> None:
        named = [name for rule in (part.expect or {}).values() for name in rule.references]
        named += [name for step in part.steps or () for name in step.references("value")]
        ruling = {name for rule in (part.expect or {}).values() for name in rule.references}
        if any(self.values[name].required for name in ruling & set(self.values)):
            raise WrongValue(msg("what is expected cannot hang on a value that is required"))
        if unknown := sorted(set(named) - set(self.values)):
            raise WrongValue(msg("no such value is declared: {names}", names=", ".join(unknown)))

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return folder_of(self.key)

    def of_family(self, family: str) -> Control:
        """This control as it is in a family of systems (``debian``, ``rhel``)."""
        variant = self.variants.get(family)  # type: ignore[call-overload]
        if variant is None:
            return self
        stated = {name: getattr(variant, name) for name in _FAMILY_FIELDS}
        return self.model_copy(update={k: v for k, v in stated.items() if v is not None})

    def site_values(self, stated: Mapping[str, Any]) -> dict[str, Any]:
        """The values in force, where a site ``stated`` some; required ones that it did not state
        are missing. Raises WrongValue, also for names that the control does not have.
        """
        if unknown := sorted(set(stated) - set(self.values)):
            raise WrongValue(msg("{key} has no value {names}; it has: {known}", key=self.key,
                                 names=", ".join(unknown),
                                 known=", ".join(self.values) or "-"))  # fmt: skip
        return {
            name: value.check(name, stated.get(name, value.default))
            for name, value in self.values.items()
            if name in stated or not value.required
        }
