"""From what a host told to what a scanner's file tells: one scan, one host, a row per control."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opsbook.domains.hardening.controls.judge import Verdict, judge
from opsbook.domains.hardening.controls.observed import HostAnswers
from opsbook.domains.hardening.controls.schema import Control
from opsbook.model.estate import Host
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told
from opsbook.model.message import msg

SCANNER = "opsbook"
"""Name space of our own rows: their rule is the key of a control."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One control of one host, as it is in the host's family, and its verdict."""

    control: Control
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one host: in which run, when (RFC 3339), with what; ``profile`` is the baseline.

    ``content`` is the digest of the catalogue: only looks with the same one are comparable.
    """

    run: str
    host: Host
    started: str
    ended: str
    version: str
    content: str
    profile: str


def judge_all(
    controls: Iterable[Control], answers: HostAnswers, site: Mapping[str, Mapping[str, Any]]
) -> list[Judged]:
    """Every control judged by the values of the ``site``: key of a control -> name -> value."""
    judged = []
    for control in controls:
        ours = control.of_family(answers.family)
        values = ours.site_values(site.get(control.key, {}))
        verdict = judge(ours, answers.controls.get(control.key), values)
        if verdict.result is Result.NOT_CHECKED and not answers.complete:
            verdict = Verdict(
                Result.ERROR, wanted=verdict.wanted, why=msg("the scan was cut off before it")
            )
        judged.append(Judged(ours, verdict))
    return judged


def told(look: Look, answers: HostAnswers, judged: Iterable[Judged]) -> Iterator[Told]:
    """What a scanner's file with the same content would tell."""
    yield Scan(
        format=SCANNER, tool=SCANNER, file=look.run, tool_version=look.version,
        content="controls", content_version=look.content[:16], profile=look.profile,
        started=look.started, ended=look.ended, credentialed=answers.root,
    )  # fmt: skip
    # no address: several hosts may share one, and the name is the inventory's own
    yield Seen(
        look.host.name, (look.host.name,),
        os=f"{answers.os} {answers.version}", credentialed=answers.root,
    )  # fmt: skip
    for one in judged:
        yield _row(look.host.name, one)


def _row(host: str, one: Judged) -> Row:
    control, verdict = one.control, one.verdict
    lines = [f"seen: {verdict.observed}" if verdict.observed else "",
             f"wanted: {verdict.wanted}",
             f"why: {verdict.why.english()}" if verdict.why else "",
             "configured, but not in effect" if verdict.not_in_effect else ""]  # fmt: skip
    return Row(
        host=host,
        scanner=SCANNER,
        rule=control.key,
        result=verdict.result,
        severity=Severity(control.severity),
        told=control.severity,
        title=control.title.en,
        evidence="\n".join(line for line in lines if line),
        remedy=control.by_hand.en if control.by_hand and not control.steps else "",
        more={"not_in_effect": "yes"} if verdict.not_in_effect else {},
    )


def evidence(look: Look, answers: HostAnswers, judged: Iterable[Judged]) -> dict[str, Any]:
    """What the record of the run says of the host: all numbers, and what is not as it should be."""
    numbers = {result.value: 0 for result in Result}
    open_ones = []
    for one in judged:
        numbers[one.verdict.result.value] += 1
        if one.verdict.result not in (Result.PASS, Result.NOT_APPLICABLE):
            open_ones.append(_told_json(one))
    return {
        "schema": "opsbook.control-scan/1",
        "system": {"id": answers.os, "version": answers.version, "family": answers.family,
                   "container": answers.container, "root": answers.root},
        "catalogue": look.content,
        "baseline": look.profile,
        "complete": answers.complete,
        "strange_lines": answers.strange,
        "numbers": {name: number for name, number in numbers.items() if number},
        "open": open_ones,
    }  # fmt: skip


def _told_json(one: Judged) -> dict[str, Any]:
    verdict = one.verdict
    return {
        "control": one.control.key,
        "result": verdict.result.value,
        "severity": one.control.severity,
        "configured": verdict.configured,
        "effective": verdict.effective,
        "observed": verdict.observed,
        "wanted": verdict.wanted,
        "why": verdict.why.to_json() if verdict.why else None,
    }
