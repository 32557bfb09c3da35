"""Commands: patching."""

from __future__ import annotations

import typer

from opsbook.cli import patching_bundle
from opsbook.text import tr


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Patching: what sites need, and bundles of packages for them."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    patching_bundle.register_in(group)
    app.add_typer(group, name="patching")
