"""Commands: patching need, patching bundle export, import, list, serve, sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.cli.options import EstateOption, JsonOption, LimitOption
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from opsbook.domains.patching.bundle.store import Repository
    from opsbook.model.estate import Estate
    from opsbook.model.message import Message

_Output = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help=tr("File to write."))]
_Keyrings = Annotated[
    list[Path] | None,
    typer.Option("--keyring", metavar="FILE",
                 help=tr("Keys of archives that are not Debian's; may be repeated.")),
]  # fmt: skip


def register_in(group: typer.Typer) -> None:
    """Add the commands of this module to the group ``patching``."""
    group.command("need", help=tr("Write what packages an estate has, to be taken outside."))(_need)
    bundle = typer.Typer(
        help=tr("Packages for a site without a way out, in one signed file."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    bundle.command("export", help=tr("Fetch what a need asks for and sign it, outside."))(_export)
    bundle.command("import", help=tr("Check a bundle and keep it for an estate, inside."))(_import)
    bundle.command("list", help=tr("List the bundles that are kept for an estate."))(_list)
    bundle.command("serve", help=tr("Serve an estate's packages to its hosts until stopped."))(
        _serve
    )
    bundle.command("sources", help=tr("Print the package sources that hosts should have."))(
        _sources
    )
    group.add_typer(bundle, name="bundle")


def _need(estate: EstateOption, output: _Output, limit: LimitOption = None) -> None:
    from opsbook.cli.show import complain
    from opsbook.domains.patching.bundle.service import need_of
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.execution.declared.inventory import load_inventory
    from opsbook.execution.reach.shell import HostShell
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import HostFailed
    from opsbook.model.message import msg
    from opsbook.model.places import Places

    _must_be_new(output)
    places = Places.from_env()
    loaded = load_estate(estate, places)
    inventory = load_inventory(loaded, places, limit or "all")
    shell = HostShell(inventory, places)
    need, left = need_of(loaded.name, inventory.hosts, shell, SystemClock())
    for host, reason in left:
        complain(HostFailed(msg("{host} is not in the need: {reason}.", host=host, reason=reason)))
    output.write_bytes(need.to_bytes())
    for system in need.systems:
        print(tr("{system}: hosts: {hosts}, packages: {packages}",
                 system=f"{system.codename} {system.arch}", hosts=system.hosts,
                 packages=len(system.packages)))  # fmt: skip


def _export(
    need: Annotated[Path, typer.Option("--need", metavar="FILE", help=tr("The need of the site."))],
    output: _Output,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help=tr("SSH key to sign with."))],
    since: Annotated[
        Path | None,
        typer.Option("--since", metavar="FILE",
                     help=tr("An earlier bundle, or its manifest.json: only what is new.")),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option("--sources", metavar="FILE",
                     help=tr("Archives other than this machine's, as in sources.list(5).")),
    ] = None,
    keyring: _Keyrings = None,
    tracker: Annotated[
        Path | None,
        typer.Option("--tracker", metavar="FILE", help=tr("A security tracker extract to add.")),
    ] = None,
) -> None:  # fmt: skip
    from opsbook.domains.patching.bundle.export import Order, export
    from opsbook.model.clock import SystemClock

    order = Order(need, output, key, since, sources, tuple(keyring or ()), tracker)
    made = export(order, SystemClock(), _say)
    count = sum(one.kind == "deb" for one in made.manifest.files)
    fresh = sum(one.kind == "deb" for one in made.manifest.carried)
    print(tr("{file}: bundle {bundle}, {size} MB; packages: {count}, of them in this file: {fresh}",
             file=output, bundle=made.identity[:12], size=round(made.size / 1e6, 1), count=count,
             fresh=fresh))  # fmt: skip


def _import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=tr("The bundle."))],
    estate: EstateOption,
    keyring: _Keyrings = None,
    accept_stale: Annotated[
        bool, typer.Option("--accept-stale", help=tr("Take archives past their date, on record."))
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help=tr("Why stale archives are taken."))
    ] = "",
) -> None:
    from opsbook.domains.patching.bundle.service import import_bundle, tracker_in
    from opsbook.domains.patching.knowledge.importing import import_tracker
    from opsbook.domains.patching.knowledge.store import Knowledge
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock, unstamp
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg
    from opsbook.model.places import Places

    if accept_stale != bool(reason.strip()):
        raise UsageFault(msg("--accept-stale and --reason TEXT go together."),
                         untouched=msg("Nothing was imported."))  # fmt: skip
    loaded, _ = _of(estate)
    places, clock = Places.from_env(), SystemClock()
    ledger = open_ledger(places, clock)
    arrived = import_bundle(file, loaded, places, ledger, clock, keyrings=keyring or (),
                            stale_reason=reason.strip())  # fmt: skip
    extract = tracker_in(arrived)
    if extract and arrived.new:
        import_tracker(extract, store=Knowledge.of(places), ledger=ledger, now=clock.now(),
                       made=unstamp(arrived.manifest.made))  # fmt: skip
    _tell(arrived.note, new=arrived.new)


def _tell(note: Mapping[str, Any], *, new: bool) -> None:
    from opsbook.model.message import Message
    from opsbook.text import translate

    if not new:
        print(tr("Bundle {bundle} is in use already.", bundle=note["bundle"][:12]))
        return
    print(tr("Bundle {bundle} is in use; packages: {count}; signed by {principal}.",
             bundle=note["bundle"][:12], count=note["packages"],
             principal=note["signed_by"]["principal"]))  # fmt: skip
    for one in note["stale"]:
        print(tr("Accepted: {reason}", reason=translate(Message.from_json(one))))
    if not note["archive_checked"]:
        print(tr("The archives' own signatures were not checked: no keyring here. Hosts do."))


def _list(estate: EstateOption, to_json: JsonOption = False) -> None:
    from opsbook.cli.show import listing
    from opsbook.documents.words import local
    from opsbook.domains.patching.bundle.service import kept
    from opsbook.model.clock import unstamp

    loaded, repository = _of(estate)
    current = repository.current()

    def told(note: Mapping[str, Any], in_use: bool) -> dict[str, Any]:
        if to_json:
            return {**note, "in_use": in_use}
        times = {name: local(unstamp(note[name]).astimezone(loaded.zone)) if note[name] else ""
                 for name in ("imported", "made", "valid_until")}  # fmt: skip
        short = {"bundle": note["bundle"][:12], "in_use": tr("yes") if in_use else ""}
        return {**note, **times, **short}

    rows = [told(note, version == current) | {"signer": note["signed_by"]["principal"]}
            for version, note in kept(repository)]  # fmt: skip
    listing(rows, [("bundle", tr("Bundle")), ("in_use", tr("In use")), ("imported", tr("Imported")),
                   ("made", tr("Made")), ("valid_until", tr("Valid until")),
                   ("packages", tr("Packages")), ("signer", tr("Signed by")),
                   ("reason", tr("Reason"))], to_json=to_json)  # fmt: skip


def _serve(
    estate: EstateOption,
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS:PORT", help=tr("Where to listen."))
    ],
) -> None:
    from opsbook.domains.patching.bundle.serve import server
    from opsbook.domains.patching.bundle.service import trees
    from opsbook.model.errors import InputFault
    from opsbook.model.message import msg

    _, repository = _of(estate)
    _in_use(repository, estate)
    host, port = _address(address)
    try:
        serving = server(lambda: trees(repository), host, port)
    except OSError as error:
        raise InputFault(
            msg("Cannot listen on {address}: {reason}", address=address, reason=error.strerror),
            untouched=msg("Nothing is served."),
        ) from error
    print(tr("Serving the packages of estate {estate} on {address}; Ctrl-C ends it.",
             estate=estate, address=address), flush=True)  # fmt: skip
    with serving:
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            return


def _sources(
    estate: EstateOption,
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS:PORT", help=tr("Where it is served."))
    ],
) -> None:
    from opsbook.domains.patching.bundle.client import sources
    from opsbook.domains.patching.bundle.service import kept
    from opsbook.domains.patching.bundle.store import manifest_of

    _, repository = _of(estate)
    current = _in_use(repository, estate)
    _address(address)
    note = kept(repository)[0][1]
    print(sources(manifest_of(current).archives, f"http://{address}", stale=bool(note["stale"])),
          end="")  # fmt: skip


def _of(estate: str) -> tuple[Estate, Repository]:
    from opsbook.domains.patching.bundle.store import Repository
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.places import Places

    places = Places.from_env()
    loaded = load_estate(estate, places)
    return loaded, Repository.of(places, loaded.name)


def _in_use(repository: Repository, estate: str) -> Path:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    current = repository.current()
    if current is None:
        raise UsageFault(
            msg("No bundle was imported for estate {estate}.", estate=estate),
            next_step=msg("opsbook patching bundle import FILE -e {estate}", estate=estate),
        )
    return current


def _address(text: str) -> tuple[str, int]:
    """An IPv4 address and a port. Raises UsageFault."""
    from ipaddress import IPv4Address

    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    host, _, port = text.rpartition(":")
    try:
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(port)
        return str(IPv4Address(host)), int(port)
    except ValueError as error:
        raise UsageFault(
            msg("{address} is not of the form ADDRESS:PORT, for example 192.0.2.7:8181.",
                address=text)
        ) from error  # fmt: skip


def _must_be_new(file: Path) -> None:
    from opsbook.model.errors import Refused
    from opsbook.model.message import msg

    if file.exists():
        raise Refused(msg("{path} exists already.", path=file),
                      untouched=msg("It was left untouched."))  # fmt: skip


def _say(message: Message) -> None:
    import sys

    from opsbook.text import translate

    print(translate(message), file=sys.stderr)
