"""Commands: findings import, files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.cli.findings_common import Asked
    from opsbook.domains.hardening.store.importing import Intake, Kept
    from opsbook.model.errors import OpsbookError
    from opsbook.model.exits import Exit


def register_in(group: typer.Typer) -> None:
    """Add the commands of this module to ``group``."""
    group.command("import", help=tr("Take in files of scanners."))(_import)
    group.command("files", help=tr("List the files that were imported."))(_files)


def _import(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=tr("Files as the scanner wrote them."))
    ],
    estate: EstateOption,
    kind: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help=tr("The format, if it is not recognised.")),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="NAME", help=tr("The host, where the file names none.")),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE", help=tr("What the columns of a table mean.")),
    ] = None,
    as_root: Annotated[
        bool,
        typer.Option("--as-root", help=tr("The scanner was root, where the file does not tell.")),
    ] = False,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.findings_common import asked_estate

    asked = asked_estate(estate)
    options = _options(asked, host, mapping) | ({"as_root": True} if as_root else {})
    kind = _format(kind, mapping)
    told, codes = [], []
    for file in files:
        kept = _one(file, asked, kind, options)
        told.append(_as_json(file, kept))
        codes.append(_code(kept))
        if not to_json:
            _show(file, kept, asked)
    _tell_ledger(asked)
    if to_json:
        from opsbook.cli.show import as_json

        as_json(told)
    raise typer.Exit(_exit(codes))


def _format(kind: str | None, mapping: Path | None) -> str | None:
    """The format that was asked for; columns are described only of tables. Raises UsageFault."""
    from opsbook.domains.hardening.reading import formats
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    kind = kind or ("table" if mapping else None)
    if kind:
        formats.named(kind)
    if mapping and kind != "table":
        raise UsageFault(
            msg("--mapping describes a table and does not go with the format {name}.", name=kind),
            untouched=msg("Nothing was imported."),
        )
    return kind


def _options(asked: Asked, host: str | None, mapping: Path | None) -> dict[str, object]:
    """What people say of the files. Raises UsageFault for a host that the estate has not."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    options: dict[str, object] = {}
    if host is not None:
        if host not in {one.name for one in asked.inventory.hosts}:
            raise UsageFault(
                msg("Estate {estate} has no host {host}.", estate=asked.estate.name, host=host),
                untouched=msg("Nothing was imported."),
                next_step=msg("opsbook estate check -e {estate} lists its hosts.",
                              estate=asked.estate.name),
            )  # fmt: skip
        options["host"] = host
    if mapping is not None:
        from opsbook.domains.hardening.reading.mapping import read_mapping

        options["mapping"] = read_mapping(mapping)
    return options


def _one(
    file: Path, asked: Asked, kind: str | None, options: Mapping[str, object]
) -> Kept | OpsbookError:
    """What became of one file; a bad one does not hold up the others."""
    from opsbook.domains.hardening.store.arriving import import_file
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import OpsbookError

    hear, done = _progress(file)
    try:
        return import_file(
            file, _intake(asked), SystemClock(), format=kind, options=options, progress=hear
        )
    except OpsbookError as error:
        return error
    finally:
        done()


def take_in(file: Path, asked: Asked) -> Kept:
    """One file into the store, and told to the ledger. Raises as ``import_file``."""
    from opsbook.domains.hardening.store.arriving import import_file
    from opsbook.model.clock import SystemClock

    hear, done = _progress(file)
    try:
        kept = import_file(file, _intake(asked), SystemClock(), progress=hear)
    finally:
        done()
    _tell_ledger(asked)
    return kept


def _intake(asked: Asked) -> Intake:
    from opsbook.domains.hardening.store.catalogue import OurControls
    from opsbook.domains.hardening.store.importing import Intake

    return Intake.of(asked.estate, asked.inventory, OurControls(asked.places), asked.places)


def _tell_ledger(asked: Asked) -> None:
    """Only now: the ledger takes more memory than reading a gigabyte."""
    from opsbook.domains.hardening.store.database import Database
    from opsbook.domains.hardening.store.importing import report
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock

    database = Database(asked.places.findings)
    if database.exists:
        report(database, open_ledger(asked.places, SystemClock()))


def _progress(file: Path) -> tuple[Callable[[int], None], Callable[[], None]]:
    """How many rows were read so far, each second, where somebody looks on."""
    if not sys.stderr.isatty():
        return (lambda rows: None), (lambda: None)
    from opsbook.model.message import printable

    name, shown = printable(file.name), [time.monotonic(), 0.0]

    def hear(rows: int) -> None:
        if time.monotonic() - shown[0] > 1:
            shown[:] = [time.monotonic(), 1.0]
            line = tr("{file}: {rows} rows read", file=name, rows=f"{rows:,}")
            print(f"\r{line}", end="", file=sys.stderr, flush=True)

    def done() -> None:
        if shown[1]:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return hear, done


def _as_json(file: Path, kept: Kept | OpsbookError) -> dict[str, Any]:
    from opsbook.domains.hardening.store.importing import Kept
    from opsbook.text import translate

    if isinstance(kept, Kept):
        return {"path": str(file), "imported_before": kept.before, **kept.told}
    return {"path": str(file), "problem": translate(kept.problem), "exit": int(kept.exit)}


def _show(file: Path, kept: Kept | OpsbookError, asked: Asked) -> None:
    from opsbook.cli.show import complain
    from opsbook.domains.hardening.store.importing import Kept

    if not isinstance(kept, Kept):
        complain(kept)
    elif kept.before:
        print(tr("{file} was imported before, as {name}; nothing was added.", file=file,
                 name=kept.told["file"]))  # fmt: skip
    else:
        from opsbook.cli.findings_page import import_page, print_page

        print_page(import_page(kept.told, asked.estate), asked.estate)


def _code(kept: Kept | OpsbookError) -> Exit:
    """A file of which the end could not be read is bad input, although the rest was kept."""
    from opsbook.domains.hardening.store.importing import Kept
    from opsbook.model.exits import Exit

    if not isinstance(kept, Kept):
        return kept.exit
    return Exit.BAD_INPUT if any(one["ends"] for one in kept.told["unreadable"]) else Exit.DONE


def _exit(codes: list[Exit]) -> Exit:
    from opsbook.model.exits import Exit, most_serious

    return most_serious(codes) or max(codes, default=Exit.DONE)


def _files(estate: EstateOption, to_json: JsonOption = False) -> None:
    from opsbook.cli.findings_common import asked_estate
    from opsbook.cli.show import as_json, listing
    from opsbook.domains.hardening.store.database import Database
    from opsbook.domains.hardening.store.store import FindingStore

    asked = asked_estate(estate)
    found = FindingStore(Database(asked.places.findings)).files(asked.estate.name)
    if to_json:
        as_json(found)
        return
    from opsbook.calendars.wallclock import shown

    rows = [
        {
            "number": one["number"],
            "imported": shown(one["imported"], asked.estate.zone),
            "format": ", ".join(dict.fromkeys(scan["format"] for scan in one["scans"]["each"])),
            "hosts": one["hosts"]["matched"],
            "strangers": one["hosts"]["not_matched"],
            "failed": one["rows"]["results"].get("fail", 0),
            "sha256": one["sha256"][:12],
            "file": one["file"],
        }
        for one in found
    ]
    columns = [("number", tr("number")), ("imported", tr("imported")), ("format", tr("format")),
               ("hosts", tr("hosts")), ("strangers", tr("not matched")), ("failed", tr("failures")),
               ("sha256", "SHA-256"), ("file", tr("file"))]  # fmt: skip
    listing(rows, columns, to_json=False)
