"""Before against after on one host: what changed, beside what was planned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opsbook.domains.patching.preflight import some
from opsbook.domains.patching.snapshot import Snapshot, Use
from opsbook.model.message import Message, msg
from opsbook.model.plan import HostPlan

_PASSING = (".scope", ".slice", ".mount", ".device")
_RUNNING = ("running", "listening", "exited", "waiting", "active")
_MOST = 500


def compare(
    before: Snapshot, after: Snapshot, plan: HostPlan, applied: Mapping[str, Any]
) -> dict[str, Any]:
    """The evidence ``patching`` of a record::

    packages            [{package, arch, before, after}]; null: was not there, is gone
    services            {added, removed}: units that run now and did not, and the other way
    listeners, mounts, failed_units, sessions   {added, removed}
    services_restarted, restart_failed  [unit]
    still_old           [{unit, command, packages}]: what still runs old code
    rebooted            true or false
    reboot_due          true or false
    kernel              {before, after}
    conffiles_kept      [path]
    cves_closed         [id]: of the planned packages that are at their version
    predicted_seconds   what the plan foresaw
    """
    return {
        "packages": package_delta(before, after),
        "services": delta(_running(before), _running(after)),
        "listeners": delta(before.listeners, after.listeners),
        "mounts": delta(before.mounts, after.mounts),
        "failed_units": delta(before.failed, after.failed),
        "sessions": delta(before.sessions, after.sessions),
        "services_restarted": _texts(applied.get("restarted")),
        "restart_failed": _texts(applied.get("restart_failed")),
        "still_old": [_use(use) for use in after.stale[:_MOST]],
        "rebooted": applied.get("rebooted") is True,
        "reboot_due": after.boot.pending,
        "kernel": {"before": before.boot.running, "after": after.boot.running},
        "conffiles_kept": _texts(applied.get("conffiles_kept")),
        "cves_closed": closed(after, plan),
        "predicted_seconds": plan.seconds,
    }


def actual(before: Snapshot, after: Snapshot, plan: HostPlan) -> dict[str, dict[str, Any]]:
    """What became of each planned item, and of packages that changed unplanned, by item key."""
    keys = {item.key.removeprefix("package:") for item in plan.items}
    keys |= {f"{row['package']}:{row['arch']}" for row in package_delta(before, after)}
    found = {}
    wanted = {item.key: item.after for item in plan.items}
    for name in sorted(keys):
        was, now = _version(before, name), _version(after, name)
        key = f"package:{name}"
        entry: dict[str, Any] = {"before": was, "after": now, "changed": was != now}
        if key in wanted and now != wanted[key]:
            entry["failed"] = True
        found[key] = entry
    return found


def deviations(facts: Mapping[str, Any], plan: HostPlan) -> tuple[Message, ...]:
    """What came otherwise than planned. ``facts`` is what :func:`compare` made."""
    return (
        *_package_deviations(facts["packages"], plan),
        *_service_deviations(facts, plan),
        *_reboot_deviations(facts, plan),
    )


def package_delta(before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
    """Packages whose version differs; null stands for not installed."""
    rows = []
    for name in sorted(before.installed.keys() | after.installed.keys()):
        was, now = _version(before, name), _version(after, name)
        if was != now:
            package, _, arch = name.rpartition(":")
            rows.append({"package": package, "arch": arch, "before": was, "after": now})
    return rows


def delta(before: Iterable[str], after: Iterable[str]) -> dict[str, list[str]]:
    """What is there now and was not, and the other way."""
    was, now = set(before), set(after)
    return {"added": sorted(now - was)[:_MOST], "removed": sorted(was - now)[:_MOST]}


def closed(after: Snapshot, plan: HostPlan) -> list[str]:
    """CVE ids of the planned packages that are at their planned version."""
    return sorted(
        {
            str(cve["id"])
            for item in plan.items
            if _version(after, item.key.removeprefix("package:")) == item.after
            for cve in item.detail.get("cves", ())
        }
    )


def _version(snapshot: Snapshot, name: str) -> str | None:
    package = snapshot.installed.get(name)
    return package.version if package else None


def _running(snapshot: Snapshot) -> list[str]:
    return [
        unit
        for unit, sub in snapshot.units.items()
        if sub in _RUNNING and not unit.endswith(_PASSING)
    ]


def _use(use: Use) -> dict[str, Any]:
    return {"unit": use.unit, "command": use.command, "packages": list(use.packages)}


def _texts(value: Any) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return sorted(str(text)[:_MOST] for text in value[:_MOST])


def _package_deviations(rows: Iterable[Mapping[str, Any]], plan: HostPlan) -> Iterable[Message]:
    planned = {item.key.removeprefix("package:"): item for item in plan.items}
    for row in rows:
        name = f"{row['package']}:{row['arch']}"
        if name not in planned:
            yield msg(
                "{package} went from {before} to {after}, which was not planned",
                package=name, before=row["before"] or "-", after=row["after"] or "-",
            )  # fmt: skip
        elif row["after"] != planned[name].after:
            yield msg(
                "{package} was planned to be at {planned} and is at {after}",
                package=name, planned=planned[name].after, after=row["after"] or "-",
            )  # fmt: skip


def _service_deviations(facts: Mapping[str, Any], plan: HostPlan) -> Iterable[Message]:
    foreseen = set(plan.given.get("restart_services", ()))
    more = sorted(set(facts["services_restarted"]) - foreseen)
    if more and not facts["rebooted"]:
        yield msg("restarted and not foreseen: {services}", services=some(more))
    if facts["restart_failed"]:
        yield msg("could not be restarted: {services}", services=some(facts["restart_failed"]))
    for key, text in (
        ("services", msg("no longer running: {what}", what=some(facts["services"]["removed"]))),
        ("listeners", msg("no longer listening: {what}", what=some(facts["listeners"]["removed"]))),
        ("mounts", msg("no longer mounted: {what}", what=some(facts["mounts"]["removed"]))),
    ):
        if facts[key]["removed"]:
            yield text
    if facts["failed_units"]["added"]:
        yield msg("units failed: {what}", what=some(facts["failed_units"]["added"]))


def _reboot_deviations(facts: Mapping[str, Any], plan: HostPlan) -> Iterable[Message]:
    expected = bool((plan.given.get("reboot") or {}).get("expected"))
    if facts["rebooted"] and not expected:
        yield msg("it was rebooted, which was not planned")
    if expected and not facts["rebooted"]:
        yield msg("it was not rebooted, which was planned")
    if facts["reboot_due"] and not expected:
        yield msg("a reboot is due")
