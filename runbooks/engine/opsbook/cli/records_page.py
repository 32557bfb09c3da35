"""Records on a terminal: the lines of a listing, one record as a page, a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from opsbook.cli.show import listing
from opsbook.cli.words import ORIGINS, OUTCOMES, SOURCES, STATES, labelled, listed, noted, word
from opsbook.model.message import Message, printable
from opsbook.text import current, tr, translate

if TYPE_CHECKING:
    from opsbook.ledger.runs import RunLine
    from opsbook.ledger.verdict import Verdict


def columns() -> list[tuple[str, str]]:
    """Keys and headings of the listing of runs."""
    return [
        ("run", tr("Run")),
        ("estate", tr("Estate")),
        ("runbook", tr("Runbook")),
        ("state", tr("State")),
        ("exit", tr("Exit")),
        ("opened", tr("Opened")),
        ("closed", tr("Closed")),
    ]


def row_of(line: RunLine, *, as_data: bool) -> dict[str, Any]:
    """A line of the listing: times in UTC and states as they are kept for ``--json``, times in
    this machine's zone and states in words for people.
    """
    from opsbook.ledger.chain import moment
    from opsbook.model.clock import stamp

    def shown(at: int | None) -> str | None:
        if at is None:
            return None
        return stamp(moment(at)) if as_data else f"{moment(at).astimezone():%Y-%m-%d %H:%M:%S}"

    return {
        "run": line.run,
        "estate": line.estate,
        "runbook": line.runbook,
        "state": line.state if as_data else word(STATES, line.state),
        "exit": line.exit,
        "opened": shown(line.opened),
        "closed": shown(line.closed),
    }


def print_record(record: Mapping[str, Any]) -> None:
    """A record as a page: what matters first."""
    for name, value in _facts(record):
        if value:
            print(labelled(name, value))
    for heading, lines in _sections(record):
        if lines:
            print(f"\n{heading}")
            for line in lines:
                print(f"  {line}")
    hosts = record.get("hosts") or []
    if hosts:
        print()
        rows = [_host_row(host) for host in hosts]
        headings = [
            ("name", tr("Host")),
            ("outcome", tr("Outcome")),
            ("seconds", tr("Seconds")),
            ("verification", tr("Verified")),
            ("summary", tr("Summary")),
        ]
        listing(rows, headings, to_json=False)
    _print_proof(record)


def print_verdict(verdict: Verdict, unread: Sequence[Message]) -> None:
    """What a verification found, worst first."""
    if verdict.bad is not None:
        print(tr("FAULT: {problem}", problem=translate(verdict.bad.problem)))
        print(tr("{number} events before it are sound.", number=verdict.events))
    elif verdict.witnessed_to and verdict.level.value == "verified and witnessed":
        print(tr("Verified and witnessed: {number} events.", number=verdict.events))
    else:
        print(tr("Consistent, not witnessed: {number} events.", number=verdict.events))
    print(tr("Ledger {ledger}, head {head}", ledger=verdict.ledger, head=verdict.head))
    print(
        tr("Signed to event {signed} by {checkpoints} checkpoints; witnessed to event {witnessed};"
           " {pruned} payloads pruned.",
           signed=verdict.signed_to, checkpoints=verdict.checkpoints,
           witnessed=verdict.witnessed_to, pruned=verdict.pruned)
    )  # fmt: skip
    for note in (*verdict.notes, *unread):
        print(translate(note))


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    who, when = record.get("who") or {}, record.get("when") or {}
    runbook, estate = record.get("runbook") or {}, record.get("estate") or {}
    yield tr("Run"), str(record.get("run"))
    yield tr("State"), _state(record)
    yield tr("Runbook"), f"{_both(runbook.get('title'))} {runbook.get('name')}".strip()
    yield tr("Estate"), f"{_both(estate.get('title'))} {estate.get('name')}".strip()
    yield tr("Requested by"), _requester(who)
    yield tr("Opened"), _local(when.get("opened"))
    for resumed in when.get("resumed") or []:
        yield tr("Resumed"), f"{_local(resumed.get('at'))} {_requester(resumed.get('by') or {})}"
    yield tr("Closed"), _local(when.get("closed"))
    counts = record.get("counts") or {}
    yield tr("Hosts"), listed(f"{word(OUTCOMES, k)} {v}" for k, v in counts.items())
    yield tr("Limit"), str(record.get("limit") or "")
    yield tr("Refused because"), _said(record.get("refusal"))
    missed = record.get("missed")
    if missed:
        yield tr("Was due"), str(missed.get("due"))
    yield tr("Method"), _both(runbook.get("method"))
    yield tr("Tools"), listed(str(tool.get("name")) for tool in runbook.get("tools") or [])


def _sections(record: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    deviations = [
        printable(f"{_local(each.get('at'))} {_said(each.get('message'))}")
        for each in record.get("deviations") or []
    ]
    for host in record.get("hosts") or []:
        for message in host.get("deviations") or []:
            deviations.append(labelled(str(host.get("name")), _said(message)))
    yield tr("Deviations"), deviations
    yield (
        tr("Leases taken over from dead processes"),
        [
            noted(str(each.get("resource")), str((each.get("stale") or {}).get("run")))
            for each in record.get("recoveries") or []
        ],
    )
    yield (
        tr("Parameters"),
        [
            noted(f"{name} = {entry.get('value')}", word(SOURCES, entry.get("source")))
            for name, entry in (record.get("parameters") or {}).items()
        ],
    )
    yield (
        tr("Versions"),
        [printable(f"{name} {value}") for name, value in (record.get("versions") or {}).items()],
    )


def _state(record: Mapping[str, Any]) -> str:
    state, code = word(STATES, record.get("state")), record.get("exit")
    return state if code is None else tr("{state} ({code})", state=state, code=code)


def _host_row(host: Mapping[str, Any]) -> dict[str, Any]:
    checked = host.get("verification")
    verified = ""
    if checked:
        verified = tr("{passed} passed, {failed} failed",
                      passed=checked.get("passed"), failed=checked.get("failed"))  # fmt: skip
    return {
        "name": host.get("name"),
        "outcome": word(OUTCOMES, host.get("outcome") or tr("no end known")),
        "seconds": host.get("seconds"),
        "verification": verified,
        "summary": _said(host.get("summary")),
    }


def _print_proof(record: Mapping[str, Any]) -> None:
    ledger, proof = record.get("ledger") or {}, record.get("proof") or {}
    print()
    print(tr("Code {digest}", digest=record.get("code_digest")))
    print(tr("Plan {digest}", digest=record.get("plan_digest")))
    print(
        tr("Ledger events {first} to {last}, head {head}",
           first=ledger.get("first"), last=ledger.get("last"), head=ledger.get("head"))
    )  # fmt: skip
    if not proof.get("digest"):
        print(tr("The run has not ended, so its record is not sealed."))
        return
    print(tr("Record {digest} (event {seq})", digest=proof["digest"], seq=proof.get("seq")))
    checkpoint = proof.get("checkpoint")
    if checkpoint:
        print(tr("Signed by checkpoint {seq} of {at} with key {key}",
                 seq=checkpoint.get("seq"), at=checkpoint.get("at"), key=checkpoint.get("key"))
        )  # fmt: skip
    else:
        print(tr("No checkpoint signs it yet."))


def _requester(who: Mapping[str, Any]) -> str:
    if not who:
        return ""
    person = f"{who.get('user')}@{who.get('control_host')}"
    words = noted(person, word(ORIGINS, who.get("origin")))
    return f"{words} sudo: {who['sudo_user']}" if who.get("sudo_user") else words


def _local(moment: Any) -> str:
    """A moment in the estate's zone."""
    if not isinstance(moment, Mapping):
        return ""
    try:
        return f"{datetime.fromisoformat(str(moment.get('local'))):%Y-%m-%d %H:%M:%S %z}"
    except ValueError:
        return str(moment.get("utc", ""))


def _said(message: Any) -> str:
    return translate(Message.from_json(message)) if isinstance(message, Mapping) else ""


def _both(title: Any) -> str:
    if not isinstance(title, Mapping):
        return ""
    return str(title.get("zh" if current().startswith("zh") else "en") or "")
