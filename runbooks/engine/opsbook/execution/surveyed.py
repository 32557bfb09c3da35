"""What surveys of hosts have in common, whatever they look for: reading them, the marker of a run
that is at work there, and how far a host is on the way of its plan. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from opsbook.execution.work import Examined, Job, Standing
from opsbook.model.errors import OpsbookError
from opsbook.model.hostjson import Reader
from opsbook.model.message import Message, msg
from opsbook.model.plan import HostPlan, Item

Surveys = Mapping[str, Mapping[str, Any]]
"""Evidence of surveys by host, as the hosts told it: hostile."""

S = TypeVar("S")


def read_all(
    surveys: Surveys, read: Callable[[str, Mapping[str, Any]], S]
) -> tuple[dict[str, S], dict[str, HostPlan | OpsbookError]]:
    """What ``read`` makes of the surveys that can be read, and the errors of the others."""
    found: dict[str, S] = {}
    errors: dict[str, HostPlan | OpsbookError] = {}
    for host in sorted(surveys):
        try:
            found[host] = read(host, surveys[host])
        except OpsbookError as error:
            errors[host] = error
    return found, errors


@dataclass(frozen=True, slots=True)
class Marker:
    """The lease marker that counts on a host now (see :mod:`opsbook.execution.reach.marker`).

    ``seconds_left`` is how long it still does, by the host's own clock.
    """

    run: str
    change: str
    seconds_left: int


def read_marker(row: Reader) -> Marker | None:
    """The marker as a survey tells it; None for one that counts no more."""
    marker = Marker(row.text("run"), row.text("change"), row.number("seconds_left"))
    return marker if marker.seconds_left > 0 else None


def own_numbers(job: Job) -> frozenset[str]:
    """The numbers under which the run of ``job`` may hold a host's marker."""
    return frozenset({job.run, job.change} - {""})


def occupied(marker: Marker | None, ours: Iterable[str]) -> Message | None:
    """Why a host is not free: the marker of another run than ``ours``."""
    if marker is None or {marker.run, marker.change} & set(ours):
        return None
    return msg("{run} is at work on it, for {minutes} min more at most: wait for it to end",
               run=marker.run or "-", minutes=-(-marker.seconds_left // 60))  # fmt: skip


class Journal(NamedTuple):
    """The change that a host noted last, and how far that came there: ``begun``, ``prepared``,
    ``applying``, ``applied``, ``undoing``, ``undone`` (``module_utils/host/journal.py``).
    """

    change: str
    state: str


def read_journal(row: Reader) -> Journal:
    """The journal as a survey tells it."""
    return Journal(row.text("change"), row.text("state"))


def writing(journal: Journal | None, change: str) -> bool:
    """Whether ``change`` wrote on the host and was not brought back to its end."""
    return journal is not None and journal.change == change and journal.state in _WRITING


def ended(journal: Journal | None, change: str) -> bool:
    """Whether nothing says that ``change`` did not come to its end on the host."""
    return journal is None or journal.change != change or journal.state == "applied"


_WRITING = ("applying", "applied", "undoing")


class Place(Enum):
    """Where an item of a plan is: at its value before, at the one after, on the way from one to
    the other, or at neither.
    """

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"
    ELSEWHERE = "elsewhere"


def how_far(
    plan: HostPlan, place: Callable[[Item], Place], *, begun: bool, ended: bool
) -> Examined:
    """Where a host stands whose items are at their ``place``.

    Done: every item is as planned, and the work has ``ended``. Untouched: every item is as before,
    and no work has ``begun`` that is not over. Anything between is completed by doing it again
    where no item is at neither of its two values.
    """
    total = len(plan.items)
    places = {item.key: place(item) for item in plan.items}
    told = list(places.values())
    before, after = told.count(Place.BEFORE), told.count(Place.AFTER)
    strange = [key for key, where in places.items() if where is Place.ELSEWHERE]
    if before == total and not begun:
        return Examined(Standing.UNTOUCHED, msg("all {total} items are as before", total=total))
    if after == total and ended:
        found = msg("all {total} items are as planned", total=total)
        return Examined(Standing.DONE, found, evidence={"actual": dict(_as_planned(plan))})
    found = msg("{after} of {total} items are as planned and {before} as before",
                after=after, total=total, before=before)  # fmt: skip
    if strange:
        found = msg("{found}; {item} is at neither", found=found, item=strange[0])
    return Examined(Standing.MIDWAY, found, repairable=not strange)


def _as_planned(plan: HostPlan) -> Iterator[tuple[str, dict[str, Any]]]:
    """What became of each item of a host that is done: where it began was compared before it."""
    for item in plan.items:
        yield item.key, {"before": item.before, "after": item.after, "changed": True}


def examined(
    host: str,
    survey: Mapping[str, Any],
    read: Callable[[str, Mapping[str, Any]], S],
    judge: Callable[[S], Examined],
) -> Examined:
    """What ``judge`` says of a host's survey; one that cannot be read is midway."""
    try:
        return judge(read(host, survey))
    except OpsbookError as error:
        return Examined(Standing.MIDWAY, error.problem)
