"""CycloneDX JSON: the vulnerabilities of a bill of materials, and what was judged of them (VEX).

Source: CycloneDX 1.4 to 1.6 JSON schemas (``vulnerabilities``, ``analysis``, ``affects``), BOM-Link
(``urn:cdx:serial/version#ref``). Without a judgement a vulnerability stands as it was found: FAIL.
The file names no host: it is the one that people say (``host``), else the component it describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

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
from opsbook.domains.hardening.reading.purl import artifact_of, package_of
from opsbook.domains.hardening.reading.severity import by_cvss, by_word
from opsbook.domains.hardening.reading.spool import Shelf, Spool
from opsbook.domains.hardening.reading.text import filled
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable
from opsbook.model.jsonstream import Event, How, Path, Step

_STATES = {
    "resolved": Result.PASS,
    "resolved_with_pedigree": Result.PASS,
    "not_affected": Result.PASS,
    "false_positive": Result.PASS,
    "exploitable": Result.FAIL,
    "in_triage": Result.UNKNOWN,
    "": Result.FAIL,
}
"""``analysis.state``; the file's author answers for it, and it stands in the evidence."""
_MOST_AFFECTED = 10_000


class CycloneDx:
    """Format ``cyclonedx``."""

    name = "cyclonedx"

    def recognises(self, head: Head) -> int:
        """By ``bomFormat``."""
        return 97 if b'"bomFormat"' in head.data and b'"CycloneDX"' in head.data else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, one host, then a row for every vulnerability and component it affects."""
        with Spool() as found, Shelf() as components:
            bill = Bill(source, found, components)
            for step in json_steps(source.stream, _how):
                if isinstance(step, Unreadable):
                    yield step
                else:
                    _put_aside(step, bill)
            yield from bill.told()


def _how(path: Path) -> How:
    if path in ((), ("components",), ("vulnerabilities",)):
        return How.INTO
    return How.WHOLE if path[0] in ("components", "vulnerabilities", "metadata") else How.PASS


def _put_aside(step: Step, bill: Bill) -> None:
    if step.event is not Event.VALUE:
        return
    if step.path == ("components", "*"):
        for one in _nested(step.value):
            bill.component(one)
    elif step.path == ("vulnerabilities", "*"):
        bill.vulnerability(f"{place(step.path)}, character {step.at}", step.value)
    elif len(step.path) == 1:
        bill.document[step.path[0]] = step.value


@dataclass
class Bill:
    """A bill of materials as far as it was read, in the shape that it has in JSON.

    ``document`` are its members but for components and vulnerabilities, which are put aside.
    """

    source: Source
    found: Spool
    components: Shelf
    document: dict[str, Any] = field(default_factory=dict)

    def component(self, one: Mapping[str, Any]) -> None:
        """Put aside a component."""
        name = "/".join(filter(None, (word(one, "group"), word(one, "name"))))
        told = [name, word(one, "version"), word(one, "purl")]
        self.components.put(word(one, "bom-ref"), told)

    def vulnerability(self, where: str, one: Any) -> None:
        """Put aside a vulnerability that stands at ``where``."""
        self.found.add([where, one])

    def told(self) -> Iterator[Told]:
        """All that it tells."""
        host = _host(self.source, self.document)
        yield _scan(self.source, self.document)
        yield host
        if self.components.full:
            yield Unreadable("components", "more components than are read")
        described = word(self.document, "metadata", "component", "bom-ref")
        for where, vulnerability in self.found:
            yield from _rows(host.id, vulnerability, self.components, described, where)


def _nested(component: Any) -> Iterator[Mapping[str, Any]]:
    """A component and those within it, in no more depth than JSON is read with."""
    waiting = [component]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting.extend(objects(one, "components"))


def _host(source: Source, document: Mapping[str, Any]) -> Seen:
    about = at(document, "metadata", "component")
    named, described = word(source.options, "host"), word(about, "name")
    names = dict.fromkeys(name for name in (named, described) if name)
    return Seen(id=named or described or source.name, names=tuple(names))


def _scan(source: Source, document: Mapping[str, Any]) -> Scan:
    tools = objects(document, "metadata", "tools", "components") or objects(
        document, "metadata", "tools"
    )
    tool = tools[0] if tools else {}
    return Scan(
        format="cyclonedx",
        tool=word(tool, "name") or "CycloneDX",
        file=source.name,
        tool_version=word(tool, "version"),
        profile=word(document, "metadata", "component", "type"),
        started=word(document, "metadata", "timestamp"),
    )


def _rows(host: str, one: Any, components: Shelf, described: str, where: str) -> Iterator[Told]:
    """One row for every component; of what the bill itself is ``described`` by it is the host's."""
    rule = word(one, "id")
    if not rule:
        yield Unreadable(where, "a vulnerability without an id")
        return
    references = [word(reference, "ref") for reference in objects(one, "affects")]
    if len(references) > _MOST_AFFECTED:
        yield Unreadable(where, "more components than are read")
    for reference in references[:_MOST_AFFECTED] or [""]:
        of_host = bool(described) and _reference(reference) == described
        yield _row(host, rule, one, ("", "", "") if of_host else _found(reference, components))


