"""Commands: plan (make, show, explain, diff, export)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from opsbook.cli.options import EstateOption, JsonOption, LimitOption, SetOption
from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from opsbook.lifecycle.numbering import Planned

_MOST_HOSTS = 1_000_000
"""As in :mod:`opsbook.model.runbook`, which is slow to import."""


class _PlanGroup(TyperGroup):
    """``opsbook plan RUNBOOK ...`` is short for ``opsbook plan make RUNBOOK ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where it was left out."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["make", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        cls=_PlanGroup,
        help=tr("Plans of changes: opsbook plan RUNBOOK -e ESTATE makes one."),
        no_args_is_help=True,
        add_completion=False,
    )
    group.command("make", help=tr("Plan a change; nothing is touched."))(_make)
    group.command("explain", help=tr("The page an approver reads before signing."))(_explain)
    group.command("show", help=tr("A plan with everything in it."))(_show)
    group.command("diff", help=tr("What differs between two plans, or from today."))(_diff)
    group.command("export", help=tr("Write a plan to a file, for approvers elsewhere."))(_export)
    app.add_typer(group, name="plan")


def _make(
    runbook: Annotated[str, typer.Argument(help=tr("The runbook."))],
    estate: EstateOption,
    reason: Annotated[str, typer.Option("--reason", help=tr("Why; approvers read it."))],
    limit: LimitOption = None,
    settings: SetOption = None,
    window: Annotated[
        str | None,
        typer.Option("--window", metavar="NAME|START/END", help=tr("When it may be applied.")),
    ] = None,
    valid: Annotated[
        str | None, typer.Option("--valid", metavar="1h30m", help=tr("How long the plan is good."))
    ] = None,
    on_drift: Annotated[
        str,
        typer.Option(
            "--on-drift", metavar="skip|stop",
            help=tr("A host that changed since: leave it out, or stop the run."),
        ),
    ] = "skip",
    first: Annotated[
        int | None,
        typer.Option("--first", min=1, max=_MOST_HOSTS, help=tr("Hosts in the first wave.")),
    ] = None,
    cap: Annotated[
        int | None, typer.Option("--cap", min=1, max=_MOST_HOSTS, help=tr("Most hosts a wave."))
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", min=0, max=_MOST_HOSTS, help=tr("How many hosts may fail.")),
    ] = None,
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help=tr("One approver, short-lived, to be reviewed after.")),
    ] = False,
    to_json: JsonOption = False,
) -> int:  # fmt: skip
    from opsbook.cli.options import pairs
    from opsbook.lifecycle.change.planning import PlanRequest, plan_change
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    waves = {"first": first, "cap": cap, "failure_budget": budget}
    request = PlanRequest(
        runbook=runbook.replace("-", "_"),
        estate=estate,
        reason=_reason(reason),
        limit=limit,
        settings=pairs(settings or []),
        window=window,
        valid=_valid(valid),
        on_drift=_one_of("--on-drift", on_drift, ("skip", "stop")),
        waves={name: value for name, value in waves.items() if value is not None},
        emergency=emergency,
    )
    planned = plan_change(request, Places.from_env(), SystemClock())
    return _tell(planned, to_json=to_json)


def _tell(planned: Planned, *, to_json: bool) -> int:
    from opsbook.cli.changes_page import page_of
    from opsbook.cli.show import as_json, warn

    warn(planned.problems)
    outlooks = [entry["outlook"] for entry in planned.plan["host_plans"].values()]
    unable = 0 if planned.change else outlooks.count("cannot")
    if to_json:
        as_json({"change": planned.change or None, "plan": planned.plan})
    elif planned.change:
        print(page_of(planned.change, "text"))
    else:
        for name, entry in planned.plan["host_plans"].items():
            print(f"{name}: {_why(entry)}")
        if unable:
            print(tr("No change was made: {count} of {all} hosts cannot be changed, for the reasons"
                     " above; on the others there is nothing to do.",
                     count=unable, all=len(outlooks)))  # fmt: skip
        else:
            print(tr("Nothing would change on any host; no change was made."))
    return Exit.REFUSED if unable else Exit.DONE


def _why(entry: Mapping[str, Any]) -> str:
    from opsbook.model.message import Message
    from opsbook.text import translate

    reason = entry.get("reason")
    return translate(Message.from_json(reason)) if reason else tr("nothing to do")


def _explain(
    change: Annotated[str, typer.Argument(help=tr("The change, CHG-..., or an exported plan."))],
    form: Annotated[
        str, typer.Option("--format", metavar="text|html|md", help=tr("Form of the page."))
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help=tr("Write it to this file."))
    ] = None,
) -> None:
    from opsbook.cli.changes_page import page_of
    from opsbook.cli.output import write_text

    form = _one_of("--format", form, ("text", "html", "md"))
    write_text(page_of(change, form), output)


def _show(
    change: Annotated[str, typer.Argument(help=tr("The change, CHG-..., or an exported plan."))],
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.changes_page import page_of
    from opsbook.cli.show import as_json

    if to_json:
        as_json(_plan_of(change))
        return
    print(page_of(change, "text", full=True))


def _diff(
    change: Annotated[str, typer.Argument(help=tr("The change, CHG-..., or an exported plan."))],
    other: Annotated[
        str | None, typer.Argument(help=tr("Another one; without it, the estate as it is now."))
    ] = None,
    to_json: JsonOption = False,
) -> int:
    from opsbook.cli.show import as_json
    from opsbook.lifecycle.change.comparing import differences, plan_as_of_now
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places
    from opsbook.text import translate

    was = _plan_of(change)
    now = _plan_of(other) if other else plan_as_of_now(was, Places.from_env(), SystemClock())
    found = differences(was, now)
    if to_json:
        as_json([{"place": place, "difference": message.english()} for place, message in found])
    else:
        for place, message in found:
            print(tr("{name}: {value}", name=place, value=translate(message)))
        if not found:
            print(tr("Nothing differs."))
    return Exit.DONE


def _export(
    change: Annotated[str, typer.Argument(help=tr("The change, CHG-..."))],
    output: Annotated[Path, typer.Option("-o", "--output", help=tr("Write it to this file."))],
) -> None:
    from opsbook.cli.output import write_bytes
    from opsbook.model.canonical import canonical

    write_bytes(canonical(_plan_of(change)), output)
    print(tr("{file} holds the plan of {change}.", file=output, change=change))


def _plan_of(change: str) -> dict[str, Any]:
    from opsbook.lifecycle.change.comparing import read_plan
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    return read_plan(change, Places.from_env(), SystemClock())


def _reason(text: str) -> str:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if not text.strip():
        raise UsageFault(
            msg("A change needs a reason."),
            untouched=msg("Nothing was planned."),
            next_step=msg("Give it with --reason; approvers read it."),
        )
    return text.strip()


def _valid(text: str | None) -> timedelta | None:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg
    from opsbook.model.runbook import duration

    if text is None:
        return None
    try:
        return duration(text)
    except ValueError as error:
        raise UsageFault(
            msg("--valid {value} is no duration such as 1h30m, 10m or 45s.", value=text),
            untouched=msg("Nothing was planned."),
        ) from error


def _one_of(option: str, word: str, words: tuple[str, ...]) -> str:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if word not in words:
        raise UsageFault(
            msg("{option} is one of: {words}", option=option, words=", ".join(words)),
            untouched=msg("Nothing was planned."),
        )
    return word
