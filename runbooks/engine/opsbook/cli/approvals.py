"""Commands: approve, reject, cancel, review."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.cli.options import JsonOption
from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from opsbook.approval.statement import Statement
    from opsbook.lifecycle.deciding.approving import Decided, Desk
    from opsbook.lifecycle.deciding.signing import Wish

_Change = Annotated[str, typer.Argument(help=tr("The change, CHG-..., or an exported plan."))]
_Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", envvar="OPSBOOK_KEY",
                 help=tr("Private key, or the .pub file of a key in your agent.")),
]  # fmt: skip
_Principal = Annotated[
    str | None,
    typer.Option("--principal", metavar="NAME", help=tr("Who decides, as in allowed_signers.")),
]
_Role = Annotated[
    str | None, typer.Option("--role", metavar="GROUP", help=tr("For which group you decide."))
]
_Valid = Annotated[
    str | None,
    typer.Option("--valid", metavar="24h", help=tr("How long the decision is good.")),
]
_StatementFile = Annotated[
    Path | None,
    typer.Option("--statement", metavar="FILE", help=tr("Bring a statement made elsewhere.")),
]
_SignatureFile = Annotated[
    Path | None,
    typer.Option("--signature", metavar="FILE", help=tr("The signature of that statement.")),
]
_Only = Annotated[
    bool,
    typer.Option("--statement-only", help=tr("Write the statement; sign it with ssh-keygen.")),
]
_Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE",
                 help=tr("Write statement (and FILE.sig) here.")),
]  # fmt: skip
_Yes = Annotated[bool, typer.Option("--yes", help=tr("Sign without being asked."))]
_Reason = Annotated[str, typer.Option("--reason", help=tr("Why; it stands in the record."))]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command("approve", help=tr("Approve a change by signing its plan."))(_approve)
    app.command("reject", help=tr("Reject a change; it can never be applied."))(_reject)
    cancelling = tr("Withdraw a change, or close a run that was stopped.")
    app.command("cancel", help=cancelling)(_cancel)
    app.command("review", help=tr("Review an emergency after it ended."))(_review)


@dataclass(frozen=True)
class _Asked:
    """The words of the command line, as far as approve, reject and review share them."""

    change: str
    key: Path | None
    statement: Path | None
    signature: Path | None
    only: bool
    output: Path | None
    yes: bool
    to_json: bool


def _approve(
    change: _Change, key: _Key = None, principal: _Principal = None, role: _Role = None,
    reason: Annotated[str, typer.Option("--reason", help=tr("A remark for the record."))] = "",
    valid: _Valid = None, statement: _StatementFile = None, signature: _SignatureFile = None,
    only: _Only = False, output: _Output = None, yes: _Yes = False, to_json: JsonOption = False,
) -> int:  # fmt: skip
    asked = _Asked(change, key, statement, signature, only, output, yes, to_json)
    return _decide(asked, "approve", reason, principal, role, valid)


def _reject(
    change: _Change, reason: _Reason = "", key: _Key = None, principal: _Principal = None,
    role: _Role = None, valid: _Valid = None, statement: _StatementFile = None,
    signature: _SignatureFile = None, only: _Only = False, output: _Output = None,
    yes: _Yes = False, to_json: JsonOption = False,
) -> int:  # fmt: skip
    asked = _Asked(change, key, statement, signature, only, output, yes, to_json)
    return _decide(asked, "reject", _needed(reason, statement), principal, role, valid)


def _review(
    change: _Change, reason: _Reason = "", key: _Key = None, principal: _Principal = None,
    role: _Role = None, valid: _Valid = None, statement: _StatementFile = None,
    signature: _SignatureFile = None, only: _Only = False, output: _Output = None,
    yes: _Yes = False, to_json: JsonOption = False,
) -> int:  # fmt: skip
    asked = _Asked(change, key, statement, signature, only, output, yes, to_json)
    return _decide(asked, "review", _needed(reason, statement), principal, role, valid)


def _cancel(
    number: Annotated[
        str, typer.Argument(help=tr("The change, CHG-..., or a run without one, RUN-..."))
    ],
    reason: _Reason = "",
    to_json: JsonOption = False,
) -> int:
    from opsbook.cli.progress import watcher_for
    from opsbook.lifecycle.change.applying import cancel_change
    from opsbook.lifecycle.resuming import give_up
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    why, clock = _needed(reason, None), SystemClock()
    with watcher_for(clock, to_json=to_json) as watcher:
        if number.startswith("RUN-"):
            give_up(number, why, Places.from_env(), clock, watcher)
            return Exit.DONE
        decided = cancel_change(number, why, Places.from_env(), clock, watcher)
    return _tell(decided, None, to_json=to_json)


def _decide(
    asked: _Asked, decision: str, reason: str, principal: str | None, role: str | None,
    valid: str | None,
) -> int:  # fmt: skip
    from opsbook.approval.statement import Decision
    from opsbook.lifecycle.change.comparing import is_file
    from opsbook.lifecycle.deciding.signing import Wish

    wish = Wish(Decision(decision), reason.strip(), principal, role, _duration(valid))
    if asked.statement is not None or asked.signature is not None:
        return _bring(asked, wish)
    if is_file(asked.change):
        return _away(asked, wish)
    return _here(asked, wish)


def _here(asked: _Asked, wish: Wish) -> int:
    """Sign beside the ledger, and bring the statement at once."""
    from opsbook.cli.changes_page import page_of
    from opsbook.lifecycle.deciding.approving import bring
    from opsbook.lifecycle.deciding.signing import statement_at

    desk = _desk(asked.change)
    if asked.only:
        said = statement_at(desk, wish, asked.key)
        return _write_statement(said, asked)
    key = _key(asked.key)
    said = statement_at(desk, wish, key)
    _confirm(asked, said, lambda: page_of(asked.change, "text"))
    data = said.to_bytes()
    decided = bring(desk, data, desk.signatures.sign(data, key))
    return _tell(decided, wish, to_json=asked.to_json)


def _away(asked: _Asked, wish: Wish) -> int:
    """Sign an exported plan where there is no ledger."""
    from opsbook.approval.signatures import SshSignatures
    from opsbook.cli.changes_page import page_of_plan
    from opsbook.cli.output import write_bytes
    from opsbook.lifecycle.change.comparing import read_plan
    from opsbook.lifecycle.deciding.signing import statement_away
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    clock = SystemClock()
    plan = read_plan(asked.change, Places.from_env(), clock)
    said = statement_away(plan, wish, clock.now())
    if asked.only:
        return _write_statement(said, asked)
    key = _key(asked.key)
    _confirm(asked, said, lambda: page_of_plan(plan))
    data = said.to_bytes()
    signature = SshSignatures().sign(data, key)
    file = _file(said, asked)
    write_bytes(data, file)
    write_bytes(signature.encode(), file.with_name(file.name + ".sig"))
    _say_how_to_bring(said, file)
    return Exit.DONE


def _write_statement(said: Statement, asked: _Asked) -> int:
    """Only the statement, for people who sign with OpenSSH alone."""
    import shlex

    from opsbook.cli.output import write_bytes
    from opsbook.lifecycle.deciding.signing import command_to_sign

    file = _file(said, asked)
    write_bytes(said.to_bytes(), file)
    print(tr("Sign it with: {command}", command=shlex.join(command_to_sign(file))))
    _say_how_to_bring(said, file)
    return Exit.DONE


def _say_how_to_bring(said: Statement, file: Path) -> None:
    import shlex

    words = ["opsbook", str(said.decision), said.change, "--statement", str(file),
             "--signature", f"{file}.sig"]  # fmt: skip
    print(tr("Where the ledger is, bring it with: {command}", command=shlex.join(words)))


def _bring(asked: _Asked, wish: Wish) -> int:
    """Take a statement and its signature, made elsewhere, into the ledger."""
    from opsbook.approval.sshsig import MOST_CHARACTERS
    from opsbook.approval.statement import MOST_BYTES
    from opsbook.lifecycle.deciding.approving import bring
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if asked.statement is None:
        raise UsageFault(
            msg("A signature comes with the statement that was signed."),
            untouched=msg("Nothing was recorded."),
            next_step=msg("Add --statement FILE."),
        )
    signature = asked.signature or asked.statement.with_name(asked.statement.name + ".sig")
    data = _bytes(asked.statement, MOST_BYTES)
    armored = _bytes(signature, MOST_CHARACTERS).decode("ascii", "backslashreplace")
    return _tell(bring(_desk(asked.change), data, armored), wish, to_json=asked.to_json)


def _desk(change: str) -> Desk:
    from opsbook.approval.signatures import SshSignatures
    from opsbook.ledger.store import open_ledger
    from opsbook.lifecycle.deciding.approving import open_desk
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places, clock = Places.from_env(), SystemClock()
    return open_desk(change, open_ledger(places, clock), places, clock, SshSignatures())


def _confirm(asked: _Asked, said: Statement, page: Callable[[], str]) -> None:
    """Show what is decided on and ask. Raises UsageFault where nobody can be asked."""
    import sys

    from opsbook.model.errors import Refused, UsageFault
    from opsbook.model.message import msg

    if asked.yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageFault(
            msg("Signing has to be confirmed, and there is no terminal to ask on."),
            untouched=msg("Nothing was signed."),
            next_step=msg("Read the plan, then add --yes."),
        )
    print(page())
    question = {
        "approve": tr("Approve {change} as {principal} for {role}? Type yes: ",
                      change=said.change, principal=said.principal, role=said.role),
        "reject": tr("Reject {change} as {principal} for {role}? Type yes: ",
                     change=said.change, principal=said.principal, role=said.role),
        "review": tr("Confirm the review of {change} as {principal} for {role}? Type yes: ",
                     change=said.change, principal=said.principal, role=said.role),
    }[str(said.decision)]  # fmt: skip
    if input(question).strip().lower() not in ("yes", "是"):
        raise Refused(msg("Not confirmed."), untouched=msg("Nothing was signed."))


def _tell(decided: Decided, wish: Wish | None, *, to_json: bool) -> int:
    from opsbook.cli.show import as_json, warn
    from opsbook.cli.words import word
    from opsbook.documents.changes.labels import STATES
    from opsbook.text import translate

    warn(decided.problems)
    if to_json:
        as_json({"change": decided.change, "state": str(decided.state),
                 "missing": [message.english() for message in decided.missing]})  # fmt: skip
        return Exit.DONE
    state = word(STATES, decided.state)
    if wish is not None and wish.decision == "review":
        print(tr("{change}: {state}; reviewed", change=decided.change, state=state))
    else:
        print(tr("{change}: {state}", change=decided.change, state=state))
    for message in decided.missing:
        print(f"  {translate(message)}")
    return Exit.DONE


def _key(key: Path | None) -> Path:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if key is None:
        raise UsageFault(
            msg("It is not said with which key to sign."),
            untouched=msg("Nothing was signed."),
            next_step=msg("Add --key ~/.ssh/id_ed25519, or set OPSBOOK_KEY."),
        )
    return key.expanduser()


def _needed(reason: str, statement: Path | None) -> str:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    if not reason.strip() and statement is None:
        raise UsageFault(
            msg("A reason is needed."),
            untouched=msg("Nothing was recorded."),
            next_step=msg("Give it with --reason; it stands in the record."),
        )
    return reason


def _file(said: Statement, asked: _Asked) -> Path:
    return asked.output or Path(f"{said.change}.{said.decision}.json")


def _bytes(file: Path, limit: int) -> bytes:
    from opsbook.model.errors import InputFault
    from opsbook.model.message import msg

    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputFault(
            msg("{file} cannot be read: {reason}", file=file, reason=error.strerror or error),
            untouched=msg("Nothing was recorded."),
        ) from error
    if len(data) > limit:
        raise InputFault(msg("{file} is larger than {limit} bytes.", file=file, limit=limit))
    return data


def _duration(text: str | None) -> timedelta | None:
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
            untouched=msg("Nothing was signed."),
        ) from error
