"""Command: findings scan."""

from __future__ import annotations

from typing import Annotated

import typer

from opsbook.cli.options import EstateOption, JsonOption, LimitOption
from opsbook.text import tr


def register_in(group: typer.Typer) -> None:
    """Add the command of this module to ``group``."""
    group.command("scan", help=tr("Look at hosts by our own controls, without a scanner."))(_scan)


def _scan(
    estate: EstateOption,
    limit: LimitOption = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME", help=tr("Only controls of this baseline.")),
    ] = None,
    slow: Annotated[
        bool, typer.Option("--slow", help=tr("Also what walks through whole file systems."))
    ] = False,
    to_json: JsonOption = False,
) -> int:
    from opsbook.cli.runs import run_watched
    from opsbook.lifecycle import RunRequest

    settings = {"slow": "true" if slow else "false"}
    if baseline is not None:
        settings["baseline"] = baseline.replace("-", "_")
    request = RunRequest(runbook="control_scan", estate=estate, limit=limit, settings=settings)
    return run_watched(request, to_json=to_json)
