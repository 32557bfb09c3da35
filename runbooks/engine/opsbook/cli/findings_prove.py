"""Command: findings prove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.cli.findings_common import Asked
    from opsbook.ledger.reading import Reader

_SCAN = "scan"
"""What ``--after`` means by itself: look again by our own controls."""


def register_in(group: typer.Typer) -> None:
    """Add the command of this module to ``group``."""
    group.command(
        "prove", help=tr("Prove what became of what was found: the data of a rectification report.")
    )(_prove)


def _prove(
    change: Annotated[str, typer.Argument(metavar="CHG", help=tr("The change, CHG-..."))],
    after: Annotated[
        list[str] | None,
        typer.Option("--after", metavar="FILE|scan", help=tr(
            "Only these later scans count: files to take in, imports by number, or scan to look"
            " again now; may be repeated.")),
    ] = None,
    form: Annotated[str, typer.Option("--form", help=tr("text, json, md or html."))] = "text",
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="zh|en", help=tr("Language of the document."))
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help=tr("Write to this file."))
    ] = None,
) -> None:  # fmt: skip
    from opsbook.cli.findings_common import asked_estate
    from opsbook.cli.options import speaks
    from opsbook.cli.output import write_bytes, write_text
    from opsbook.ledger.listing import open_reader
    from opsbook.model.places import Places
    from opsbook.text import choose, current

    _known(form)
    if lang is not None:
        speaks(lang)
    with open_reader(Places.from_env().ledger) as reader:
        asked = asked_estate(_directory(reader, change))
        chosen = _taken_in(asked, change, after or [])
    with open_reader(asked.places.ledger) as reader:
        data = _proven(reader, asked, change, chosen)
    if form == "json":
        from opsbook.model.canonical import canonical

        write_bytes(canonical(data) + b"\n", output)
        return
    from opsbook.documents.rectification import render_rectification

    language: Any = choose(lang) if lang else current()
    write_text(render_rectification(data, form, language), output)


def _known(form: str) -> None:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if form not in ("text", "json", "md", "html"):
        raise UsageFault(
            msg("A report is made as text, json, md or html, not as {form}.", form=form)
        )


def _directory(reader: Reader, change: str) -> str:
    """Where the estate of the change was read. Raises UsageFault."""
    from opsbook.domains.hardening.proof.proving import carried_out
    from opsbook.model.clock import SystemClock

    dossier, _ = carried_out(reader, change, SystemClock().now())
    return str(dossier["directory"])


def _proven(
    reader: Reader, asked: Asked, change: str, chosen: frozenset[str] | None
) -> dict[str, Any]:
    from opsbook.cli.findings_common import open_store
    from opsbook.domains.hardening.controls.loader import load_catalogue
    from opsbook.domains.hardening.proof.proving import Proving
    from opsbook.domains.hardening.waivers.register import open_register
    from opsbook.model.clock import SystemClock

    waivers = open_register(asked.places, asked.estate, asked.inventory)
    proving = Proving(
        reader, asked.estate, open_store(asked), waivers, load_catalogue().controls,
        SystemClock().now(),
    )  # fmt: skip
    return proving.prove(change, chosen)


def _taken_in(asked: Asked, change: str, after: list[str]) -> frozenset[str] | None:
    """Digests of the files that ``--after`` names, taken in where they are not yet."""
    if not after:
        return None
    found: set[str] = set()
    for name in after:
        if name == _SCAN:
            found |= _scanned(asked, change)
        elif Path(name).is_file():
            found.add(_imported(asked, Path(name)))
        else:
            from opsbook.cli.findings_diff import import_named

            files = open_files(asked)
            found.add(str(import_named(files, name, asked.estate)["sha256"]))
    return frozenset(found)


def open_files(asked: Asked) -> list[dict[str, Any]]:
    """What was imported of the estate, oldest first."""
    from opsbook.domains.hardening.store.database import Database
    from opsbook.domains.hardening.store.store import FindingStore

    return FindingStore(Database(asked.places.findings)).files(asked.estate.name)


def _imported(asked: Asked, file: Path) -> str:
    from opsbook.cli.findings_import import take_in

    return str(take_in(file, asked).told["sha256"])


def _scanned(asked: Asked, change: str) -> set[str]:
    """Look at the hosts of the change by our own controls; what that brought in."""
    from opsbook.cli.progress import watcher_for
    from opsbook.domains.hardening.proof.history import done_on_hosts
    from opsbook.domains.hardening.proof.proving import carried_out
    from opsbook.ledger.listing import open_reader
    from opsbook.lifecycle import RunRequest, run_runbook
    from opsbook.model.clock import SystemClock

    clock = SystemClock()
    with open_reader(asked.places.ledger) as reader:
        hosts = sorted(done_on_hosts(*carried_out(reader, change, clock.now())))
    before = {one["sha256"] for one in open_files(asked)}
    directory = str(asked.estate.directory)
    request = RunRequest(runbook="control_scan", estate=directory, limit=",".join(hosts))
    with watcher_for(clock) as watcher:
        run_runbook(request, asked.places, clock, watcher)
    return {one["sha256"] for one in open_files(asked)} - before
