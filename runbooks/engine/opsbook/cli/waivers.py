"""Commands: waivers draft, list, show, revoke, export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli import waivers_export
from opsbook.cli.options import EstateOption, JsonOption, LimitOption
from opsbook.cli.standing import revoke_of, tell_drafted
from opsbook.text import tr

if TYPE_CHECKING:
    from datetime import datetime

    from opsbook.approval.waiver import Waiver
    from opsbook.cli.findings_common import Asked
    from opsbook.domains.hardening.waivers.register import Register
    from opsbook.domains.hardening.waivers.usage import Usage

_ENDING_DAYS = 30


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Waivers: findings that are accepted for a while."), no_args_is_help=True
    )
    group.command("draft", help=tr("Draft a waiver; it stands once it is approved."))(_draft)
    group.command("list", help=tr("List waivers, how they stand and what they accept."))(_list)
    group.command("show", help=tr("Show a waiver and what it accepts."))(_show)
    group.command("revoke", help=tr("End a waiver before its time."))(_revoke)
    waivers_export.register_in(group)
    app.add_typer(group, name="waivers")


def _draft(
    estate: EstateOption,
    key: Annotated[
        str, typer.Option("--key", help=tr("The finding: a control, a CVE id, or a key; or *."))
    ],
    category: Annotated[
        str, typer.Option("--category", metavar="WORD", help=tr("Why it may be accepted."))
    ],
    reason: Annotated[str, typer.Option("--reason", help=tr("Why; approvers read it."))],
    owner: Annotated[str, typer.Option("--owner", help=tr("Who answers for it."))],
    until: Annotated[str, typer.Option("--until", metavar="DAY", help=tr("Its last day."))],
    limit: LimitOption = None,
    location: Annotated[
        str | None, typer.Option("--location", help=tr("Only there on the host."))
    ] = None,
    compensating: Annotated[
        str, typer.Option("--compensating", help=tr("What is done instead."))
    ] = "",
    note: Annotated[str, typer.Option("--note", help=tr("What a review of it found."))] = "",
    everything: Annotated[
        bool, typer.Option("--everything", help=tr("Needed with --key '*'."))
    ] = False,
    to_json: JsonOption = False,
) -> int:
    from opsbook.lifecycle.waiver.drafting import WaiverRequest, draft_waiver
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    request = WaiverRequest(
        estate=estate,
        key=key,
        category=category,
        reason=reason,
        owner=owner,
        until=until,
        limit=limit,
        location=location,
        compensating=compensating,
        note=note,
        everything=everything,
    )
    planned = draft_waiver(request, Places.from_env(), SystemClock())
    return tell_drafted(planned, _print, to_json=to_json)


def _list(
    estate: EstateOption,
    ending: Annotated[
        int | None,
        typer.Option("--ending", metavar="DAYS", min=0, help=tr("Only those that end by then.")),
    ] = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.findings_common import asked_estate
    from opsbook.cli.show import as_json
    from opsbook.model.clock import SystemClock

    asked, at = asked_estate(estate), SystemClock().now()
    rows = _rows(asked, at)
    if ending is not None:
        rows = [row for row in rows if row["ends_in_days"] is not None
                and row["ends_in_days"] <= ending]  # fmt: skip
    before, after = _open(asked)
    if to_json:
        as_json({"waivers": list(map(_plain, rows)), "open_without_waivers": before,
                 "open": after})  # fmt: skip
        return
    _print_rows(rows, asked)
    print()
    print(tr("Open findings without waivers: {number}", number=_counted(before)))
    print(tr("Open findings with waivers: {number}", number=_counted(after)))


def _rows(asked: Asked, at: datetime) -> list[dict[str, Any]]:
    """Every waiver of the estate, oldest first, as it stands at ``at``."""
    from opsbook.approval.waiver import KIND, Waiver
    from opsbook.cli.findings_common import open_store
    from opsbook.domains.hardening.waivers.register import open_register
    from opsbook.domains.hardening.waivers.usage import usage
    from opsbook.ledger.changes import as_of
    from opsbook.ledger.dossier import drafted
    from opsbook.ledger.listing import Written

    if not asked.places.ledger.is_file():
        return []
    dossiers = list(drafted(Written(asked.places.ledger), KIND, asked.estate.name))
    listed = [(Waiver.from_plan(dossier["plan"]), as_of(dossier, at)) for dossier in dossiers]
    register = open_register(asked.places, asked.estate, asked.inventory)
    waivers = [waiver for waiver, _ in listed]
    used = usage(open_store(asked), register, waivers, asked.estate.name)
    return [_row(waiver, dossier, register, used[waiver.change], at) for waiver, dossier in listed]


def _row(
    waiver: Waiver, dossier: Mapping[str, Any], register: Register, used: Usage, at: datetime
) -> dict[str, Any]:
    from opsbook.model.clock import stamp

    entry = next((e for e in register.entries if e.waiver.change == waiver.change), None)
    problem = register.problem(entry, at) if entry else None
    stands = dossier["state"] == "standing"
    return {
        "change": waiver.change,
        "state": dossier["state"],
        "counts": stands and problem is None,
        "problem": problem if stands else None,
        "key": waiver.key,
        "hosts": None if waiver.hosts is None else sorted(waiver.hosts),
        "location": waiver.location,
        "category": waiver.category,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "compensating": waiver.compensating,
        "note": waiver.note,
        "until": stamp(waiver.until),
        "ends_in_days": (waiver.until - at).days if stands else None,
        "findings": used.accepts,
        "severities": used.open,
        "needless": stands and used.needless,
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` as JSON."""
    return {**row, "problem": row["problem"].english() if row["problem"] else None}


