"""Reading the catalogue: every control, all faults of all files at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from opsbook.domains.hardening.controls.index import Index
from opsbook.domains.hardening.controls.schema import Control, folder_of
from opsbook.domains.hardening.controls.steps import STEPS_OF, Step
from opsbook.execution.declared.declarations import collection
from opsbook.execution.declared.explain import check
from opsbook.execution.declared.yamlfile import Document, Where, read_own_yaml
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.faults import Fault
from opsbook.model.message import msg


@dataclass(frozen=True)
class Catalogue:
    """All controls by key, in the order of their keys; ``digest`` is of all their files."""

    controls: Mapping[str, Control]
    digest: str

    @cached_property
    def index(self) -> Index:
        """Which controls a scanner's rule belongs to."""
        return Index(self.controls.values())

    def find(self, key: str) -> Control:
        """The control of that key. Raises UsageFault when there is none."""
        if key in self.controls:
            return self.controls[key]
        raise UsageFault(
            msg("There is no control {key}.", key=key),
            next_step=msg("opsbook controls list lists all controls."),
        )


def controls_directory() -> Path:
    """Where the controls are declared, one folder each."""
    return collection() / "roles" / "hardening" / "controls"


def catalogue_digest(directory: Path | None = None) -> str:
    """SHA-256 (hex) over the names and contents of all files of the catalogue."""
    root = directory or controls_directory()
    whole = hashlib.sha256()
    for file in sorted(root.glob("*/*")):
        data = file.read_bytes()
        whole.update(f"{file.relative_to(root)}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def load_catalogue(directory: Path | None = None) -> Catalogue:
    """Every control below ``directory`` (ours by default).

    Raises InputFault with every fault of every file.
    """
    root = directory or controls_directory()
    faults: list[Fault] = []
    controls = sorted(_all(root, faults), key=lambda control: control.key)
    if faults:
        raise InputFault(
            msg("The catalogue of controls has {count} faults.", count=len(faults)),
            faults,
            untouched=msg("Nothing was touched."),
        )
    return Catalogue({control.key: control for control in controls}, catalogue_digest(root))


def _all(root: Path, faults: list[Fault]) -> Iterator[Control]:
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        try:
            control = load_control(folder)
        except InputFault as fault:
            faults += fault.faults or [Fault(str(folder), 0, "", fault.problem)]
            continue
        yield control


def load_control(folder: Path) -> Control:
    """The control declared in ``folder``. Raises InputFault with every fault of it."""
    document = read_own_yaml(folder / "control.yml")
    script = folder / "check.sh"
    text = script.read_text(encoding="utf-8") if script.is_file() else None
    if text is None:
        document.faults.append(document.fault((), msg("there is no {file}", file=script)))
    control = check(Control, document, check=text or "")
    if control is not None:
        control = _with_steps_of_others(control, folder.parent, document)
    if control is not None and control.folder != folder.name:
        document.faults.append(
            document.fault(("key",), msg("the folder of this key is {name}", name=control.folder))
        )
    if control is None or document.faults:
        problem = msg("{file} has {count} faults.", file=document.file, count=len(document.faults))
        raise InputFault(problem, document.faults)
    return control


def _with_steps_of_others(control: Control, root: Path, document: Document) -> Control:
    """``control`` with the steps of those that it names in place of their names."""

    def taken(steps: Sequence[Step], where: Where, family: str = "") -> tuple[Step, ...]:
        found: list[Step] = []
        for number, step in enumerate(steps):
            theirs = _plain_steps(step, root, family) if step.kind == STEPS_OF else (step,)
            if theirs is None:
                wrong = msg("{key} is no control that has steps of its own without values",
                            key=str(step.stated["control"]))  # fmt: skip
                document.faults.append(document.fault((*where, "steps", number, "control"), wrong))
            found += theirs or ()
        return tuple(found)

    variants = {
        family: one.model_copy(
            update={"steps": taken(one.steps, ("variants", family), family)}
        ) if one.steps else one
        for family, one in control.variants.items()
    }  # fmt: skip
    return control.model_copy(update={"steps": taken(control.steps, ()), "variants": variants})


def _plain_steps(step: Step, root: Path, family: str) -> tuple[Step, ...] | None:
    """The steps of the control named; None where they cannot be taken over as they stand."""
    key = str(step.stated["control"])
    file = root / folder_of(key) / "control.yml"
    other = check(Control, read_own_yaml(file), check="") if file.is_file() else None
    if other is None or other.key != key:
        return None
    theirs = other.of_family(family).steps
    foreign = any(one.kind == STEPS_OF or one.references("value") for one in theirs)
    return None if foreign or not theirs else theirs