def _reference(told: str) -> str:
    """The reference within the bill; of a BOM-Link what stands behind its ``#``."""
    return unquote(told.rpartition("#")[2]) if "#" in told else told


def _found(reference: str, components: Shelf) -> tuple[str, str, str]:
    """Name, version and package URL of the component that ``reference`` means."""
    reference = _reference(reference)
    known = components.get(reference)
    if known:
        return known[0], known[1], known[2]
    name, version = package_of(reference)
    return name, version, reference


def _row(host: str, rule: str, one: Any, component: tuple[str, str, str]) -> Row:
    state = word(one, "analysis", "state")
    severity, told = _rating(one)
    others = [word(other, "id") for other in objects(one, "references")]
    name, version, url = component
    return Row(
        host=host,
        scanner="cyclonedx",
        rule=rule,
        result=_STATES.get(state, Result.UNKNOWN),
        severity=severity,
        told=told,
        title=prose(one, "description") or rule,
        location=artifact_of(url or name),
        evidence=_evidence(one),
        remedy=prose(one, "recommendation"),
        ids=known_by(rule, *others),
        package=name,
        installed=version,
        fixed=_fixed(one),
        more=_more(one, url or name),
    )


def _evidence(one: Any) -> str:
    """What was judged and why; else the detail that was found."""
    analysis = at(one, "analysis")
    parts = [word(analysis, "state"), word(analysis, "justification"),
             ", ".join(words(analysis, "response")), prose(analysis, "detail")]  # fmt: skip
    return "\n".join(filter(None, parts)) or prose(one, "detail")


def _fixed(one: Any) -> str:
    """The version that is told as unaffected, where there is exactly one."""
    versions = [word(version, "version") for affected in objects(one, "affects")
                for version in objects(affected, "versions")
                if word(version, "status") == "unaffected"]  # fmt: skip
    return versions[0] if len(versions) == 1 else ""


def _rating(one: Any) -> tuple[Severity, str]:
    """The first rating that says anything, by word, else by score of CVSS."""
    for rating in objects(one, "ratings"):
        word_of, score = word(rating, "severity"), number(rating, "score")
        severity = by_word(word_of)
        if severity is Severity.UNKNOWN and "CVSS" in word(rating, "method").upper():
            severity = by_cvss(score)
        if severity is not Severity.UNKNOWN:
            parts = [word_of, "" if score is None else f"{score}", word(rating, "method")]
            return severity, " ".join(filter(None, parts))
    return Severity.UNKNOWN, ""


def _more(one: Any, url: str) -> dict[str, str]:
    more = {
        "artifact": artifact_of(url),
        "product": url,
        "source": word(one, "source", "name"),
        "status": word(one, "analysis", "state"),
        "justification": word(one, "analysis", "justification"),
    }
    return filled(more)


FORMAT = CycloneDx()
