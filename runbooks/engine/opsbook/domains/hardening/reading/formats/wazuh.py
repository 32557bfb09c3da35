"""Wazuh: checks of configuration (SCA) and vulnerabilities, as states, answers or alerts.

Four shapes, alone, in a list, one per line, or as hits of a search (``_source``):

- the state of the indexer since 4.8, ``{agent, check, policy}`` or ``{agent, package,
  vulnerability}``, also within ``items[].data`` (dumps of the synchronisation);
- items of the server's answers, ``data.affected_items[]``: ``{policy_id, id, title, result}`` and
  ``{cve, name, version, severity}``;
- alerts, ``{agent, data: {sca: {policy, check}}}``.

Source: wazuh/wazuh ``sample_payloads/dumps``, the API reference 4.x, real files. Documents of
agents that are not told are of the host that people say (``host``). What a check printed is not
exported by Wazuh. Checks and vulnerabilities are name spaces of their own: only checks pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opsbook.domains.hardening.reading.jsontext import (
    at,
    json_steps,
    known_by,
    number,
    objects,
    place,
    prose,
    word,
    words,
)  # fmt: skip
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.severity import by_cvss, by_word
from opsbook.domains.hardening.reading.text import filled
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable
from opsbook.model.jsonstream import Event, How, Path, Step

_LISTS: frozenset[Path] = frozenset(
    {(), ("hits",), ("hits", "hits"), ("items",), ("data",), ("data", "affected_items")}
)
_DOCUMENTS: frozenset[Path] = frozenset(
    {("*",), ("hits", "hits", "*"), ("items", "*"), ("data", "affected_items", "*")}
)
_RESULTS = {
    "passed": Result.PASS,
    "failed": Result.FAIL,
    "not applicable": Result.NOT_APPLICABLE,
    "not run": Result.NOT_CHECKED,
    "invalid": Result.ERROR,
    "error": Result.ERROR,
}
"""Words of SCA in lower case; Wazuh has no severity for its checks."""

_MOST_AGENTS = 200_000
_MOST_CHANGES = 100


class Wazuh:
    """Format ``wazuh``."""

    name = "wazuh"

    def recognises(self, head: Head) -> int:
        """By the names of its indices, or the members of its documents."""
        data = head.data
        if b'"wazuh-states-' in data:
            return 95
        check = b'"check"' in data and b'"policy"' in data and b'"remediation"' in data
        if check or (b'"affected_items"' in data and (b'"policy_id"' in data or b'"cve"' in data)):
            return 85
        return 80 if b'"sca"' in data and b'"agent"' in data else 0

    def read(self, source: Source) -> Iterable[Told]:
        """A scan for each policy and agent's host as they come up, and their rows."""
        reading = _Reading(source)
        for step in json_steps(source.stream, _how, listed=True):
            if isinstance(step, Unreadable):
                yield step
            else:
                yield from reading.take(step)
        yield from reading.end()


def _how(path: Path) -> How:
    return How.INTO if path in _LISTS else How.WHOLE


@dataclass
class _Reading:
    """The agents seen so far, and the members of a document that stands alone."""

    source: Source
    agents: set[str] = field(default_factory=set)
    scan: Scan | None = None
    changes: int = 0
    alone: dict[str, Any] = field(default_factory=dict)
    listed: bool = False

    def take(self, step: Step) -> Iterator[Told]:
        """What follows from one step."""
        if step.path == ():
            if step.event is Event.END and self.alone and not self.listed:
                yield from self._document(self.alone, f"character {step.at}")
            self.alone, self.listed = {}, False
        elif step.path in _LISTS and step.path[-1] != "data":
            self.listed = True
        elif step.event is not Event.VALUE:
            return
        elif step.path in _DOCUMENTS:
            yield from self._document(step.value, f"{place(step.path)}, character {step.at}")
        elif len(step.path) == 1:
            self.alone[step.path[0]] = step.value
        elif step.path[0] == "data":
            self.alone.setdefault("data", {})[step.path[1]] = step.value

    def end(self) -> Iterator[Told]:
        """A file without a document is a scan all the same."""
        if self.scan is None:
            yield self._scan({}, {})

    def _document(self, value: Any, where: str) -> Iterator[Told]:
        document = _unwrapped(value)
        make = _what(document)
        if make is None:
            yield Unreadable(where, "neither a check nor a vulnerability")
            return
        row = make(document)
        if not row.rule:
            yield Unreadable(where, "without an id")
            return
        yield from self._under(document)
        host = _agent(document, self.source)
        if host.id not in self.agents:
            if len(self.agents) < _MOST_AGENTS:
                self.agents.add(host.id)
            yield host
        yield replace(row, host=host.id)

    def _under(self, document: Mapping[str, Any]) -> Iterator[Scan]:
        """A scan where the policy is another; of files that mix them without end, one for all."""
        scan = self._scan(document, _policy(document))
        if self.scan is None or (scan.content and scan.content != self.scan.content):
            if self.changes > _MOST_CHANGES:
                return
            self.changes += 1
            if self.changes > _MOST_CHANGES:
                scan = replace(scan, content="", content_version="several policies")
            self.scan = scan
            self.agents.clear()
            yield scan

    def _scan(self, document: Mapping[str, Any], policy: Mapping[str, Any]) -> Scan:
        return Scan(
            format="wazuh",
            tool="Wazuh",
            file=self.source.name,
            tool_version=word(document, "agent", "version"),
            content=word(policy, "id") or word(policy, "policy_id"),
            content_version=word(policy, "name"),
            credentialed=True,
        )


