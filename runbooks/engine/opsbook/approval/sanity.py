"""What can never work in an approver policy that is well formed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from opsbook.approval.allowed_signers import Signer
from opsbook.approval.policy import ANY, Approver, Approvers, Policy, Seat
from opsbook.approval.signatures import NAMESPACE
from opsbook.model.message import Message, msg


@dataclass(frozen=True, slots=True)
class Flaw:
    """``path`` in ``approvers.yml``, or the ``line`` of ``allowed_signers`` when there is none."""

    problem: Message
    path: tuple[str | int, ...] = ()
    line: int = 0


def flaws(policy: Policy) -> list[Flaw]:
    """Every rule that cannot be met, every person without a key, every key without a person."""
    declared = policy.declared
    return [
        *_twice(declared.approvers),
        *_unmeetable(declared),
        *_uncovered(declared),
        *_keyless(policy),
        *(Flaw(problem, (), line) for line, problem in policy.signers.problems),
        *_strangers(policy),
    ]


def _twice(approvers: Sequence[Approver]) -> Iterator[Flaw]:
    principals = Counter(who.principal for who in approvers)
    accounts = Counter(account for who in approvers for account in set(who.accounts))
    for place, who in enumerate(approvers):
        if principals[who.principal] > 1:
            yield Flaw(msg("{name} is listed twice", name=who.principal),
                       ("approvers", place, "principal"))  # fmt: skip
        for account in who.accounts:
            if accounts[account] > 1:
                yield Flaw(msg("account {name} is that of two persons", name=account),
                           ("approvers", place, "accounts"))  # fmt: skip
        if ANY in who.groups:
            yield Flaw(msg("no group can be named {name}: it means all of them", name=ANY),
                       ("approvers", place, "groups"))  # fmt: skip


def _unmeetable(declared: Approvers) -> Iterator[Flaw]:
    quorums: list[tuple[tuple[str | int, ...], Sequence[Seat]]] = [
        (("rules", place, "quorum"), rule.quorum) for place, rule in enumerate(declared.rules)
    ]
    quorums.append((("emergency",), [Seat(group=declared.emergency.group)]))
    quorums += [(("policy",), declared.policy), (("envelope",), declared.envelope)]
    quorums += [(("waiver",), declared.waiver)]
    for path, quorum in quorums:
        if not can_meet(quorum, declared.approvers):
            yield Flaw(msg("it can never be met: it asks for {quorum}, and the approvers listed"
                           " are too few", quorum=told(quorum)), path)  # fmt: skip


def can_meet(quorum: Sequence[Seat], approvers: Sequence[Approver]) -> bool:
    """Whether distinct persons can take all seats (augmenting paths in a bipartite graph)."""
    seats = [seat.group for seat in quorum for _ in range(seat.count)]
    taken: dict[int, int] = {}

    def place(seat: int, tried: set[int]) -> bool:
        for person, who in enumerate(approvers):
            if person in tried or (seats[seat] != ANY and seats[seat] not in who.groups):
                continue
            tried.add(person)
            if person not in taken or place(taken[person], tried):
                taken[person] = seat
                return True
        return False

    return all(place(seat, set()) for seat in range(len(seats)))


def told(quorum: Iterable[Seat]) -> str:
    """``2 x client, 1 x any``."""
    return ", ".join(f"{seat.count} x {seat.group}" for seat in quorum)


def _uncovered(declared: Approvers) -> Iterator[Flaw]:
    for class_ in ("standard", "normal"):
        for risk in ("low", "medium", "high"):
            if declared.quorum_for(class_, risk) is None:
                yield Flaw(msg("no rule says who approves {kind} changes of {risk} risk",
                               kind=class_, risk=risk), ("rules",))  # fmt: skip


def _keyless(policy: Policy) -> Iterator[Flaw]:
    lines = _ours(policy)
    for place, who in enumerate(policy.declared.approvers):
        if not any(line.is_for(who.principal) for line in lines):
            yield Flaw(msg("{name} has no key in allowed_signers", name=who.principal),
                       ("approvers", place, "principal"))  # fmt: skip


def _strangers(policy: Policy) -> Iterator[Flaw]:
    known = {who.principal for who in policy.declared.approvers}
    owners: dict[str, str] = {}
    for line in _ours(policy):
        if not line.authority:
            yield from _named(line, known)
            for principal in line.principals:
                owner = owners.setdefault(line.fingerprint, principal)
                if owner != principal:
                    yield Flaw(msg("key {key} is that of two persons", key=line.fingerprint),
                               line=line.line)  # fmt: skip


def _named(line: Signer, known: set[str]) -> Iterator[Flaw]:
    for principal in line.principals:
        if any(sign in principal for sign in "*?!"):
            yield Flaw(msg("{name} is a pattern; write every person on a line of their own",
                           name=principal), line=line.line)  # fmt: skip
        elif principal not in known:
            yield Flaw(msg("{name} has a key and is no approver", name=principal), line=line.line)


def _ours(policy: Policy) -> list[Signer]:
    """Lines that can sign statements; others (of bundles, of files) are not our matter."""
    return [line for line in policy.signers.lines if line.signs(NAMESPACE)]
