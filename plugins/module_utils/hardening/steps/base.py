"""What every kind of step has in common."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given

NOTHING = "-"
"""What is told of a value that is not there."""


class Look(t.NamedTuple):
    """Value now and value after, in words for the plan.

    ``problem``: the step cannot be done here, and why. ``undo``: what cannot be brought back.
    """

    before: str
    after: str
    problem: str = ""
    undo: str = ""


class Step:
    """One planned step. A kind reads its fields when it is made, and looks at a draft.

    ``look`` writes what the step wants into the draft and nothing anywhere else. ``dangerous`` are
    effects that may shut people out.
    """

    kind = ""

    def __init__(self, given: Given) -> None:
        self.id = given.id
        self.read(given)
        given.done()

    def read(self, given: Given) -> None:
        """Take the fields of the plan. Raises Refused."""
        raise NotImplementedError

    def look(self, draft: Draft) -> Look:
        """What there is and what will be. Raises Refused, OSError."""
        raise NotImplementedError


def asked_for(given: Given) -> tuple[str, str] | None:
    """``activate: {unit, how}``: a service that is to read the file again."""
    row = given.raw("activate", needed=False)
    if row is None:
        return None
    if not isinstance(row, dict) or set(row) - {"unit", "how"}:
        raise given.fault("activate", "is not {unit, how}")
    inner = Given({"id": given.id, "kind": given.kind, **row}, given.family)
    unit = inner.name("unit")
    unit = unit[: -len(".service")] if unit.endswith(".service") else unit
    return (unit, inner.choice("how", ("restart", "reload"), "restart"))


def joined(values: t.Iterable[str]) -> str:
    """Values as one text; a dash for none. Of a long list the rest is told by number and digest,
    so that two different lists never read the same.
    """
    found = list(values)
    whole = "; ".join(found)
    if len(found) <= 8 and len(whole) <= 600:
        return whole or NOTHING
    digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{'; '.join(found[:8])[:600]} (+{max(0, len(found) - 8)}, {digest})"
