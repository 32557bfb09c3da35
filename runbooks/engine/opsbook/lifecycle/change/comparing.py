"""Plans as they are kept or exported, and what differs between two of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from opsbook.ledger.dossier import read_dossier
from opsbook.ledger.store import open_ledger
from opsbook.lifecycle.change.admission import Bound, changed_inputs
from opsbook.lifecycle.change.planning import PlanRequest, foresee, set_scene
from opsbook.lifecycle.plan import PLAN_SCHEMA
from opsbook.model.canonical import canonical, parse
from opsbook.model.clock import Clock
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan

_ALWAYS_NEW = frozenset(
    {"change", "made", "expires", "nonce", "requested_by", "inputs", "host_plans", "code_digest"}
)
"""Parts in which any two plans differ, or that are told in words of their own."""

_PARTS = {"change": str, "kind": str, "estate": dict, "reason": str, "made": str, "expires": str,
          "hosts": list, "limit": str}  # fmt: skip
_OF_RUNBOOKS = {"runbook": dict, "parameters": dict, "waves": dict, "window": dict, "inputs": dict,
                "versions": dict, "seconds": int, "host_plans": dict}  # fmt: skip
"""What every plan has, and what those that change hosts have beside."""

_LARGEST_FILE = 256 * 1024 * 1024


def read_plan(name: str, places: Places, clock: Clock) -> dict[str, Any]:
    """The plan of change ``name``, or the one exported to the file ``name``.

    Raises UsageFault when there is neither, InputFault when the file is no exported plan: such a
    file is canonical to the byte, so one that was edited by hand is mostly none.
    """
    if is_file(name):
        return _from_file(Path(name))
    plan: dict[str, Any] = read_dossier(open_ledger(places, clock), name)["plan"]
    return plan


def is_file(name: str) -> bool:
    """Whether ``name`` means a file: it has a path separator or ends in ``.json``.

    ``CHG-20261121-001`` is the change, also where a file of that name lies in the directory.
    """
    return os.sep in name or name.endswith(".json")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageFault(
            msg("{file} cannot be read: {reason}", file=file, reason=reason),
            next_step=msg("A plan is named by its number, CHG-..., or by its exported file."),
        ) from error
    if len(data) > _LARGEST_FILE:
        raise InputFault(msg("{file} is too large for a plan.", file=file))
    try:
        plan = parse(data)
    except (ValueError, RecursionError) as error:
        raise InputFault(
            msg("{file} is not a plan: it is not JSON.", file=file),
            untouched=msg("Nothing was touched."),
            next_step=msg("Export it again: opsbook plan export {change} -o FILE",
                          change="CHG-..."),
        ) from error  # fmt: skip
    if not isinstance(plan, dict) or plan.get("schema") != PLAN_SCHEMA or not plan.get("change"):
        raise InputFault(msg("{file} is not the plan of a change.", file=file))
    if canonical(plan) != data:
        raise InputFault(
            msg("{file} was changed after it was exported: its bytes are not in canonical form.",
                file=file),
            next_step=msg("Export it again: opsbook plan export {change} -o FILE",
                          change=plan["change"]),
        )  # fmt: skip
    if not _whole(plan):
        raise InputFault(
            msg("{file} is not a whole plan: parts of it are missing or are something else.",
                file=file),
            next_step=msg("Export it again: opsbook plan export {change} -o FILE",
                          change=plan["change"]),
        )  # fmt: skip
    return plan


def _whole(plan: Mapping[str, Any]) -> bool:
    """Whether everything is there of which use is made without asking."""
    needed = _PARTS | (_OF_RUNBOOKS if plan.get("kind") == "runbook" else {})
    if not all(isinstance(plan.get(name), kind) for name, kind in needed.items()):
        return False
    try:
        parts = plan.get("host_plans", {})
        made = {host: HostPlan.from_json(host, part) for host, part in parts.items()}
        same = all(one.to_json() == parts[host] for host, one in made.items())
        keys = [item.key for one in made.values() for item in one.items]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return same and all(isinstance(key, str) for key in keys)


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Message]]:
    """What differs, as (place, sentence): first the whole plan, then host by host."""
    found = list(_of_the_whole(was, now))
    before, after = was.get("host_plans", {}), now.get("host_plans", {})
    for host in sorted(before.keys() | after.keys()):
        if host not in after:
            found.append((host, msg("is no longer part of the plan")))
        elif host not in before:
            found.append((host, msg("was not part of the plan")))
        else:
            one, other = (
                HostPlan.from_json(host, before[host]),
                HostPlan.from_json(host, after[host]),
            )
            found += [(host, message) for message in one.differences(other)]
    return found


def plan_as_of_now(plan: Mapping[str, Any], places: Places, clock: Clock) -> dict[str, Any]:
    """The same request planned again today, without a number. Looks at the hosts.

    Raises what planning raises.
    """
    if plan.get("kind") != "runbook":
        raise UsageFault(msg("{change} plans no work on hosts.", change=plan.get("change")))
    request = PlanRequest(
        runbook=plan["runbook"]["name"],
        estate=_whereabouts(plan, places, clock),
        reason=plan["reason"],
        limit=plan["limit"] or None,
        settings=_settings(plan),
        valid=timedelta(hours=1),
    )
    scene = set_scene(request, places, clock)
    hosts = foresee(scene, window=plan["window"])
    bound = Bound(scene.estate, scene.runbook, scene.inventory)
    return {
        **plan,
        "hosts": [host.name for host in scene.inventory.hosts],
        "host_plans": {name: one.to_json() for name, one in hosts.items()},
        "changed": [message.to_json() for message in changed_inputs(plan, bound)],
    }


def _whereabouts(plan: Mapping[str, Any], places: Places, clock: Clock) -> str:
    """The directory of the estate that was planned for; its name where the plan is not ours."""
    try:
        dossier = read_dossier(open_ledger(places, clock), plan["change"])
    except UsageFault:
        return str(plan["estate"]["name"])
    return str(dossier["directory"] if dossier["plan"] == plan else plan["estate"]["name"])


def _settings(plan: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as they were typed; defaults are left to the runbook."""
    return {
        name: str(entry["value"]).lower()
        if isinstance(entry["value"], bool)
        else str(entry["value"])
        for name, entry in plan["parameters"].items()
        if entry["source"] != "default"
    }


def _of_the_whole(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[tuple[str, Message]]:
    for change in now.get("changed", ()):
        yield "plan", Message.from_json(change)
    for name in sorted((was.keys() | now.keys()) - _ALWAYS_NEW - {"changed"}):
        if was.get(name) != now.get(name):
            yield name, msg("was {before} and is {now}", before=_brief(was.get(name)),
                            now=_brief(now.get(name)))  # fmt: skip


def _brief(value: Any) -> str:
    text = canonical(value).decode() if isinstance(value, (dict, list)) else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
