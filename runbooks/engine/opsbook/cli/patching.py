"""Commands: patching seen, patching tracker import, list; the rest in ``patching_bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.cli import patching_bundle
from opsbook.cli.options import EstateOption, JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from opsbook.domains.patching.knowledge.store import Extract


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Patching: versions seen, the security tracker, bundles for sites without a way"
                " out."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    group.command("seen", help=tr("List package versions and since when they are known."))(_seen)
    tracker = typer.Typer(
        help=tr("Extracts of Debian's security tracker: which version closes which CVE."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    tracker.command("import", help=tr("Put an extract in force."))(_import)
    tracker.command("list", help=tr("List the extracts that were imported."))(_list)
    group.add_typer(tracker, name="tracker")
    patching_bundle.register_in(group)
    app.add_typer(group, name="patching")


def _seen(
    estate: EstateOption,
    package: Annotated[str | None, typer.Option("--package", help=tr("Only this package."))] = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.domains.patching.seen import FirstSeen
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places = Places.from_env()
    name = load_estate(estate, places).name
    rows = [
        row.to_json()
        for row in FirstSeen(open_ledger(places, SystemClock()), name).listed()
        if package in (None, row.package)
    ]
    columns = [("since", tr("first seen")), ("package", tr("package")), ("arch", tr("arch")),
               ("version", tr("version")), ("origin", tr("origin")), ("suite", tr("suite")),
               ("event", tr("event"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)


def _import(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help=tr("The tracker's JSON; plain, gzip or xz."))
    ],
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help=tr("What the file must have."))
    ] = None,
    made: Annotated[
        str | None,
        typer.Option("--made", metavar="WHEN",
                     help=tr("Of when the content is; otherwise the file's own time.")),
    ] = None,
    to_json: JsonOption = False,
) -> None:  # fmt: skip
    from datetime import UTC

    from opsbook.cli.moments import moment_of
    from opsbook.cli.show import as_json
    from opsbook.domains.patching.knowledge.importing import import_tracker
    from opsbook.domains.patching.knowledge.store import Knowledge
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    of_when = moment_of(made, clock.now(), UTC) if made else None
    _must_be_there(file)
    extract = import_tracker(
        file,
        store=Knowledge.of(places),
        ledger=open_ledger(places, clock),
        now=clock.now(),
        sha256=sha256,
        made=of_when,
    )
    if to_json:
        as_json(extract.to_json())
        return
    print(
        tr("{facts} facts of {suites} are in force, as of {day}.", facts=extract.facts,
           suites=", ".join(extract.suites), day=extract.made.date())
    )  # fmt: skip


def _list(to_json: JsonOption = False) -> None:
    from opsbook.cli.show import listing
    from opsbook.domains.patching.knowledge.store import Knowledge
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    now = SystemClock().now()
    extracts = Knowledge.of(Places.from_env()).extracts()
    columns = [("made", tr("as of")), ("age_days", tr("age in days")), ("imported", tr("imported")),
               ("in_force", tr("in force")), ("facts", tr("facts")), ("sha256", "SHA-256"),
               ("name", tr("file"))]  # fmt: skip
    listing([_row(extract, now) for extract in extracts], columns, to_json=to_json)


def _row(extract: Extract, now: datetime) -> dict[str, Any]:
    return extract.to_json() | {"age_days": max(0, (now - extract.made).days)}


def _must_be_there(file: Path) -> None:
    from opsbook.model.errors import InputFault
    from opsbook.model.message import msg

    if not file.is_file():
        raise InputFault(
            msg("There is no file {file}.", file=file), untouched=msg("Nothing was imported.")
        )
