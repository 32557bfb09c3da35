"""Envelopes: what a standing approval of a ``standard`` runbook allows. Pure.

An envelope is the plan of a change of kind ``envelope``; what it allows stands under ``envelope``::

    hosts    the hosts on which the runbook may run
    ranges   {parameter: {"values": [..]} | {"minimum": n, "maximum": n} | {"any": true}}
    windows  windows as in plans (:mod:`opsbook.calendars.windows`); one of them has to be open
    limits   {"hosts_per_run": n, "items_per_host": n}
    waves    as in plans: a run takes its hosts no faster
    until    RFC 3339: its end

The code is bound as in every plan (``inputs.code``): when it changes, the envelope has to be signed
again. A run under it makes its own plan and is compared with :func:`outside` before anything is
touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from opsbook.calendars.days import Calendars
from opsbook.calendars.gate import obstacle
from opsbook.model.clock import unstamp
from opsbook.model.message import Message, msg
from opsbook.model.plan import Outlook
from opsbook.model.runbook import Parameter, too_small

ANY_VALUE = "*"
"""In the words of ``--allow``: every value that the runbook allows."""


def read_range(parameter: Parameter, text: str) -> dict[str, Any]:
    """The range that ``text`` means: ``*``, ``1..5`` for whole numbers, or values split by ``|``.

    Raises ValueError saying what is allowed, as the parameter itself does.
    """
    if text == ANY_VALUE:
        return {"any": True}
    if parameter.type == "integer" and ".." in text:
        first, _, last = text.partition("..")
        low, high = int(parameter.read(first)), int(parameter.read(last))
        if high < low:
            raise too_small(parameter.name, low)
        return {"minimum": low, "maximum": high}
    return {"values": [parameter.read(part) for part in text.split("|")]}


def only(value: str | int | bool | None) -> dict[str, Any]:
    """The range of just one value."""
    return {"values": [value]}


def in_range(allowed: Mapping[str, Any], value: Any) -> bool:
    """Whether ``value`` is allowed; ``true`` is not the number 1."""
    if allowed.get("any"):
        return True
    if "values" in allowed:
        return any(type(value) is type(one) and value == one for one in allowed["values"])
    return type(value) is int and allowed["minimum"] <= value <= allowed["maximum"]


def outside(
    envelope: Mapping[str, Any], plan: Mapping[str, Any], calendars: Calendars, now: datetime
) -> list[Message]:
    """Everything in which ``plan`` steps out of ``envelope`` at ``now``; both are whole plans.

    Empty: the plan may be carried out without anybody signing it.
    """
    return [
        *_other_work(envelope, plan),
        *_ended(envelope, now),
        *_hosts(envelope["envelope"], plan),
        *_parameters(envelope["envelope"]["ranges"], plan),
        *_code(envelope, plan),
        *_limits(envelope["envelope"], plan),
        *_time(envelope["envelope"], plan, calendars, now),
    ]


def beforehand(
    envelope: Mapping[str, Any], plan: Mapping[str, Any], calendars: Calendars, now: datetime
) -> list[Message]:
    """As :func:`outside`, for a plan of which the changes are not foreseen yet: what can be told
    before any host is looked at.
    """
    return outside(envelope, {**plan, "host_plans": {}}, calendars, now)


def open_window(
    envelope: Mapping[str, Any], calendars: Calendars, now: datetime, needs: timedelta
) -> Mapping[str, Any]:
    """The window of ``envelope`` in which work may begin now; the first when none is open."""
    windows: Sequence[Mapping[str, Any]] = envelope["envelope"]["windows"]
    opens = (window for window in windows if obstacle(window, calendars, now, needs) is None)
    return next(opens, windows[0])


def _other_work(envelope: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Message]:
    if envelope["estate"]["name"] != plan["estate"]["name"]:
        yield msg("it was made for estate {estate}", estate=envelope["estate"]["name"])
    if envelope["runbook"]["name"] != plan["runbook"]["name"]:
        yield msg("it was made for the runbook {runbook}", runbook=envelope["runbook"]["name"])


def _ended(envelope: Mapping[str, Any], now: datetime) -> Iterator[Message]:
    until = envelope["envelope"]["until"]
    if now >= unstamp(until):
        yield msg("it ended at {until}", until=until)


def _hosts(allowed: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Message]:
    for host in plan["hosts"]:
        if host not in allowed["hosts"]:
            yield msg("{host} is not one of its hosts", host=host)


def _parameters(ranges: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Message]:
    for name, entry in plan["parameters"].items():
        if name not in ranges:
            yield msg("it says nothing of the parameter {name}", name=name)
        elif not in_range(ranges[name], entry["value"]):
            yield msg("{name} may not be {value}", name=name, value=entry["value"])


def _code(envelope: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Message]:
    signed, now = envelope["inputs"]["code"], plan["inputs"]["code"]
    for root in sorted(signed.keys() | now.keys()):
        if signed.get(root) != now.get(root):
            yield msg("the code of {root} changed, so it must be signed again", root=root)


def _limits(allowed: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Message]:
    limits = allowed["limits"]
    changing = {
        host: entry
        for host, entry in plan["host_plans"].items()
        if entry["outlook"] == Outlook.CHANGE
    }
    if len(changing) > limits["hosts_per_run"]:
        yield msg("{number} hosts would change and it allows {limit} in one run",
                  number=len(changing), limit=limits["hosts_per_run"])  # fmt: skip
    for host, entry in changing.items():
        if len(entry["items"]) > limits["items_per_host"]:
            yield msg("{number} changes on {host} and it allows {limit} on one host",
                      number=len(entry["items"]), host=host,
                      limit=limits["items_per_host"])  # fmt: skip
    if dict(plan["waves"]) != dict(allowed["waves"]):
        yield msg("the hosts would be taken in other waves")


def _time(
    allowed: Mapping[str, Any], plan: Mapping[str, Any], calendars: Calendars, now: datetime
) -> Iterator[Message]:
    """Closed only when every window is; the first one tells why."""
    needs = timedelta(seconds=plan.get("seconds", 0))
    closed = [obstacle(window, calendars, now, needs) for window in allowed["windows"]]
    if closed and all(closed) and closed[0] is not None:
        yield closed[0]
