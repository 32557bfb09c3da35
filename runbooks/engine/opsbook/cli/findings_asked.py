"""Commands: findings list, show, hosts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption, LimitOption
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.cli.findings_common import Asked
    from opsbook.domains.hardening.store.model import Acceptance, Finding, State
    from opsbook.domains.hardening.store.port import Wanted
    from opsbook.domains.hardening.waivers.view import CountedView
    from opsbook.model.estate import Estate

_AT_MOST = 200


def register_in(group: typer.Typer) -> None:
    """Add the commands of this module to ``group``."""
    group.command("list", help=tr("List findings, open and waived ones if nothing else is said."))(
        _list
    )
    group.command("show", help=tr("Show one finding with all that scanners said of it."))(_show)
    group.command("hosts", help=tr("List the hosts that scanners saw, with their findings."))(
        _hosts
    )


def _list(
    estate: EstateOption,
    limit: LimitOption = None,
    severity: Annotated[
        str | None, typer.Option("--severity", metavar="WORD,...", help=tr("Only of these."))
    ] = None,
    state: Annotated[
        str, typer.Option("--state", metavar="WORD,...", help=tr("In these states; or all."))
    ] = "open,waived",
    key: Annotated[
        list[str] | None, typer.Option("--key", help=tr("Only this key; may be repeated."))
    ] = None,
    by_control: Annotated[
        bool | None,
        typer.Option("--control/--manual", help=tr("Only those with a control; or without one.")),
    ] = None,
    number: Annotated[int | None, typer.Option("-n", min=1, help=tr("At most so many."))] = None,
    to_json: JsonOption = False,
) -> None:
    from itertools import islice

    from opsbook.cli.findings_common import asked_estate, open_view, titled

    asked = asked_estate(estate)
    wanted = _wanted(asked, limit, severity, state, key, by_control)
    view = open_view(asked)
    found = view.of_estate(asked.estate.name, wanted)
    if to_json:
        stream(_as_json(one) for one in islice(found, number))
        return
    some = titled(islice(found, number or _AT_MOST), asked)
    shown = [_row(one, asked.estate) for one in some]
    _print(shown, sum(view.numbers(asked.estate.name, wanted).values()))


def _print(rows: list[dict[str, Any]], total: int) -> None:
    from opsbook.cli.show import listing

    columns = [("host", tr("host")), ("severity", tr("severity")), ("state", tr("state")),
               ("key", tr("finding")), ("location", tr("location")),
               ("first_seen", tr("first seen")), ("waiver", tr("waiver")),
               ("title", tr("title"))]  # fmt: skip
    columns = [(name, heading) for name, heading in columns
               if name not in ("location", "waiver") or any(row[name] for row in rows)]  # fmt: skip
    listing(rows, columns, to_json=False)
    if total > len(rows):
        print(tr("These are {shown} of {total}; -n or --json gives more.", shown=len(rows),
                 total=f"{total:,}"))  # fmt: skip


def _wanted(
    asked: Asked,
    limit: str | None,
    severity: str | None,
    state: str,
    keys: list[str] | None,
    by_control: bool | None,
) -> Wanted:
    from opsbook.cli.findings_common import one_of
    from opsbook.documents.findingwords import SEVERITIES
    from opsbook.domains.hardening.store.port import Wanted
    from opsbook.execution.declared.inventory import load_inventory
    from opsbook.model.finding import Severity

    hosts: list[str] = []
    if limit is not None:
        chosen = load_inventory(asked.estate, asked.places, limit)
        hosts = [host.name for host in chosen.hosts]
    severities = one_of(severity, list(SEVERITIES), "--severity")
    return Wanted(
        hosts=hosts,
        states=_states(state),
        severities=[Severity(word) for word in severities],
        keys=[whole for key in keys or () for whole in whole_keys(key)],
        by_control=by_control,
    )


def _states(state: str) -> list[State]:
    from opsbook.cli.findings_common import STATES, one_of
    from opsbook.domains.hardening.store.model import State

    words = one_of(state, [*STATES, "all"], "--state")
    return [] if "all" in words else [State(word) for word in words]


def whole_keys(key: str) -> tuple[str, ...]:
    """A key as typed: whole, or that of a control or a CVE id by itself."""
    return (key, f"control:{key}", f"cve:{key.upper()}")


def _row(finding: Finding, estate: Estate) -> dict[str, Any]:
    from opsbook.cli.findings_common import STATES
    from opsbook.cli.words import word
    from opsbook.documents.findingwords import SEVERITIES

    title = finding.title if len(finding.title) <= 70 else finding.title[:69] + "…"
    host = finding.host if finding.known else tr("{host} (not matched)", host=finding.host)
    return {
        "host": host,
        "severity": word(SEVERITIES, finding.severity),
        "state": word(STATES, finding.state),
        "key": finding.key,
        "location": finding.location,
        "first_seen": finding.first_seen.astimezone(estate.zone).date(),
        "waiver": waiver_words(finding.accepted, estate),
        "title": title,
    }


def waiver_words(accepted: Acceptance | None, estate: Estate) -> str:
    """The number of the waiver, and until when it accepts the finding or that it does no more."""
    if accepted is None:
        return ""
    if accepted.why is not None:
        return tr("{change} no more", change=accepted.change)
    last = accepted.last_day(estate.zone)
    return tr("{change} until {until}", change=accepted.change, until=last)


def _as_json(finding: Finding) -> dict[str, Any]:
    from dataclasses import asdict

    from opsbook.model.clock import stamp

    moments = {name: stamp(getattr(finding, name)) for name in ("first_seen", "last_seen")}
    told = asdict(finding) | moments | {"control": finding.control}
    told["accepted"] = _acceptance(finding)
    told["sightings"] = [
        asdict(one) | {"look": asdict(one.look) | {"at": stamp(one.look.at)}}
        for one in finding.sightings
    ]
    return told


def _acceptance(finding: Finding) -> dict[str, Any] | None:
    from dataclasses import asdict

    from opsbook.model.clock import stamp

    accepted = finding.accepted
    if accepted is None:
        return None
    return asdict(accepted) | {
        "since": stamp(accepted.since),
        "until": stamp(accepted.until),
        "over": stamp(accepted.over) if accepted.over else None,
        "why": accepted.why.english() if accepted.why else None,
    }


def stream(rows: Iterable[dict[str, Any]]) -> None:
    """Print a JSON array, row by row: there may be millions."""
    first = True
    for row in rows:
        sys.stdout.write("[\n" if first else ",\n")
        sys.stdout.write(json.dumps(row, ensure_ascii=False))
        first = False
    sys.stdout.write("[]\n" if first else "\n]\n")


def _show(
    host: Annotated[str, typer.Argument(metavar="HOST", help=tr("The host."))],
    key: Annotated[str, typer.Argument(metavar="KEY", help=tr("The finding."))],
    estate: EstateOption,
    location: Annotated[
        str | None, typer.Argument(metavar="[LOCATION]", help=tr("Where on the host."))
    ] = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.findings_common import asked_estate, open_view, titled

    asked = asked_estate(estate)
    found = list(_found(open_view(asked), asked.estate.name, host, key, location))
    if not found:
        raise _none(host, key, asked)
    if to_json:
        stream(_as_json(one) for one in found)
        return
    from opsbook.cli.findings_page import finding_page, print_page

    for number, finding in enumerate(titled(found, asked)):
        if number:
            print()
        print_page(finding_page(finding, asked.estate), asked.estate)


def _found(
    view: CountedView, estate: str, host: str, key: str, location: str | None
) -> Iterator[Finding]:
    """The finding at ``location``; everywhere if none is given."""
    for whole in whole_keys(key):
        for place in view.places(estate, host, whole) if location is None else (location,):
            one = view.one(estate, host, whole, place)
            if one is not None:
                yield one


def _none(host: str, key: str, asked: Asked) -> Exception:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    return UsageFault(
        msg("There is no finding {key} of {host}.", key=key, host=host),
        next_step=msg("opsbook findings list -e {estate} --state all lists what there is.",
                      estate=asked.estate.name),
    )  # fmt: skip


def _hosts(estate: EstateOption, to_json: JsonOption = False) -> None:
    from opsbook.cli.findings_common import asked_estate, open_view
    from opsbook.cli.show import as_json, listing
    from opsbook.cli.words import word
    from opsbook.documents.findingwords import SEVERITIES
    from opsbook.model.clock import stamp

    asked = asked_estate(estate)
    found = open_view(asked).hosts(asked.estate.name)
    never = sorted({one.name for one in asked.inventory.hosts} - {h["host"] for h in found})
    if to_json:
        rows = [row | {"last_look": stamp(row["last_look"])} for row in found]
        as_json({"hosts": rows, "never_seen": never})
        return
    columns = [("host", tr("host")), *((name, word(SEVERITIES, name)) for name in SEVERITIES),
               ("waived", tr("waived")), ("fixed", tr("fixed")), ("undecided", tr("undecided")),
               ("scans", tr("scans")), ("last", tr("last scanned"))]  # fmt: skip
    listing([_host_row(row, asked.estate) for row in found if row["known"]], columns, to_json=False)
    _strangers([row for row in found if not row["known"]], asked.estate)
    if never:
        from opsbook.cli.words import labelled, listed

        print()
        print(labelled(tr("No scanner saw"), listed(never)))


def _host_row(row: dict[str, Any], estate: Estate) -> dict[str, Any]:
    states = row["states"]
    return {
        "host": row["host"],
        **row["open"],
        "waived": states.get("waived"),
        "fixed": states.get("fixed"),
        "undecided": states.get("undecided"),
        "scans": row["scans"],
        "last": row["last_look"].astimezone(estate.zone).strftime("%Y-%m-%d %H:%M"),
    }


def _strangers(rows: list[dict[str, Any]], estate: Estate) -> None:
    """Hosts that are not matched, and what to write into the inventory to have them matched."""
    from opsbook.cli.findings_page import naming_line
    from opsbook.cli.show import listing

    if not rows:
        return
    print()
    print(tr("Not matched to the inventory; opsbook_names in host_vars says which host is meant:"))
    told = [_host_row(row, estate) | {"line": naming_line(row),
            "open": sum(row["open"].values())} for row in rows]  # fmt: skip
    columns = [("host", tr("host")), ("open", tr("open")), ("last", tr("last scanned")),
               ("line", tr("line to add"))]  # fmt: skip
    listing(told, columns, to_json=False)
