"""Looking at a plan's steps one after the other, each at what those before it leave."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps import step_of
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Failed, Refused

Row = t.Dict[str, t.Any]


class Looked(t.NamedTuple):
    """A step and what it found; ``changes`` is whether it has anything to do."""

    step: Step
    look: Look
    changes: bool
    services: t.List[str]
    packages: t.List[Row]

    def told(self) -> Row:
        """The row of the survey."""
        row: Row = {
            "id": self.step.id,
            "before": self.look.before,
            "after": self.look.after,
            "changes": self.changes,
            "problem": self.look.problem,
            "effects": self.services,
            "undo": self.look.undo,
        }
        return dict(row, packages=self.packages) if self.packages else row


def look_at(host: Host, rows: t.Sequence[t.Any], tolerant: bool = False) -> t.Tuple[
        Draft, t.List[Looked]]:  # fmt: skip
    """The draft after all steps, and each step's look. Raises Refused.

    ``tolerant`` (for the survey): a step that cannot be read or looked at is a problem of its own.
    """
    draft, found = Draft(host), []
    for row in rows:
        try:
            step = step_of(row, host.family)
        except Refused as refused:
            if not tolerant:
                raise
            step = _Unread(row, refused)
        found.append(_looked(draft, step, tolerant))
    return draft, found


class _Unread(Step):
    """A step that cannot be read: only its name is known, and why."""

    def __init__(self, row: t.Any, why: Refused) -> None:
        self.id = one_line(str(row.get("id", "")) if isinstance(row, dict) else "")[:200]
        self.why = why

    def look(self, draft: Draft) -> Look:
        raise self.why


def one_line(text: str) -> str:
    """What is told and what is compared: the plan keeps no control characters either."""
    return "".join(char if char.isprintable() else " " for char in text)


def _looked(draft: Draft, step: Step, tolerant: bool) -> Looked:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import activations

    weight, files, packages = draft.weight, dict(draft.files), len(draft.packages)
    asked, generators = set(draft.asked), set(draft.generators)
    draft.step = step.id
    try:
        look = step.look(draft)
    except (Refused, Failed, OSError, ValueError) as error:
        if not tolerant:
            raise
        look = Look(NOTHING, NOTHING, str(error))
    look = Look(*map(one_line, look))
    written = [path for path in draft.files if files.get(path) != draft.files[path]]
    written += [path for name in set(draft.generators) - generators
                for path in draft.generators[name].paths]  # fmt: skip
    told = activations.of(written, draft.asked - asked)
    services = activations.told(draft.host, told) if told else []
    return Looked(step, look, draft.weight != weight, services, draft.packages[packages:])
