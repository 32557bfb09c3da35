"""How a change is made: method, tools, steps, parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsbook.documents.blocks import Facts, Grid, Part, Points, Prose
from opsbook.documents.changes.foreseen import Foreseen
from opsbook.documents.changes.telling import steps
from opsbook.documents.labels import LABELS
from opsbook.documents.telling import parameters, tools
from opsbook.documents.words import Words, table
from opsbook.model.message import msg


def scope(plan: Foreseen, words: Words) -> Iterator[Part]:
    """Method, tools, steps and parameters of the plan, those that there are."""
    runbook = table(plan.plan, "runbook")
    if not runbook:
        return
    yield from method(runbook, words)
    yield Points(words.of(msg("Steps")), [("", step) for step in steps(plan.plan, words)],
                 numbered=True)  # fmt: skip
    told = list(parameters(plan.plan, words))
    if told:
        headings = [words.of(LABELS[name]) for name in ("parameter", "value", "set_by")]
        yield Grid(words.of(LABELS["parameters"]), headings, told)


def method(runbook: Mapping[str, object], words: Words) -> Iterator[Part]:
    """The method in words, and the tools."""
    said = words.both(runbook.get("method"))
    if said:
        yield Prose(words.of(LABELS["method"]), said)
    used = list(tools(runbook, words))
    if used:
        yield Facts("" if said else words.of(LABELS["method"]), used)
