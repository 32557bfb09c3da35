"""The files of an estate's approver policy: ``approvers.yml`` and ``allowed_signers``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from opsbook.approval.policy import Approvers, Policy, differences
from opsbook.approval.sanity import flaws
from opsbook.execution.declared.explain import check
from opsbook.execution.declared.yamlfile import Document, read_yaml
from opsbook.model.errors import InputFault, Refused
from opsbook.model.estate import Estate
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

FILE, SIGNERS = "approvers.yml", "allowed_signers"
_MOST_BYTES = 1024 * 1024


def read_policy(estate: Estate) -> Policy:
    """What the estate's files say. Raises InputFault with all their faults."""
    policy, faults = _read(estate)
    if policy is None or faults:
        raise InputFault(
            msg("The approver policy of {estate} is faulty.", estate=estate.name),
            faults,
            untouched=msg("Nothing was touched."),
        )
    return policy


def policy_faults(estate: Estate, *, needed: bool = False) -> list[Fault]:
    """Everything wrong with the files; none where the estate has no approver policy, unless one
    is ``needed``.
    """
    if (
        not needed
        and not (estate.directory / FILE).exists()
        and not (estate.directory / SIGNERS).exists()
    ):
        return []
    try:
        return _read(estate)[1]
    except InputFault as fault:
        return list(fault.faults) or [Fault(str(estate.directory / FILE), 0, "", fault.problem)]


def refuse_other_files(estate: Estate, policy: Policy) -> None:
    """Raises Refused, naming the first difference, unless the files say what ``policy`` says."""
    now = read_policy(estate)
    if now.digest != policy.digest:
        raise Refused(
            msg("The files of the approver policy of {estate} are not what is in force: {what}.",
                estate=estate.name, what=_listed(differences(policy, now))),
            untouched=msg("Nothing was touched."),
            next_step=msg("Bring them back, or have the quorum sign the change: opsbook policy"
                          " propose -e {estate} --reason ...", estate=estate.name),
        )  # fmt: skip


def _read(estate: Estate) -> tuple[Policy | None, list[Fault]]:
    """The files and every fault in them. Raises InputFault when they are no files at all."""
    file = estate.directory / FILE
    document = read_yaml(file)
    source = hashlib.sha256((_text(file) or "").encode()).hexdigest()
    declared = check(Approvers, document)
    signers = estate.directory / SIGNERS
    faults = list(document.faults)
    text = _text(signers)
    if text is None:
        faults.append(Fault(str(signers), 0, "", msg("is missing, so nobody can approve; one line"
                            " per approver: principal, kind of key, public key")))  # fmt: skip
    if declared is None or text is None:
        return None, faults
    policy = Policy(document.data, text, f"sha256:{source}")
    return policy, [*faults, *_flaws(policy, document, str(signers))]


def _flaws(policy: Policy, document: Document, signers: str) -> Iterator[Fault]:
    for flaw in flaws(policy):
        if flaw.path:
            yield document.fault(flaw.path, flaw.problem)
        else:
            yield Fault(signers, flaw.line, "", flaw.problem)


def _text(file: Path) -> str | None:
    try:
        data = file.read_bytes()
        if len(data) > _MOST_BYTES:
            raise InputFault(msg("{file} is larger than {limit} bytes.",
                                 file=file, limit=_MOST_BYTES))  # fmt: skip
        return data.decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise InputFault(msg("{file} is not UTF-8.", file=file)) from error
    except OSError as error:
        raise InputFault(
            msg("{file} cannot be read: {reason}", file=file, reason=error.strerror or error)
        ) from error


def _listed(messages: Sequence[Message]) -> Message:
    """The first three of them as one message."""
    if not messages:
        return msg("they are written differently")
    told = messages[0]
    for message in messages[1:3]:
        told = msg("{one}; {more}", one=told, more=message)
    return told if len(messages) <= 3 else msg("{one}; and {count} more", one=told,
                                               count=len(messages) - 3)  # fmt: skip
