"""Commands: runbooks, show, estate list, estate check, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opsbook.execution.checks.check import Check
    from opsbook.model.base import Bilingual
    from opsbook.model.estate import Estate
    from opsbook.model.faults import Fault
    from opsbook.model.runbook import Parameter, Runbook

_Json = Annotated[bool, typer.Option("--json", help=tr("Print the result as JSON."))]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command("runbooks", help=tr("List all runbooks."))(_runbooks)
    app.command("show", help=tr("Show what a runbook does, before it is run."))(_show)
    estate = typer.Typer(help=tr("Estates: list them, check one."), no_args_is_help=True)
    estate.command("list", help=tr("List all estates."))(_estates)
    estate.command("check", help=tr("Find all faults of an estate; reaches no host."))(_check)
    app.add_typer(estate, name="estate")
    app.command("doctor", help=tr("Check this machine, an estate and the way to its hosts."))(
        _doctor
    )


def _runbooks(to_json: _Json = False) -> int:
    from opsbook.cli.show import complain, listing
    from opsbook.cli.words import word
    from opsbook.documents.labels import CLASSES, RISKS
    from opsbook.execution.declared.declarations import list_runbooks, load_runbook
    from opsbook.model.errors import InputFault

    rows, code = [], Exit.DONE
    for directory in list_runbooks():
        try:
            runbook = load_runbook(directory.name)
        except InputFault as fault:
            complain(fault)
            code = fault.exit
            continue
        row = {
            "name": runbook.name,
            "class": str(runbook.class_) if to_json else word(CLASSES, runbook.class_),
            "risk": runbook.risk.level if to_json else word(RISKS, runbook.risk.level),
            "title": _said(runbook.title),
        }
        rows.append({**row, "directory": str(directory)})
    columns = [("name", tr("Runbook")), ("class", tr("Class")), ("risk", tr("Risk")),
               ("title", tr("Title"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)
    return code


def _show(
    runbook: Annotated[str, typer.Argument(help=tr("The runbook."))], to_json: _Json = False
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.cli.words import labelled
    from opsbook.execution.declared.declarations import load_runbook

    declared = load_runbook(runbook)
    if to_json:
        as_json(declared.model_dump(mode="json", by_alias=True))
        return
    for heading, lines in _page(declared):
        if len(lines) == 1:
            print(labelled(heading, lines[0]))
            continue
        print(tr("{heading}:", heading=heading))
        for line in lines:
            print(f"  {line}")


def _page(book: Runbook) -> list[tuple[str, list[str]]]:
    """Everything a person needs to know before running it."""
    from opsbook.cli.words import labelled, listed, word
    from opsbook.documents.labels import RISKS

    undo = tr("nothing to undo") if book.undo.kind == "none" else tr("by playbook")
    return [
        (tr("Runbook"), [f"{book.name}  {_said(book.title)}"]),
        (tr("Purpose"), [_said(book.purpose)]),
        (tr("Class"), [_class(book)]),
        (tr("Risk"), [labelled(word(RISKS, book.risk.level), _said(book.risk.why))]),
        (tr("Hosts"), [book.targets]),
        (tr("Parameters"), [_parameter(p) for p in book.parameters] or [tr("none")]),
        (tr("Preconditions"), [_said(line) for line in book.preflight] or [tr("none")]),
        (tr("Restore point"), [_restore_point(book)]),
        (tr("Undo"), [labelled(undo, _said(book.undo.why))]),
        (tr("Method"), [_said(book.method)]),
        (tr("Tools"), [labelled(tool.name, _said(tool.use)) for tool in book.tools]),
        (tr("Hosts without Python"), [_without_python(book)]),
        (tr("Waves"), _waves(book)),
        (tr("Verification"), [_verification(book)]),
        (tr("Takes about"), [tr("{usual}, at most {most}", usual=book.predicted_duration,
                                most=book.timeout)]),
        (tr("Records"), [listed(book.records) or tr("none")]),
        (tr("Default schedule"), [_schedule(book)]),
    ]  # fmt: skip


def _said(text: Bilingual) -> str:
    from opsbook.model.message import printable
    from opsbook.text import current

    return printable(text.in_language(current()).strip())


def _restore_point(book: Runbook) -> str:
    from opsbook.cli.words import labelled

    kinds = {"none": tr("none"), "undo_bundle": tr("an undo bundle"), "backup": tr("a backup")}
    return labelled(kinds[book.restore_point.kind], _said(book.restore_point.why))


def _class(book: Runbook) -> str:
    return {
        "routine": tr("routine: reads only"),
        "standard": tr("standard: changes hosts within a signed envelope"),
        "normal": tr("normal: changes hosts, each plan is approved"),
    }[str(book.class_)]


def _parameter(parameter: Parameter) -> str:
    from opsbook.cli.words import TYPES, labelled, noted, word

    notes: list[str] = [word(TYPES, parameter.type)]
    if parameter.choices:
        notes.append(" | ".join(parameter.choices))
    if parameter.minimum is not None:
        notes.append(tr("at least {limit}", limit=parameter.minimum))
    if parameter.maximum is not None:
        notes.append(tr("at most {limit}", limit=parameter.maximum))
    if parameter.required:
        notes.append(tr("required"))
    elif parameter.default is not None:
        notes.append(tr("default {value}", value=str(parameter.default).lower()
                        if isinstance(parameter.default, bool) else parameter.default))  # fmt: skip
    example = tr("for example {example}", example=f"--set {parameter.name}={parameter.example}")
    about = tr("{help} {example}", help=_said(parameter.help), example=example)
    return labelled(noted(parameter.name, *notes), about)


def _without_python(book: Runbook) -> str:
    if book.work.procedure:
        return tr("served as all others")
    if book.work.without_python:
        return tr("served by the script {script}", script=book.work.without_python)
    return tr("skipped")


def _waves(book: Runbook) -> list[str]:
    waves = book.waves
    if waves.first is None:
        lines = [tr("all hosts at once, at most {cap} at a time", cap=waves.cap)]
    else:
        lines = [tr("first {first}, then {factor} times as many each, at most {cap}",
                    first=waves.first, factor=waves.factor, cap=waves.cap)]  # fmt: skip
    if waves.failure_budget is not None:
        lines.append(tr("stops when more than {count} hosts fail", count=waves.failure_budget))
    return lines


def _verification(book: Runbook) -> str:
    if book.verification is None:
        return tr("none")
    if book.verification.on == "control":
        return tr("testinfra suite {suite} on this machine", suite=book.verification.suite)
    return tr("testinfra suite {suite} on each host", suite=book.verification.suite)


def _schedule(book: Runbook) -> str:
    from opsbook.cli.words import DAYS, word

    if book.schedule is None:
        return tr("none")
    return tr("{days} at {time}", days=word(DAYS, book.schedule.days), time=book.schedule.at)


def _estates(to_json: _Json = False) -> int:
    from opsbook.cli.show import complain, listing
    from opsbook.execution.declared.declarations import list_estates, load_estate
    from opsbook.model.errors import InputFault
    from opsbook.model.places import Places

    rows, code, places = [], Exit.DONE, Places.from_env()
    for name, directory in list_estates(places).items():
        try:
            estate = load_estate(str(directory), places)
        except InputFault as fault:
            complain(fault)
            code = fault.exit
            continue
        row = {"name": name, "title": _said(estate.title), "timezone": estate.timezone}
        rows.append({**row, "directory": str(directory)})
    columns = [("name", tr("Estate")), ("title", tr("Title")), ("timezone", tr("Time zone")),
               ("directory", tr("Directory"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)
    return code


def _check(
    estate: Annotated[str, typer.Option("-e", "--estate", help=tr("The estate."))],
    to_json: _Json = False,
) -> int:
    from opsbook.cli.show import as_json, complain
    from opsbook.execution.checks.estatecheck import check_estate
    from opsbook.model.errors import InputFault
    from opsbook.model.message import msg
    from opsbook.model.places import Places

    declared, inventory, faults = check_estate(estate, Places.from_env(), _lists())
    faults += _more_faults(declared)
    if to_json:
        as_json({"estate": estate, "faults": [fault_row(fault) for fault in faults]})
    elif faults:
        complain(InputFault(msg("Faults of estate {estate}: {count}.", estate=estate,
                                count=len(faults)), faults))  # fmt: skip
    else:
        count = len(inventory.hosts) if inventory else 0
        print(tr("Estate {estate} is in order; hosts: {count}.", estate=estate, count=count))
    return Exit.BAD_INPUT if faults else Exit.DONE


def _more_faults(estate: Estate) -> list[Fault]:
    """Faults of what stands beside ``estate.yml``: calendars, and who may approve."""
    from opsbook.approval.policyfiles import policy_faults
    from opsbook.calendars.load import calendar_faults

    return [*calendar_faults(estate), *policy_faults(estate)]


def _lists() -> dict[str, Any]:
    """Variables that are lists of declared things, by the beginning of their names."""
    from opsbook.domains.logs.model import Source

    return {"opsbook_logs_": Source}


def fault_row(fault: Fault) -> dict[str, Any]:
    """A fault as JSON shows it, its problem in the language in use."""
    from opsbook.text import translate

    return {
        "file": fault.file,
        "line": fault.line,
        "path": fault.path,
        "problem": translate(fault.problem),
    }


def _doctor(
    estate: Annotated[str | None, typer.Option("-e", "--estate", help=tr("The estate."))] = None,
    to_json: _Json = False,
) -> int:
    from opsbook.cli.show import as_json
    from opsbook.execution.checks.check import verdict
    from opsbook.execution.checks.controlcheck import check_control
    from opsbook.model.places import Places

    places = Places.from_env()
    checks = check_control(places, lab=estate == "lab")
    if estate is not None:
        checks += _of_estate(estate, places)
    if to_json:
        as_json([_as_row(check) for check in checks])
    else:
        _print_checks(checks)
    return verdict(checks)


def _of_estate(name: str, places: Any) -> list[Check]:
    from opsbook.cli.show import fault_place
    from opsbook.execution.checks.check import Check
    from opsbook.execution.checks.estatecheck import check_estate
    from opsbook.execution.checks.hostcheck import check_hosts
    from opsbook.execution.reach.shell import HostShell
    from opsbook.model.message import msg

    declared, inventory, faults = check_estate(name, places, _lists())
    faults += _more_faults(declared)
    checks = [
        Check("estate", msg("{place}: {problem}", place=fault_place(fault), problem=fault.problem),
              Exit.BAD_INPUT)
        for fault in faults
    ]  # fmt: skip
    if not faults:
        checks.append(Check("estate", msg("the estate's files are in order")))
    if inventory is not None:
        checks += check_hosts(inventory.hosts, HostShell(inventory, places))
    return checks


def _as_row(check: Check) -> dict[str, Any]:
    from opsbook.text import translate

    return {
        "subject": check.subject,
        "good": check.good,
        "what": translate(check.what),
        "mend": translate(check.mend) if check.mend and not check.good else None,
    }


def _print_checks(checks: Sequence[Check]) -> None:
    from opsbook.cli.words import SUBJECTS, labelled, word

    for row in map(_as_row, checks):
        mark = tr("ok   ") if row["good"] else tr("FAULT")
        print(f"{mark}  {labelled(word(SUBJECTS, row['subject']), row['what'])}")
        if row["mend"]:
            print(f"       {row['mend']}")
    bad = sum(not check.good for check in checks)
    if bad:
        print(tr("Checks that found a fault: {count} of {all}.", count=bad, all=len(checks)))
    else:
        print(tr("All checks are well: {all}.", all=len(checks)))
