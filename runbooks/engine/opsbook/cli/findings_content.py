"""Commands: findings content import, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.domains.hardening.content.shelf import Content


def register_in(group: typer.Typer) -> None:
    """Add the commands of this module to ``group``."""
    content = typer.Typer(
        help=tr("Rules for scanners that were brought along (SCAP datastreams)."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    content.command("import", help=tr("Take in rules, if their checksum is right."))(_import)
    content.command("list", help=tr("List the rules that are here, and what hosts they fit."))(
        _list
    )
    group.add_typer(content, name="content")


def _import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=tr("A datastream: .xml, compressed, in a .zip, or in a .deb package."),
        ),
    ],
    sha256: Annotated[
        str, typer.Option("--sha256", metavar="HEX", help=tr("The checksum the file must have."))
    ],
    product: Annotated[
        list[str] | None,
        typer.Option("--product", metavar="NAME", help=tr("Only debian12, rhel9 ...; may be"
                                                          " repeated.")),
    ] = None,
    to_json: JsonOption = False,
) -> None:  # fmt: skip
    from opsbook.cli.show import as_json
    from opsbook.domains.hardening.content.shelf import Shelf, import_content
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    taken = import_content(
        file, sha256, shelf=Shelf(places.content), ledger=open_ledger(places, clock),
        now=clock.now(), products=product or (),
    )  # fmt: skip
    if to_json:
        as_json([one.to_json() for one in taken])
        return
    _print(taken)


def _list(
    estate: Annotated[
        str | None, typer.Option("-e", "--estate", help=tr("Tell what hosts of it each fits."))
    ] = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.domains.hardening.content.shelf import Shelf
    from opsbook.model.places import Places

    contents = Shelf(Places.from_env().content).contents()
    hosts = _hosts(estate) if estate else None
    if to_json:
        as_json([one.to_json() | {"hosts": _fitting(one, hosts)} for one in contents])
        return
    _print(contents, hosts)
    if hosts is not None:
        _without(contents, hosts)


def _print(contents: list[Content], hosts: dict[str, str] | None = None) -> None:
    from opsbook.cli.show import listing

    rows = [
        {
            "name": content.name,
            "version": benchmark.version,
            "systems": ", ".join(map(str, benchmark.systems)),
            "profiles": ", ".join(one.short for one in benchmark.profiles),
            "hosts": ", ".join(_fitting(content, hosts) or []),
            "sha256": content.sha256[:12],
        }
        for content in contents
        for benchmark in content.benchmarks
    ]
    columns = [("name", tr("content")), ("version", tr("version")), ("systems", tr("made for")),
               ("sha256", "SHA-256"), ("profiles", tr("profiles"))]  # fmt: skip
    if hosts is not None:
        columns.insert(3, ("hosts", tr("fits")))
    listing(rows, columns, to_json=False)


def _hosts(estate: str) -> dict[str, str]:
    """Hosts of the estate, and the operating system that scanners told of each, "" if none did."""
    from opsbook.cli.findings_common import asked_estate, open_store
    from opsbook.domains.hardening.content.fitting import system_of

    asked = asked_estate(estate)
    store = open_store(asked)
    found = {}
    for host in asked.inventory.hosts:
        told = [look.system for look in store.looks(asked.estate.name, host.name)]
        known: list[Any] = [system for text in reversed(told) if (system := system_of(text))]
        found[host.name] = str(known[0]) if known else ""
    return found


def _fitting(content: Content, hosts: dict[str, str] | None) -> list[str] | None:
    from opsbook.domains.hardening.content.fitting import system_of

    if hosts is None:
        return None
    return [
        host for host, told in hosts.items()
        if (system := system_of(told)) is not None and content.for_system(system) is not None
    ]  # fmt: skip


def _without(contents: list[Content], hosts: dict[str, str]) -> None:
    """Hosts for which nothing here is made, and those whose system nobody has told yet."""
    from opsbook.cli.words import labelled, listed

    fitting = {host for content in contents for host in _fitting(content, hosts) or ()}
    for title, names in (
        (tr("No rules here for"), [h for h, told in hosts.items() if told and h not in fitting]),
        (tr("System not known yet (opsbook findings scan tells it)"),
         [h for h, told in hosts.items() if not told]),
    ):  # fmt: skip
        if names:
            print(labelled(title, listed(names)))
