"""How a change is made: method, tools, steps, parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from opsbook.documents.blocks import Facts, Grid, Part, Points, Prose
from opsbook.documents.changes.foreseen import Foreseen
from opsbook.documents.changes.telling import steps
from opsbook.documents.labels import LABELS
from opsbook.documents.telling import managers_of, parameters, tools
from opsbook.documents.words import Words, table
from opsbook.model.message import msg


def scope(plan: Foreseen, words: Words) -> Iterator[Part]:
    """Method, tools, steps and parameters of the plan, those that there are."""
    runbook = table(plan.plan, "runbook")
    if not runbook:
        return
    yield from method(runbook, words, managers_of(host for _, host in plan.hosts))
    yield Points(words.of(msg("Steps")), [("", step) for step in steps(plan.plan, words)],
                 numbered=True)  # fmt: skip
    yield from settings(plan.plan, words)


def settings(holder: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """The parameters of a plan or a record, and who set them."""
    told = list(parameters(holder, words))
    if told:
        headings = [words.of(LABELS[name]) for name in ("parameter", "value", "set_by")]
        yield Grid(words.of(LABELS["parameters"]), headings, told)


def method(
    runbook: Mapping[str, object],
    words: Words,
    managers: Set[str],
    also: Sequence[tuple[str, str]] = (),
) -> Iterator[Part]:
    """The method in words, the tools of hosts with ``managers``, what else is to be told of it."""
    said = words.both(runbook.get("method"))
    if said:
        yield Prose(words.of(LABELS["method"]), said)
    used = [*tools(runbook, words, managers), *also]
    if used:
        yield Facts("" if said else words.of(LABELS["method"]), used)
