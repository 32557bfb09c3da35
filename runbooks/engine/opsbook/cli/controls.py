"""Commands: controls list, controls show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.domains.hardening.controls.schema import Control


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Controls: what opsbook can look at on hosts, judge, set right and undo."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    group.command("list", help=tr("List the controls of the catalogue."))(_list)
    group.command("show", help=tr("Show one control: why, what is wanted, steps, risk, undo."))(
        _show
    )
    app.add_typer(group, name="controls")


def _list(
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME", help=tr("Only those of this baseline.")),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="PATTERN", help=tr("Only these keys; * and ? match any.")),
    ] = None,
    to_json: JsonOption = False,
) -> None:
    from fnmatch import fnmatchcase

    from opsbook.cli.show import listing
    from opsbook.domains.hardening.controls.loader import load_catalogue

    _must_be_known(baseline)
    rows = [
        _row(control)
        for control in load_catalogue().controls.values()
        if (baseline is None or baseline.replace("-", "_") in control.baselines)
        and (key is None or fnmatchcase(control.key, key))
    ]
    if to_json:
        listing(rows, [], to_json=True)
        return
    shown = [row | {name: _word(row[name]) for name in _WORDED} for row in rows]
    columns = [("key", tr("control of the catalogue")), ("title", tr("title")),
               ("severity", tr("severity")), ("done", tr("set right by")),
               ("lockout", tr("may lock out")), ("undo", tr("undo")),
               ("baselines", tr("baselines"))]  # fmt: skip
    listing(shown, columns, to_json=False)


_WORDED = ("severity", "done", "lockout", "undo", "baselines")


def _must_be_known(baseline: str | None) -> None:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if baseline is not None and baseline.replace("-", "_") not in ("cis_l1", "cis_l2", "mlps_3"):
        raise UsageFault(
            msg("There is no baseline {name}.", name=baseline),
            next_step=msg("The baselines are cis_l1, cis_l2 and mlps_3."),
        )


def _row(control: Control) -> dict[str, Any]:
    from opsbook.text import current

    return {
        "key": control.key,
        "title": control.title.in_language(current()),
        "severity": control.severity,
        "done": "steps" if control.steps else "by_hand",
        "lockout": control.risk.lockout,
        "undo": control.undo.kind,
        "baselines": list(control.baselines),
        "references": control.references.model_dump(),
    }


def _word(value: Any) -> str:
    """A value of a row in the reader's language."""
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return tr("yes") if value else ""
    words = {
        "low": tr("low"), "medium": tr("medium"), "high": tr("high"), "none": tr("none"),
        "steps": tr("opsbook"), "by_hand": tr("a person"), "full": tr("full"),
        "partly": tr("partly"),
    }  # fmt: skip
    return words.get(value, str(value))


def _show(
    key: Annotated[str, typer.Argument(metavar="KEY", help=tr("The key of the control."))],
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.domains.hardening.controls.loader import load_catalogue

    control = load_catalogue().find(key)
    if to_json:
        as_json(control.model_dump(by_alias=True, exclude_none=True))
        return
    for name, text in _told(control):
        print(f"{name}: {text}" if name else text)


def _told(control: Control) -> list[tuple[str, str]]:
    from opsbook.text import current

    language = current()
    lines = [("", f"{control.key}  {control.title.in_language(language)}"),
             (tr("why"), control.why.in_language(language)),
             (tr("severity"), _word(control.severity)),
             (tr("baselines"), ", ".join(control.baselines) or "-"),
             (tr("families"), ", ".join(control.families))]  # fmt: skip
    lines += [(name, ", ".join(found)) for name, found in control.references if found]
    site = control.site_values({})
    for name, rule in control.expect.items():
        lines.append((tr("wanted"), f"{name} {rule.wanted(site)}"))
    for name, value in control.values.items():
        default = "-" if value.required else value.default
        lines.append((tr("value"), f"{name} = {default}  {value.help.in_language(language)}"))
    for step in control.steps:
        fields = ", ".join(f"{field}: {said}" for field, said in step.stated.items())
        lines.append((tr("step"), f"{step.kind} ({fields})"))
    if control.by_hand:
        lines.append((tr("by hand"), control.by_hand.in_language(language)))
    return lines + _risk(control, language)


def _risk(control: Control, language: str) -> list[tuple[str, str]]:
    risk = control.risk
    words = [_word(risk.disruption)]
    words += [tr("may lock out")] if risk.lockout else []
    words += [tr("needs a reboot")] if risk.reboot else []
    lines = [(tr("disruption"), ", ".join(words))]
    if risk.workload:
        lines.append((tr("for the workload"), risk.workload.in_language(language)))
    why = control.undo.why
    undo = _word(control.undo.kind)
    lines.append((tr("undo"), f"{undo}: {why.in_language(language)}" if why else undo))
    return lines
