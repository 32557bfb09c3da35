"""Commands: lab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.lab import HostState, Lab


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Booted test hosts on this machine."), no_args_is_help=True, add_completion=False
    )
    group.command("up", help=tr("Boot the lab, or repair it; waits until its hosts answer."))(_up)
    group.command("status", help=tr("Show the lab's hosts."))(_status)
    group.command(
        "ssh",
        help=tr("Log in to a lab host, or run a command on it: ssh HOST -- COMMAND"),
        context_settings={"ignore_unknown_options": True},
    )(_ssh)
    group.command("traffic", help=tr("Write numbered lines on every application host."))(_traffic)
    group.command("down", help=tr("Stop and remove the lab's hosts."))(_down)
    app.add_typer(group, name="lab")


def _up(
    hosts: Annotated[
        int | None, typer.Option("--hosts", metavar="N", help=tr("At least this many hosts."))
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="HOST", help=tr("A host that is there only when named.")),
    ] = None,
    updates: Annotated[
        bool, typer.Option("--updates", help=tr("Serve pending updates to the hosts."))
    ] = False,
) -> None:
    lab = _lab()
    _show(lab.up(hosts, also=also or (), updates=updates), to_json=False)
    print(tr("The estate of the lab: {directory}", directory=lab.estate))


def _status(
    to_json: Annotated[bool, typer.Option("--json", help=tr("As JSON."))] = False,
) -> None:
    _show(_lab().hosts(), to_json=to_json)


def _ssh(
    host: Annotated[str, typer.Argument(help=tr("The host."))],
    command: Annotated[
        list[str] | None, typer.Argument(help=tr("The command; without it, a shell."))
    ] = None,
) -> None:
    import os
    import shlex

    words = command or []
    if len(words) > 1:
        words = [shlex.join(words)]
    argv = _lab().ssh_argv(host, words)
    os.execvp(argv[0], argv)  # noqa: S606


def _traffic(
    lines: Annotated[
        int, typer.Option("--lines", min=1, metavar="N", help=tr("How many on each host."))
    ] = 1000,
) -> None:
    from opsbook.model.errors import HostFailed
    from opsbook.model.message import msg

    failed = _lab().traffic(lines)
    if failed:
        host, problem = next(iter(failed.items()))
        raise HostFailed(msg("No traffic on {host}: {problem}", host=host, problem=problem))


def _down(
    purge: Annotated[bool, typer.Option("--purge", help=tr("Remove images and keys too."))] = False,
) -> None:
    _lab().down(purge=purge)


def _lab() -> Lab:
    """The lab of the state directory; ``OPSBOOK_LAB_IMAGES`` lets several share their images."""
    import os
    import sys
    from pathlib import Path

    from opsbook.lab import Lab
    from opsbook.model.places import Places
    from opsbook.text import translate

    shared = os.environ.get("OPSBOOK_LAB_IMAGES")
    return Lab(
        Places.from_env(),
        images=Path(shared).absolute() if shared else None,
        say=lambda message: print(translate(message), file=sys.stderr),
    )


def _show(states: list[HostState], *, to_json: bool) -> None:
    from opsbook.cli.show import listing
    from opsbook.cli.words import HOST_STATES, word
    from opsbook.documents.words import local

    def since(one: HostState) -> str | None:
        if one.since is None:
            return None
        at = one.since.astimezone()
        return at.isoformat(timespec="seconds") if to_json else local(at)

    rows = [
        {
            "host": one.name,
            "address": one.address,
            "state": one.state if to_json else word(HOST_STATES, one.state),
            "since": since(one),
            "boot_id": one.boot_id or None,
            "jump": one.jump or None,
            "reach": f"opsbook lab ssh {one.name}",
        }
        for one in states
    ]
    columns = [("host", tr("host")), ("address", tr("address")), ("state", tr("state")),
               ("since", tr("since")), ("jump", tr("through")),
               ("reach", tr("reach it with"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)