def _print_rows(rows: list[dict[str, Any]], asked: Asked) -> None:
    from opsbook.cli.show import listing
    from opsbook.cli.words import word
    from opsbook.documents.changes.labels import CATEGORIES, STATES
    from opsbook.domains.hardening.store.model import last_day
    from opsbook.model.clock import unstamp

    shown = [
        row
        | {
            "state": word(STATES, row["state"]),
            "category": word(CATEGORIES, row["category"]),
            "hosts": tr("all") if row["hosts"] is None else len(row["hosts"]),
            "until": last_day(unstamp(row["until"]), asked.estate.zone),
            "told": _told(row),
        }
        for row in rows
    ]
    columns = [("change", tr("change")), ("state", tr("state")), ("key", tr("finding")),
               ("hosts", tr("hosts")), ("category", tr("category")), ("owner", tr("owner")),
               ("until", tr("until")), ("findings", tr("findings")),
               ("told", tr("remark"))]  # fmt: skip
    listing(shown, columns, to_json=False)


def _told(row: Mapping[str, Any]) -> str:
    """What whoever keeps the list has to know of it."""
    from opsbook.text import translate

    if row["problem"] is not None:
        return tr("does not count: {reason}", reason=translate(row["problem"]))
    if row["needless"]:
        return tr("no longer needed: nothing is left to accept")
    if row["ends_in_days"] is not None and row["ends_in_days"] <= _ENDING_DAYS:
        return tr("ends in {days} days", days=row["ends_in_days"])
    return ""


def _open(asked: Asked) -> tuple[dict[str, int], dict[str, int]]:
    """Open findings by severity: as scanners see them, and without what is waived."""
    from opsbook.cli.findings_common import open_store, open_view

    name = asked.estate.name
    return open_store(asked).numbers(name), open_view(asked).numbers(name)


def _counted(numbers: Mapping[str, int]) -> str:
    from opsbook.cli.words import listed, noted, word
    from opsbook.documents.findingwords import SEVERITIES

    each = [f"{word(SEVERITIES, name)} {numbers[name]:,}" for name in SEVERITIES if name in numbers]
    total = f"{sum(numbers.values()):,}"
    return noted(total, listed(each)) if each else total


def _show(
    change: Annotated[str, typer.Argument(help=tr("The waiver, CHG-..."))],
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.findings_common import asked_estate
    from opsbook.cli.show import as_json
    from opsbook.cli.words import labelled, word
    from opsbook.documents.changes.labels import STATES
    from opsbook.ledger.store import open_ledger
    from opsbook.lifecycle.standing import read
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    dossier = read(change, "waiver", open_ledger(places, clock), clock.now())
    (row,) = [row for row in _rows(asked_estate(dossier["directory"]), clock.now())
              if row["change"] == change]  # fmt: skip
    if to_json:
        as_json(dossier | {"waiver": _plain(row)})
        return
    print(labelled(change, word(STATES, dossier["state"])))
    _print(dossier["plan"])
    print(labelled(tr("Accepts now"), _counted(row["severities"])))
    if _told(row):
        print(labelled(tr("Remark"), _told(row)))
    for each in dossier["statements"]:
        if each["counts"]:
            who = f"{each['name']}  {each['principal']}  {each['at']['local'][:16]}"
            print(labelled(tr("Signed"), who))


def _print(plan: Mapping[str, Any]) -> None:
    from opsbook.cli.words import labelled
    from opsbook.documents.changes.waiver import facts
    from opsbook.documents.words import Words, zone_of
    from opsbook.text import current

    words = Words(current(), zone_of(plan["estate"]["timezone"]))
    for label, value in facts(plan, words):
        print(labelled(label, value))


def _revoke(
    change: Annotated[str, typer.Argument(help=tr("The waiver, CHG-..."))],
    reason: Annotated[str, typer.Option("--reason", help=tr("Why."))],
) -> None:
    revoke_of("waiver", change, reason)
    print(tr("{change} is revoked; what it accepted is open again.", change=change))
