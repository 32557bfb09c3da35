"""The tree of commands. One module per group of commands; each adds itself with ``register``."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main

from opsbook.cli.usage import in_our_words
from opsbook.model.exits import Exit
from opsbook.text import tr

_MODULES = (
    "runs",
    "plan",
    "approvals",
    "policy",
    "envelope",
    "patching",
    "findings",
    "waivers",
    "controls",
    "changes",
    "records",
    "logs",
    "schedule",
    "calendar",
    "estates",
    "state",
    "lab",
)
"""Modules of this room, in the order of the help page."""


def command() -> Any:
    """Build the (click) command ``opsbook`` in the language in use."""
    app = typer.Typer(
        help=tr("Runbooks for government information systems: planned, run, proven, recorded."),
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    for name in _MODULES:
        import_module(f"opsbook.cli.{name}").register(app)
    tree = typer.main.get_command(app)
    in_our_words(tree)
    return tree


def _root(
    context: typer.Context,
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="zh|en", help=tr("Language of messages."))
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help=tr("Show the version and stop."), is_eager=True)
    ] = False,
) -> None:
    if version:
        from opsbook import __version__

        print(f"opsbook {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(Exit.USAGE)
