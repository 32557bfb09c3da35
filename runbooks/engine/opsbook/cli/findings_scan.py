"""Command: findings scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from opsbook.cli.options import EstateOption, JsonOption, LimitOption
from opsbook.text import tr


def register_in(group: typer.Typer) -> None:
    """Add the command of this module to ``group``."""
    group.command("scan", help=tr("Look at hosts by our own controls, or by a scanner they have."))(
        _scan
    )


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
    tool: Annotated[
        str | None,
        typer.Option("--with", metavar="oscap|lynis", help=tr("By this scanner of the hosts.")),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help=tr("Profile of oscap."))
    ] = None,
    content: Annotated[
        str | None,
        typer.Option("--content", metavar="NAME", help=tr("Rules for oscap: auto, host, or the"
                                                          " name of what was imported.")),
    ] = None,
    to_json: JsonOption = False,
) -> int:  # fmt: skip
    from opsbook.cli.runs import run_watched
    from opsbook.lifecycle import RunRequest

    named, ours = {"profile": profile, "content": content}, baseline and baseline.replace("-", "_")
    _only(tool, {"--baseline": tool and baseline, "--slow": tool and slow,
                 "--profile": tool != "oscap" and profile,
                 "--content": tool != "oscap" and content})  # fmt: skip
    settings = named if tool else {"slow": "true" if slow else "false", "baseline": ours}
    given = {name: value for name, value in settings.items() if value is not None}
    request = RunRequest(runbook=_RUNBOOKS[tool], estate=estate, limit=limit, settings=given)
    return run_watched(request, to_json=to_json)


_RUNBOOKS = {None: "control_scan", "oscap": "oscap_scan", "lynis": "lynis_scan"}


def _only(tool: str | None, others: Mapping[str, object]) -> None:
    """Raises UsageFault for a scanner we cannot run, and for options that are not its own."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    untouched = msg("Nothing was started.")
    if tool not in _RUNBOOKS:
        raise UsageFault(
            msg("{tool} is no scanner that can be run in place: oscap, lynis.", tool=tool),
            untouched=untouched,
            next_step=msg("Files of other scanners come in with opsbook findings import."),
        )
    for option, value in others.items():
        if value:
            raise UsageFault(
                msg("{option} does not go with {tool}.", option=option,
                    tool=f"--with {tool}" if tool else msg("our own scan")),
                untouched=untouched,
            )  # fmt: skip
