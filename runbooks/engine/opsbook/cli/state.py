"""Commands: state show, backup, restore, upgrade, prune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.ledger.verdict import Verdict

_Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON."))]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True)
    group.command("show", help=tr("Show where the state lies and what is in it."))(_show)
    group.command("backup", help=tr("Write ledger, keys and catalogues to one file."))(_backup)
    group.command("restore", help=tr("Put a backup in the place of the state."))(_restore)
    group.command("upgrade", help=tr("Bring the state of an older opsbook up to date."))(_upgrade)
    group.command("prune", help=tr("Remove details of old runs; records and proof stay."))(_prune)
    app.add_typer(group, name="state", help=tr("The state of opsbook itself."))


def _show(to_json: _Json = False) -> None:
    from opsbook.cli.show import as_json
    from opsbook.cli.words import STATE_PARTS, labelled, listed, word
    from opsbook.model.places import Places
    from opsbook.state.overview import overview

    about = overview(Places.from_env())
    if to_json:
        as_json(about)
        return
    for name, value in about.items():
        shown = listed(value) if isinstance(value, list) else value
        print(labelled(word(STATE_PARTS, name), "" if shown is None else str(shown)))


def _backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=tr("The file to write, .tar.zst."))],
) -> int:
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places
    from opsbook.state.backup import back_up

    made = back_up(Places.from_env(), SystemClock(), file.absolute())
    print(
        tr("{path}: {number} files, read back and compared. It holds the signing key: guard it.",
           path=file, number=len(made.manifest["files"]))
    )  # fmt: skip
    return _conclude(made.verdict)


def _restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=tr("A file of state backup."))],
    replace: Annotated[
        bool, typer.Option("--replace", help=tr("Also in the place of a newer or other state."))
    ] = False,
) -> int:
    from opsbook.cli.words import listed
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places
    from opsbook.state.backup import restore

    places = Places.from_env()
    done = restore(places, SystemClock(), file.absolute(), replace=replace)
    print(tr("Restored to {path}.", path=places.root))
    if done.aside is not None:
        print(tr("The former state lies in {path}.", path=done.aside))
    if done.numbers:
        _tell_numbers(listed(done.numbers), guessed=done.guessed)
    return _conclude(done.verdict)


def _tell_numbers(numbers: str, *, guessed: bool) -> None:
    if guessed:
        print(tr("Nothing here knows which numbers were given out after the backup; new ones go on"
                 " behind {numbers}.", numbers=numbers))  # fmt: skip
    else:
        print(tr("Given out after the backup and not given again, up to: {numbers}.",
                 numbers=numbers))  # fmt: skip


def _upgrade() -> None:
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places
    from opsbook.state.upgrade import upgrade

    done = upgrade(Places.from_env(), SystemClock())
    if done.backup is None:
        print(tr("The state has schema {schema}; there is nothing to do.", schema=done.after))
        return
    print(
        tr("Upgraded from schema {before} to {after}; the former ledger is {path}.",
           before=done.before, after=done.after, path=done.backup)
    )  # fmt: skip


def _prune(
    before: Annotated[
        str, typer.Option("--before", help=tr("Older than 2026-11-21, or than 400d ago."))
    ],
    reason: Annotated[str, typer.Option("--reason", help=tr("Why; kept in the ledger."))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tr("Only count."))] = False,
) -> None:
    from opsbook.cli.moments import moment_of
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    clock = SystemClock()
    ledger = open_ledger(Places.from_env(), clock)
    try:
        count = ledger.prune(moment_of(before, clock.now()), reason=reason, dry_run=dry_run)
    finally:
        ledger.close()
    if dry_run:
        print(tr("Payloads that would be removed: {number}.", number=count))
    else:
        print(tr("Payloads removed: {number}.", number=count))


def _conclude(verdict: Verdict) -> int:
    from opsbook.cli.records_page import print_verdict
    from opsbook.model.exits import Exit

    print_verdict(verdict, ())
    return Exit.FAULT if verdict.bad else Exit.DONE
