"""Commands: policy show, check, propose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.approval.inforce import Adopted
    from opsbook.approval.policy import Policy
    from opsbook.lifecycle.deciding.policies import Proposed
    from opsbook.model.estate import Estate
    from opsbook.model.message import Message


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Who may approve: the approver policy of an estate."),
        no_args_is_help=True,
        add_completion=False,
    )
    group.command("show", help=tr("The policy in force, and whether the files agree."))(_show)
    group.command("check", help=tr("Find all faults of the policy's files."))(_check)
    group.command("propose", help=tr("Plan a change of policy to what the files say."))(_propose)
    app.add_typer(group, name="policy")


def _show(estate: EstateOption, to_json: JsonOption = False) -> int:
    from opsbook.approval.inforce import last_adopted
    from opsbook.approval.policy import differences
    from opsbook.approval.policyfiles import read_policy
    from opsbook.cli.show import as_json
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places = Places.from_env()
    declared = _estate(estate)
    adopted = last_adopted(open_ledger(places, SystemClock()), declared.name)
    if adopted is None:
        return _none_in_force(declared, to_json=to_json)
    files = read_policy(declared)
    told = differences(adopted.policy, files) if files.digest != adopted.policy.digest else []
    if to_json:
        as_json(_as_data(adopted) | {"differences": [message.english() for message in told]})
    else:
        _print(adopted, told)
    return Exit.REFUSED if told else Exit.DONE


def _none_in_force(estate: Estate, *, to_json: bool) -> int:
    from opsbook.cli.show import as_json

    if to_json:
        as_json({"estate": estate.name, "digest": None})
    else:
        print(tr("Estate {estate} has no approver policy in force.", estate=estate.name))
        print(tr("opsbook policy propose -e {estate} --reason ... begins one.",
                 estate=estate.name))  # fmt: skip
    return Exit.REFUSED


def _as_data(adopted: Adopted) -> dict[str, Any]:
    from opsbook.model.clock import stamp

    return {
        "change": adopted.change,
        "since": stamp(adopted.at),
        **adopted.policy.to_json(),
    }


def _print(adopted: Adopted, told: list[Message]) -> None:
    from opsbook.approval.sanity import told as quorum
    from opsbook.cli.words import labelled
    from opsbook.documents.words import local
    from opsbook.text import translate

    declared = adopted.policy.declared
    print(tr("In force since {at}, by {change}: {digest}", at=local(adopted.at.astimezone()),
             change=adopted.change, digest=adopted.policy.digest))  # fmt: skip
    _print_people(adopted.policy)
    for rule in declared.rules:
        what = ", ".join((*rule.classes, *rule.risks))
        print(labelled(what, quorum(rule.quorum)))
    print(labelled(tr("An emergency"), f"1 x {declared.emergency.group}"))
    print(labelled(tr("A change of this policy"), quorum(declared.policy)))
    print(labelled(tr("An envelope"), quorum(declared.envelope)))
    print(labelled(tr("A waiver"), quorum(declared.waiver)))
    for message in told:
        print(tr("The files differ: {what}", what=translate(message)))


def _print_people(policy: Policy) -> None:
    from opsbook.approval.signatures import NAMESPACE
    from opsbook.cli.show import listing

    rows = []
    for who in policy.declared.approvers:
        keys = [s.fingerprint for s in policy.signers.lines
                if s.signs(NAMESPACE) and s.is_for(who.principal)]  # fmt: skip
        rows += [{"principal": who.principal, "name": who.name, "groups": ", ".join(who.groups),
                  "accounts": ", ".join(who.accounts), "key": key} for key in keys]  # fmt: skip
    columns = [("principal", tr("Principal")), ("name", tr("Name")), ("groups", tr("Groups")),
               ("accounts", tr("Accounts")), ("key", tr("Key"))]  # fmt: skip
    listing(rows, columns, to_json=False)


def _check(estate: EstateOption, to_json: JsonOption = False) -> int:
    from opsbook.approval.policyfiles import policy_faults
    from opsbook.cli.estates import fault_row
    from opsbook.cli.show import as_json, complain
    from opsbook.model.errors import InputFault
    from opsbook.model.message import msg

    declared = _estate(estate)
    faults = policy_faults(declared, needed=True)
    if to_json:
        as_json({"estate": declared.name, "faults": [fault_row(fault) for fault in faults]})
    elif faults:
        complain(InputFault(msg("Faults of the approver policy of {estate}: {count}.",
                                estate=declared.name, count=len(faults)), faults))  # fmt: skip
    else:
        print(tr("The approver policy of {estate} is in order.", estate=declared.name))
    return Exit.BAD_INPUT if faults else Exit.DONE


def _propose(
    estate: EstateOption,
    reason: Annotated[str, typer.Option("--reason", help=tr("Why; approvers read it."))],
    to_json: JsonOption = False,
) -> int:
    from opsbook.cli.show import as_json, warn
    from opsbook.lifecycle.deciding.policies import propose_policy
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    proposed = propose_policy(estate, reason.strip(), Places.from_env(), SystemClock())
    warn(proposed.problems)
    if to_json:
        told = [message.english() for message in proposed.differences]
        as_json({"change": proposed.change, "first": proposed.first, "differences": told})
    else:
        _print_proposed(proposed)
    return Exit.DONE


def _print_proposed(proposed: Proposed) -> None:
    from opsbook.text import translate

    change = proposed.change
    print(tr("{change} plans a change of the approver policy.", change=change))
    if proposed.first:
        print(tr("THIS IS THE FIRST POLICY: nothing vouches for it but those who sign it now."))
        print(tr("Compare every key in allowed_signers with its owner before it is signed."))
    for message in proposed.differences:
        print(f"  {translate(message)}")
    print(tr("To be signed by the quorum: opsbook approve {change} --key FILE", change=change))
    print(tr("Then put in force with: opsbook apply {change}", change=change))


def _estate(name: str) -> Estate:
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.places import Places

    return load_estate(name, Places.from_env())
