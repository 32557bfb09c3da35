"""Whether it may be said that a host is compliant, and why not. Pure.

That nothing fails is what a scan looks like as well whose rules do not apply, that was not logged
in, that ended in errors or in the middle, or that nobody made. Then the claim is refused, with
the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from opsbook.domains.hardening.content.fitting import System, fits, system_of, system_of_rules
from opsbook.domains.hardening.proof.judging import newest_of_each
from opsbook.domains.hardening.proof.model import OWN, STANDING, HostProof, Outcome
from opsbook.domains.hardening.store.comparison import Why
from opsbook.domains.hardening.store.standing import NOT_APPLICABLE, RESULTS, Taken
from opsbook.domains.hardening.store.store import Looked
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg

MOST_NOT_APPLICABLE = 50
"""Percent of the rules that may not apply, where the estate says nothing else."""

_UNSURE = (RESULTS.index(Result.ERROR), RESULTS.index(Result.UNKNOWN))
_ASIDE = RESULTS.index(Result.INFORMATIONAL)


class Claim(StrEnum):
    """What may be said of a host."""

    COMPLIANT = "compliant"
    NOT_COMPLIANT = "not_compliant"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Said:
    """The claim, and every reason against "compliant"."""

    claim: Claim
    reasons: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rows of one look: ``decided`` pass or fail, ``unsure`` are errors and unknown."""

    rows: int
    decided: int
    not_applicable: int
    unsure: int


def claim_of(proof: HostProof, most_not_applicable: int = MOST_NOT_APPLICABLE) -> Said:
    """What may be said of one host. ``most_not_applicable`` is in percent of the rules."""
    stands = [*_standing(proof)]
    reasons = [*stands, *_unproven(proof)]
    system = system_of_host(proof)
    for look in newest_of_each(proof.after):
        reasons += _weak(look, system, most_not_applicable)
    if stands:
        return Said(Claim.NOT_COMPLIANT, tuple(reasons))
    return Said(Claim.REFUSED, tuple(reasons)) if reasons else Said(Claim.COMPLIANT)


def together(said: Iterable[Said]) -> Claim:
    """The claim about several hosts: compliant only if each is."""
    claims = {one.claim for one in said}
    if Claim.NOT_COMPLIANT in claims:
        return Claim.NOT_COMPLIANT
    return Claim.COMPLIANT if claims == {Claim.COMPLIANT} else Claim.REFUSED


def system_of_host(proof: HostProof) -> System | None:
    """The host's operating system: as our own newest look told it, else as any scanner did."""
    looks = [*proof.before, *proof.after]
    ours = [look for look in looks if look.taken.format == OWN]
    for look in reversed([*looks, *ours]):
        system = system_of(look.system)
        if system is not None and system.version:
            return system
    return None


def numbers_of(taken: Taken) -> Numbers:
    """The rows of a look; what is only mentioned does not count."""
    counts: dict[int, int] = {}
    for tally in taken.tallies.values():
        for result, number in tally.items():
            counts[result] = counts.get(result, 0) + number
    rows = sum(number for result, number in counts.items() if result != _ASIDE)
    decided = sum(number for result, number in counts.items() if RESULTS[result].decides)
    unsure = sum(counts.get(result, 0) for result in _UNSURE)
    return Numbers(rows, decided, counts.get(NOT_APPLICABLE, 0), unsure)


def _standing(proof: HostProof) -> Iterator[Message]:
    left = sum(one.outcome in STANDING for one in proof.proven)
    new = sum(one.outcome is Outcome.NEW and one.waiver is None for one in proof.proven)
    if left:
        yield msg("findings that remain: {number}", number=left)
    if new:
        yield msg("findings that are new: {number}", number=new)


def _unproven(proof: HostProof) -> Iterator[Message]:
    if not proof.after:
        yield msg("nobody has looked at it since the change")
    open_ones = [one for one in proof.proven if one.outcome is Outcome.NOT_COMPARABLE]
    if open_ones and proof.after:
        yield msg("of {number} findings the looks before and after are not comparable",
                  number=len(open_ones))  # fmt: skip
    strangers = [one for one in open_ones if one.reason is Why.IDENTITY]
    if strangers:
        yield msg("the scanner knew the host by other names and addresses before")


def _weak(look: Looked, system: System | None, most: int) -> Iterator[Message]:
    """Why one look proves nothing even where it finds nothing."""
    name, numbers = look.look.file or look.look.tool, numbers_of(look.taken)
    made_for = system_of_rules(look.look.content)
    if fits(made_for, system) is False:
        yield msg("{file}: its rules are made for {rules} and the host is {system}",
                  file=name, rules=str(made_for), system=str(system))  # fmt: skip
    if numbers.rows and 100 * numbers.not_applicable > most * numbers.rows:
        yield msg("{file}: {number} of {rows} rules do not apply (at most {most} % may)",
                  file=name, number=numbers.not_applicable, rows=numbers.rows,
                  most=most)  # fmt: skip
    if numbers.unsure:
        yield msg("{file}: {number} of {rows} rules ended in an error or without an answer",
                  file=name, number=numbers.unsure, rows=numbers.rows)  # fmt: skip
    if look.taken.credentialed is False:
        yield msg("{file}: the scanner had not the rights to look into the host", file=name)
    elif look.taken.credentialed is None:
        yield msg("{file}: does not tell whether the scanner was logged in", file=name)
    if not look.taken.whole:
        yield msg("{file}: could not be read to its end", file=name)
