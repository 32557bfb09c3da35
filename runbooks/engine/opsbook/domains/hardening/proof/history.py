"""What was done on the hosts of a change, from what the ledger kept of it. Pure.

Dossiers and records may be of another version of opsbook: what is missing is taken for not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from opsbook.documents.words import table
from opsbook.domains.hardening.proof.model import Done, PlanAside
from opsbook.domains.hardening.store.model import CONTROL, CVE
from opsbook.model.clock import unstamp
from opsbook.model.message import Message

WORKED = ("ok", "changed")
"""Outcomes of hosts on which the work was done, or was there already."""

Json = Mapping[str, Any]


def done_on_hosts(
    dossier: Json, records: Iterable[Json], others: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Done]:
    """What change ``dossier`` with the ``records`` of its runs did on each of its hosts.

    ``others`` is what other changes worked on: host -> key of a finding -> change.
    """
    runs = [record for record in records if record.get("phase") in ("apply", "undo")]
    runs.sort(key=lambda record: str(table(record, "when").get("opened") or ""))
    plans = table(dossier, "plan", "host_plans")
    found = {}
    for host in plans:
        done = _done(str(dossier.get("change")), host, table(plans, host), runs)
        if done is not None:
            found[host] = _with_others(done, (others or {}).get(host, {}))
    return found


def worked_on(dossier: Json, records: Iterable[Json]) -> dict[str, dict[str, str]]:
    """Host -> key of a finding -> number of this change, where its work was done and stands."""
    done = done_on_hosts(dossier, records)
    return {host: dict(one.by) for host, one in done.items() if one.by}


def _done(change: str, host: str, plan: Json, runs: Iterable[Json]) -> Done | None:
    """None where no run of the change came to its end."""
    begun = ended = None
    last: Json = {}
    run = outcome = ""
    for record in runs:
        opened, closed = _moment(record, "when", "opened"), _moment(record, "when", "closed")
        entry = next((one for one in record.get("hosts") or () if one.get("name") == host), None)
        if opened is None or closed is None or entry is None:
            continue
        begun = begun or _moment(entry, "started") or opened
        ended = _moment(entry, "finished") or closed
        last, run = entry, str(record.get("run"))
        outcome = str(entry.get("outcome") or "")
        if record.get("phase") == "undo" and outcome in WORKED:
            outcome = "undone"
    if begun is None or ended is None:
        return None
    worked = outcome in WORKED and bool(plan.get("items"))
    return Done(
        begun=begun,
        ended=ended,
        by=dict.fromkeys(_keys(plan), change) if worked else {},
        by_hand=frozenset(_by_hand(plan)),
        verdicts=dict(_verdicts(last)) if worked else {},
        items=_items(plan) if worked else {},
        asides=_asides(plan),
        reboots=frozenset(_reboots(plan)),
        outcome=outcome,
        run=run,
    )


def _with_others(done: Done, others: Mapping[str, str]) -> Done:
    return replace(done, by={**others, **done.by})


def _keys(plan: Json) -> Iterator[str]:
    """Keys of findings that a host's plan works on: its controls, and CVEs that packages close."""
    for control in table(plan, "given", "controls"):
        yield CONTROL + str(control)
    for item in plan.get("items") or ():
        detail = table(item, "detail")
        if detail.get("control"):
            yield CONTROL + str(detail["control"])
        for fix in detail.get("cves") or ():
            name = fix.get("id") if isinstance(fix, Mapping) else fix
            if name:
                yield CVE + str(name)


def _by_hand(plan: Json) -> Iterator[str]:
    for keys, _ in _told_aside(plan, "manual"):
        yield from keys


def _asides(plan: Json) -> dict[str, PlanAside]:
    found: dict[str, PlanAside] = {}
    for keys, aside in (*_told_aside(plan, "manual"), *_told_aside(plan, "left_out")):
        reason = table(aside, "reason")
        why = Message.from_json(reason) if reason.get("text") else Message("")
        for key in keys:
            found.setdefault(key, PlanAside(str(aside.get("kind") or ""), why))
    return found


def _told_aside(plan: Json, name: str) -> Iterator[tuple[tuple[str, str], Json]]:
    """Keys of findings, and what is said of them; a control's own key stands without a prefix."""
    for aside in map(table, table(plan, "given").get(name) or ()):
        key = str(aside.get("key") or "")
        if key:
            yield (key, CONTROL + key), aside


def _reboots(plan: Json) -> Iterator[str]:
    for item in plan.get("items") or ():
        detail = table(item, "detail")
        if detail.get("reboot") is True:
            yield str(detail.get("control"))


def _verdicts(entry: Json) -> Iterator[tuple[str, Json]]:
    for row in table(entry, "evidence", "hardening").get("controls") or ():
        control = table(row)
        if control.get("control"):
            yield str(control["control"]), table(control, "after")


def _items(plan: Json) -> dict[str, tuple[Json, ...]]:
    """Steps by the control they are of."""
    found: dict[str, tuple[Json, ...]] = {}
    for item in plan.get("items") or ():
        control = str(table(item, "detail").get("control") or "")
        step = {name: item.get(name) for name in ("key", "before", "after")}
        found[control] = (*found.get(control, ()), step)
    return found


def _moment(value: Json, *path: str) -> datetime | None:
    """A moment as records keep it: ``{"utc", "local"}``, or text."""
    found: Any = value
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    told = found.get("utc") if isinstance(found, Mapping) else found
    with suppress(ValueError, TypeError):
        moment = unstamp(str(told))
        return moment if moment.tzinfo else None
    return None
