"""Commands: records list, show, verify, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.ledger.reading import Reader
    from opsbook.ledger.verdict import Verdict
    from opsbook.model.estate import Witness


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list", help=tr("List runs, the newest first."))(_list)
    group.command("show", help=tr("Show the record of a run or of a change."))(_show)
    group.command("verify", help=tr("Check that nothing in the ledger was changed."))(_verify)
    group.command("export", help=tr("Write a record as JSON, Markdown or HTML."))(_export)
    app.add_typer(group, name="records", help=tr("Records of runs, and the proof of the ledger."))


_Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON."))]
_Number = Annotated[
    str,
    typer.Argument(
        metavar="RUN|CHG", help=tr("The number of a run, RUN-..., or of a change, CHG-...")
    ),
]


def _list(
    estate: Annotated[str, typer.Option("-e", "--estate", help=tr("Only this estate."))] = "",
    runbook: Annotated[str, typer.Option("--runbook", help=tr("Only this runbook."))] = "",
    state: Annotated[
        str,
        typer.Option("--state", help=tr("running, closed, interrupted, refused or missed.")),
    ] = "",
    since: Annotated[
        str, typer.Option("--since", help=tr("Opened since 2026-11-21, or in the last 7d or 12h."))
    ] = "",
    number: Annotated[int, typer.Option("-n", min=1, help=tr("At most so many."))] = 50,
    to_json: _Json = False,
) -> None:
    from itertools import islice

    from opsbook.cli.records_page import columns, row_of
    from opsbook.cli.show import listing
    from opsbook.ledger.listing import find_runs

    with _reader() as reader:
        found = find_runs(
            reader,
            estate=estate,
            runbook=runbook.replace("-", "_"),
            state=state,
            since=_since(since),
        )
        rows = [row_of(line, as_data=to_json) for line in islice(found, number)]
    listing(rows, columns(), to_json=to_json)


def _show(number: _Number, to_json: _Json = False) -> None:
    from opsbook.cli.records_page import print_change, print_record
    from opsbook.cli.show import as_json

    if _is_change(number):
        dossier, records = _change(number)
        as_json(dossier | {"records": records}) if to_json else print_change(dossier, records)
        return
    record = _record(number)
    as_json(record) if to_json else print_record(record)


def _verify(
    to_json: _Json = False,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help=tr("A copied ledger file to check instead."))
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help=tr("The public key that signs its checkpoints."))
    ] = None,
    witness: Annotated[
        list[Path] | None,
        typer.Option("--witness", help=tr("A file of witness lines; may be repeated.")),
    ] = None,
) -> int:
    from opsbook.cli.records_page import print_verdict
    from opsbook.cli.show import as_json
    from opsbook.model.exits import Exit

    verdict, unread = _verdict(ledger, key, witness or [])
    if to_json:
        as_json(verdict.to_json() | {"unread": [each.to_json() for each in unread]})
    else:
        print_verdict(verdict, unread)
    return Exit.FAULT if verdict.bad else Exit.DONE


def _export(
    number: _Number,
    form: Annotated[str, typer.Option("--format", help=tr("json, md or html."))] = "md",
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="zh|en", help=tr("Language of the document."))
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help=tr("Write to this file."))
    ] = None,
) -> None:
    from opsbook.cli.output import write_bytes
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if form not in ("json", "md", "html"):
        raise UsageFault(msg("A record is exported as json, md or html, not as {form}.", form=form))
    rendered = _rendered_change if _is_change(number) else _rendered
    write_bytes(rendered(number, form, lang), output)


def _rendered(run: str, form: str, lang: str | None) -> bytes:
    record = _record(run)
    if form == "json":
        from opsbook.model.record import Record

        return Record(record).to_bytes()
    from opsbook.documents import render

    return render(record, form, _language(lang)).encode()  # type: ignore[arg-type]


def _rendered_change(change: str, form: str, lang: str | None) -> bytes:
    dossier, records = _change(change)
    if form == "json":
        from opsbook.model.canonical import canonical

        return canonical(dossier | {"records": records})
    from opsbook.documents import render_change

    return render_change(dossier, records, form, _language(lang)).encode()  # type: ignore[arg-type]


def _language(lang: str | None) -> Any:
    from opsbook.text import choose, current

    return choose(lang) if lang else current()


def _is_change(number: str) -> bool:
    return number.startswith("CHG-")


def _change(number: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The dossier of a change and the records of its runs."""
    from opsbook.ledger.listing import change_now
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    with _reader() as reader:
        found = change_now(reader, number, SystemClock().now())
    if found is None:
        raise UsageFault(
            msg("There is no change {change}.", change=number),
            next_step=msg("opsbook changes list shows the changes."),
        )
    return found


def _record(run: str) -> dict[str, Any]:
    from opsbook.ledger.listing import record_now
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    with _reader() as reader:
        record = record_now(reader, run)
    if record is None:
        raise UsageFault(
            msg("There is no run {run}.", run=run),
            next_step=msg("opsbook records list shows the runs."),
        )
    return record


def _reader() -> Reader:
    from opsbook.ledger.listing import open_reader
    from opsbook.model.places import Places

    return open_reader(Places.from_env().ledger)


def _since(text: str) -> int:
    from opsbook.cli.moments import moment_of

    if not text:
        return 0
    from opsbook.ledger.chain import micros
    from opsbook.model.clock import SystemClock

    return micros(moment_of(text, SystemClock().now()))


def _verdict(ledger: Path | None, key: Path | None, files: list[Path]) -> tuple[Verdict, list[Any]]:
    """A copied file is held only against what the command line names: what a stranger's ledger
    says about witnesses must not make us read files or call git.
    """
    from opsbook.ledger.audit import audit
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg
    from opsbook.model.places import Places

    places = Places.from_env()
    if ledger is not None and key is None:
        raise UsageFault(
            msg("A copied ledger is checked with its public key."),
            next_step=msg("Add --key checkpoint.pub, taken from the keys directory of its owner."),
        )
    declared = [] if ledger is not None else _declared_witnesses(places)
    return audit(places, ledger=ledger, key=key, files=files, witnesses=declared)


def _declared_witnesses(places: Any) -> list[Witness]:
    """Those of every estate that can be read; an estate with faults has its own command."""
    from opsbook.execution.declared.declarations import list_estates, load_estate
    from opsbook.model.errors import OpsbookError

    found: list[Witness] = []
    for directory in list_estates(places).values():
        try:
            estate = load_estate(str(directory), places)
        except OpsbookError:
            continue
        found += [witness for witness in estate.witnesses if witness not in found]
    return found
