"""Commands: envelope draft, list, show, revoke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption, LimitOption
from opsbook.cli.standing import needed_reason, revoke_of, tell_drafted
from opsbook.text import tr


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Envelopes: standing approvals of standard runbooks."), no_args_is_help=True
    )
    group.command("draft", help=tr("Draft an envelope; it stands once it is approved."))(_draft)
    group.command("list", help=tr("List envelopes and how they stand."))(_list)
    group.command("show", help=tr("Show what an envelope allows, and what ran under it."))(_show)
    group.command("revoke", help=tr("End an envelope before its time."))(_revoke)
    app.add_typer(group, name="envelope")


def _draft(
    runbook: Annotated[str, typer.Argument(help=tr("The runbook."))],
    estate: EstateOption,
    reason: Annotated[str, typer.Option("--reason", help=tr("Why; approvers read it."))],
    until: Annotated[str, typer.Option("--until", metavar="DAY", help=tr("Its last day."))],
    limit: LimitOption = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="K=A|B", help=tr("Values: A|B, 1..5 or *; repeatable.")),
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option("--window", metavar="NAME|START/END", help=tr("When; may be repeated.")),
    ] = None,
    hosts: Annotated[
        int | None, typer.Option("--most-hosts", min=1, help=tr("Most hosts changed by one run."))
    ] = None,
    items: Annotated[
        int, typer.Option("--most-items", min=1, help=tr("Most changes on one host."))
    ] = 10,
    cap: Annotated[int | None, typer.Option("--cap", min=1, help=tr("Most hosts a wave."))] = None,
    to_json: JsonOption = False,
) -> int:
    from opsbook.cli.options import pairs
    from opsbook.lifecycle.envelope.envelopes import EnvelopeRequest, draft_envelope
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    request = EnvelopeRequest(
        runbook=runbook.replace("-", "_"),
        estate=estate,
        reason=needed_reason(reason),
        until=until,
        limit=limit,
        allow=pairs(allow or [], "--allow"),
        windows=window or [],
        waves={"cap": cap} if cap else {},
        hosts_per_run=hosts,
        items_per_host=items,
    )
    planned = draft_envelope(request, Places.from_env(), SystemClock())
    return tell_drafted(planned, _print, to_json=to_json)


def _list(
    estate: Annotated[
        str | None, typer.Option("-e", "--estate", help=tr("Only this estate."))
    ] = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.cli.words import word
    from opsbook.documents.changes.labels import STATES
    from opsbook.ledger.changes import as_of
    from opsbook.ledger.store import open_ledger
    from opsbook.lifecycle.envelope.envelopes import envelopes
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    found = envelopes(open_ledger(places, clock), _name(estate, places))
    rows = [_row(as_of(dossier, clock.now())) for dossier in found]
    if not to_json:
        rows = [row | {"state": word(STATES, row["state"])} for row in rows]
    columns = [("change", tr("change")), ("state", tr("state")), ("estate", tr("estate")),
               ("runbook", tr("runbook")), ("hosts", tr("hosts")), ("until", tr("until")),
               ("runs", tr("runs")), ("refused", tr("refused"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)


def _name(estate: str | None, places: Any) -> str:
    from opsbook.execution.declared.declarations import load_estate

    return load_estate(estate, places).name if estate else ""


def _row(dossier: Mapping[str, Any]) -> dict[str, Any]:
    plan = dossier["plan"]
    return {
        "change": dossier["change"],
        "state": dossier["state"],
        "estate": plan["estate"]["name"],
        "runbook": plan["runbook"]["name"],
        "hosts": len(plan["envelope"]["hosts"]),
        "until": _local(plan["envelope"]["until"], plan["estate"]["timezone"]),
        "runs": len(dossier["runs"]),
        "refused": len(dossier["refusals"]),
    }


def _local(stamp: str, zone: str) -> str:
    from zoneinfo import ZoneInfo

    from opsbook.calendars.wallclock import shown
    from opsbook.model.clock import unstamp

    return shown(unstamp(stamp), ZoneInfo(zone))


def _show(
    change: Annotated[str, typer.Argument(help=tr("The envelope, CHG-..."))],
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.cli.words import labelled, word
    from opsbook.documents import labels
    from opsbook.documents.changes.labels import STATES
    from opsbook.documents.words import local
    from opsbook.ledger.store import open_ledger
    from opsbook.lifecycle.standing import read
    from opsbook.model.clock import SystemClock, unstamp
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    dossier = read(change, "envelope", open_ledger(places, clock), clock.now())
    if to_json:
        as_json(dossier)
        return
    print(labelled(change, word(STATES, dossier["state"])))
    _print(dossier["plan"])
    for run in dossier["runs"]:
        ended = word(labels.STATES, run["state"])
        print(labelled(tr("Run"), f"{run['run']}  {local(unstamp(run['at']['local']))}  {ended}"))
    for refusal in dossier["refusals"]:
        at = local(unstamp(refusal["at"]["local"]))
        print(labelled(tr("Refused"), f"{at}  {_said(refusal['problem'])}"))


def _print(plan: Mapping[str, Any]) -> None:
    from opsbook.cli.words import labelled, listed
    from opsbook.model.message import printable

    envelope, limits = plan["envelope"], plan["envelope"]["limits"]
    windows = [_said(window["words"]) for window in envelope["windows"]]
    facts = [
        (tr("Runbook"), plan["runbook"]["name"]),
        (tr("Why"), printable(plan["reason"])),
        (tr("Hosts"), listed(envelope["hosts"])),
        *((tr("Parameter"), f"{n}: {_range(r)}") for n, r in envelope["ranges"].items()),
        *((tr("Window"), window) for window in windows),
        (tr("Most hosts changed by one run"), str(limits["hosts_per_run"])),
        (tr("Most changes on one host"), str(limits["items_per_host"])),
        (tr("Until"), _local(envelope["until"], plan["estate"]["timezone"])),
    ]
    for label, value in facts:
        print(labelled(label, value))


def _said(message: Mapping[str, Any]) -> str:
    from opsbook.model.message import Message
    from opsbook.text import translate

    return translate(Message.from_json(message))


def _range(allowed: Mapping[str, Any]) -> str:
    from opsbook.model.message import printable

    if allowed.get("any"):
        return tr("whatever the runbook allows")
    if "values" in allowed:
        return " | ".join(printable(str(value)) for value in allowed["values"])
    return f"{allowed['minimum']}..{allowed['maximum']}"


def _revoke(
    change: Annotated[str, typer.Argument(help=tr("The envelope, CHG-..."))],
    reason: Annotated[str, typer.Option("--reason", help=tr("Why."))],
) -> None:
    revoke_of("envelope", change, reason)
    print(tr("{change} is revoked; nothing runs under it any more.", change=change))
