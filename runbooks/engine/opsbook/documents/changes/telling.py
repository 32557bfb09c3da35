"""Windows, restore points and steps of a plan in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from opsbook.documents.changes.labels import DAYS, STATES
from opsbook.documents.words import Words, amount, rows, table, text
from opsbook.model.message import Message, msg

RESTORE_POINTS: dict[str, Message] = {
    "none": msg("none needed"),
    "undo_bundle": msg("what undo needs is kept on each host before the first write"),
    "backup": msg("a fresh backup"),
}


def standing(dossier: Mapping[str, Any], words: Words) -> str:
    """Where a change stands; of one that was undone on some of its hosts, on how many."""
    state, undone = words.word(STATES, dossier.get("state")), rows(dossier.get("undone"))
    if not undone or dossier.get("state") == "undone":
        return state
    hosts = rows(table(dossier, "plan").get("hosts"))
    return words.of(msg("{state}, undone on {number} of {total} hosts",
                        state=state, number=len(undone), total=len(hosts)))  # fmt: skip


def window(asked: Any, words: Words) -> str:
    """When the plan may be applied (fields in ``calendars/windows.py``)."""
    told = table(asked)
    kind = text(told.get("kind"))
    if not told or kind == "always":
        return words.of(msg("any time until the plan expires"))
    if kind == "once":
        return f"{words.moment(told.get('start'))} – {words.moment(told.get('end'))}"
    days = words.listed(words.word(DAYS, day) for day in rows(told.get("days")))
    hours = " – ".join(filter(None, (text(told.get("from")), text(told.get("to")))))
    said = " ".join(filter(None, (days, hours))) or words.said(told.get("words"))
    name = text(told.get("name"))
    return words.labelled(name, said) if name and said else said or name


def duration(plan: Mapping[str, Any], words: Words) -> str:
    """How long the work is predicted to take, and what that means for its window."""
    took, asked = amount(plan.get("seconds")), table(plan, "window")
    told = words.seconds(plan.get("seconds"))
    if took is None or not 0 <= took < 10**7:
        return told
    span = timedelta(seconds=took)
    try:
        if text(asked.get("kind")) == "once":
            end = datetime.fromisoformat(text(asked.get("start"))) + span
            return words.of(msg("{duration}; begun at its start it ends at about {end}",
                                duration=told, end=words.moment(end.isoformat())))  # fmt: skip
        closes = datetime.strptime(text(asked.get("to")), "%H:%M")  # noqa: DTZ007
    except (ValueError, OverflowError):
        return told
    return words.of(
        msg("{duration}; to be begun by {latest} at the latest", duration=told,
            latest=f"{closes + timedelta(days=9) - span:%H:%M}")
    )  # fmt: skip


def restore_point(runbook: Mapping[str, Any], words: Words) -> str:
    """What must exist before the first write, and why."""
    point = table(runbook, "restore_point")
    return words.both(point.get("why")) or words.word(RESTORE_POINTS, point.get("kind"))


def steps(plan: Mapping[str, Any], words: Words) -> list[str]:
    """What a run of the plan does, one after the other."""
    return [words.of(step) for step in _steps(plan)]


def _steps(plan: Mapping[str, Any]) -> Iterator[Message]:
    runbook, waves = table(plan, "runbook"), table(plan, "waves")
    yield msg("Before every wave: check window, freezes, approvals, failure budget and leases.")
    yield msg("Compute each host's part of the plan again; a host that has drifted is not touched.")
    if table(runbook, "restore_point").get("kind") == "undo_bundle":
        yield msg("Keep on each host everything that undo needs, before the first write.")
    yield msg("Carry out exactly what is planned, wave by wave.")
    yield msg("Verify each host with the runbook's tests.")
    if table(runbook, "undo").get("kind") != "none":
        budget = amount(waves.get("failure_budget"))
        yield msg("Undo a host that failed.")
        if budget is not None:
            yield msg("When more than {budget} hosts fail: undo the wave and stop.",
                      budget=f"{budget:.0f}")  # fmt: skip
    yield msg("Record what was done, compare it with the plan, and sign the ledger.")