def _unwrapped(value: Any) -> Any:
    """The document within what carries it: a hit of a search, an item of a synchronisation."""
    for wrapper in ("_source", "data"):
        inner = at(value, wrapper)
        if _what(inner) is not None:
            return inner
    return value


def _policy(document: Mapping[str, Any]) -> Mapping[str, Any]:
    for policy in (at(document, "policy"), at(document, "data", "sca", "policy")):
        if isinstance(policy, Mapping):
            return policy
    name = word(document, "data", "sca", "policy")
    return {"id": word(document, "policy_id") or word(document, "data", "sca", "policy_id"),
            "name": name}  # fmt: skip


def _agent(document: Mapping[str, Any], source: Source) -> Seen:
    """The agent's host, as it is called in states, alerts and old answers of the server."""
    agent = document.get("agent")
    name = word(agent, "name") or word(document, "agent_name")
    host = at(agent, "host") or document.get("host")
    hostname = word(host, "hostname") or word(host, "name")
    named = "" if name or hostname else word(source.options, "host")
    ips = words(agent, "ip") + words(host, "ip") + words(document, "agent_ip")
    names = dict.fromkeys(one for one in (name, hostname, named) if one)
    number_of = word(agent, "id") or word(document, "agent_id")
    return Seen(
        id=name or hostname or named or (f"agent {number_of}" if number_of else source.name),
        names=tuple(names),
        addresses=tuple(dict.fromkeys(ip for ip in ips if ip not in ("any", "127.0.0.1"))),
        os=word(host, "os", "full") or word(host, "os", "name"),
        credentialed=True,
    )


def _what(document: Any) -> Any:
    """What makes a row of the document; None when it is about something else."""
    check = at(document, "check")
    if isinstance(check, Mapping) or isinstance(at(document, "data", "sca", "check"), Mapping):
        return _check
    if isinstance(at(document, "vulnerability"), Mapping):
        return _vulnerability
    if word(document, "cve"):
        return _old_vulnerability
    return _check if word(document, "policy_id") and word(document, "id") else None


def _check(document: Mapping[str, Any]) -> Row:
    check = at(document, "check") or at(document, "data", "sca", "check") or document
    result = word(check, "result") or word(check, "status")
    rule = word(check, "id")
    return Row(
        host="",
        scanner="wazuh",
        rule=rule,
        result=_RESULTS.get(result.casefold(), Result.UNKNOWN),
        severity=Severity.UNKNOWN,
        told=result,
        title=prose(check, "name") or prose(check, "title") or f"check {rule}",
        evidence=prose(check, "reason"),
        remedy=prose(check, "remediation"),
        ids=known_by(*_compliance(check)),
        more=filled({"policy": word(_policy(document), "id"),
                    "rationale": prose(check, "rationale"),
                    "rules": "\n".join(_rules(check))}),
    )  # fmt: skip


def _compliance(check: Any) -> Iterator[str]:
    """``cis:5.1.20`` and the like: an object of lists, or a list of key and value."""
    told = at(check, "compliance")
    if isinstance(told, Mapping):
        for standard in list(told)[:50]:
            for item in words(told, standard):
                yield f"{standard}:{item}"
    for pair in objects(check, "compliance") if isinstance(told, list) else ():
        yield f"{word(pair, 'key')}:{word(pair, 'value')}"


def _rules(check: Any) -> Iterator[str]:
    yield from words(check, "rules")
    for pair in objects(check, "rules"):
        yield word(pair, "rule")


def _vulnerability(document: Mapping[str, Any]) -> Row:
    one, package = document["vulnerability"], document.get("package")
    name, version = word(package, "name"), word(package, "version")
    score, severity = number(one, "score", "base"), word(one, "severity")
    cve = word(one, "id")
    open_still = at(one, "under_evaluation") is True
    return Row(
        host="",
        scanner="wazuh_vulnerability",
        rule=cve,
        result=Result.UNKNOWN if open_still else Result.FAIL,
        severity=_rated(severity, score),
        told=_score_told(severity, score),
        title=f"{cve}: {name}",
        evidence=f"{name} {version}: {word(one, 'scanner', 'condition')}".strip(": "),
        ids=known_by(cve),
        package=name,
        installed=version,
        more=filled({"description": prose(one, "description"), "url": word(one, "reference"),
                    "path": word(package, "path")}),
    )  # fmt: skip


def _old_vulnerability(document: Mapping[str, Any]) -> Row:
    name, version, cve = word(document, "name"), word(document, "version"), word(document, "cve")
    score = number(document, "cvss3_score") or number(document, "cvss2_score")
    severity = word(document, "severity")
    return Row(
        host="",
        scanner="wazuh_vulnerability",
        rule=cve,
        result=Result.PASS if word(document, "status") == "SOLVED" else Result.FAIL,
        severity=_rated(severity, score),
        told=_score_told(severity, score),
        title=prose(document, "title") or f"{cve}: {name}",
        evidence=f"{name} {version}: {word(document, 'condition')}".strip(": "),
        ids=known_by(cve),
        package=name,
        installed=version,
    )


def _rated(word_of: str, score: float | None) -> Severity:
    rated = by_word(word_of)
    return by_cvss(score or None) if rated is Severity.UNKNOWN else rated


def _score_told(severity: str, score: float | None) -> str:
    return f"{severity} {score}" if score else severity


FORMAT = Wazuh()
