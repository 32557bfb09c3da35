"""Results of XCCDF 1.1 and 1.2, bare or in an ARF collection: OpenSCAP, SCC and others.

Source: NISTIR 7275 revision 4 (XCCDF 1.2), NISTIR 7694 (ARF 1.1); files of OpenSCAP 1.0 to 1.3.

- What to do and what a rule is called stands with the rule in the benchmark, far before the
  results; of every rule only that much is kept.
- An auditor's override counts as the result; what it was before is kept beside it.
- Rules that a profile does not select are no results: they are counted in one row of their own.
- A scan on the host itself as root counts as one with credentials, whatever
  ``identity/@authenticated`` says: OpenSCAP always writes ``false`` there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from opsbook.domains.hardening.reading.hostnames import names_and_addresses
from opsbook.domains.hardening.reading.jsontext import known_by
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.severity import by_word
from opsbook.domains.hardening.reading.text import clean, line
from opsbook.domains.hardening.reading.xmlstream import (
    Element,
    Piece,
    pieces,
    value,
    values,
    whole_text,
)
from opsbook.model.finding import Ids, Result, Row, Scan, Seen, Told, Unreadable

_HEADS = frozenset(
    {"benchmark", "identity", "profile", "target", "target-address", "target-facts", "platform"}
)
_WANTED = _HEADS | {"Rule", "rule-result", "version", "score"}
_SKIPPED = frozenset(
    {
        "Profile", "Value", "front-matter", "rear-matter", "notice", "metadata", "model",
        "oval_results", "oval_definitions", "oval_system_characteristics", "ocil", "cpe-list",
        "extended-components", "assets", "Tailoring",
    }
)  # fmt: skip
_RESULTS = {
    "pass": Result.PASS,
    "fixed": Result.PASS,
    "fail": Result.FAIL,
    "error": Result.ERROR,
    "unknown": Result.UNKNOWN,
    "notapplicable": Result.NOT_APPLICABLE,
    "notchecked": Result.NOT_CHECKED,
    "informational": Result.INFORMATIONAL,
}
_SSG = "xccdf_org.ssgproject.content_rule_"
_FACT = "urn:xccdf:fact:"
_FACTS_OF_HOST = ("asset:identifier:fqdn", "asset:identifier:host_name", "asset:identifier:ipv4",
                  "asset:identifier:ipv6")  # fmt: skip
_FIXES = ("urn:xccdf:fix:script:sh", None, "urn:xccdf:fix:script:ansible")
_SCRIPT = "http://open-scap.org/page/SCE"
_REMEMBERED = 4_096
_REMEDY = 4_000
_REMEDIES = 12_000_000
_RULES = 50_000


class Xccdf:
    """Format ``xccdf``: also ARF, whose reports are results of XCCDF."""

    name = "xccdf"

    def recognises(self, head: Head) -> int:
        """By the root element; ``Benchmark`` alone could be anybody's."""
        if head.root == "asset-report-collection":
            return 95
        if head.root in ("Benchmark", "TestResult", "data-stream-collection"):
            return 95 if b"nist.gov/xccdf" in head.data or b"nist.gov/schema" in head.data else 50
        return 0

    def read(self, source: Source) -> Iterable[Told]:
        """Each test result: its scan, its host, its rows."""
        reading = _Reading(source)
        for piece in pieces(source.stream, _WANTED, skip=_SKIPPED):
            if isinstance(piece, Unreadable):
                yield from reading.end()
                yield piece
            elif piece.element.tag == "Rule":
                reading.rules.keep(piece.element)
            else:
                yield from reading.take(piece)
        yield from reading.end()
        if not reading.results:
            yield Unreadable(source.name, "no test results in it")


FORMAT = Xccdf()


@dataclass(frozen=True, slots=True)
class _Rule:
    title: str
    severity: str
    remedy: str
    idents: tuple[str, ...]


class _Rules:
    """What a benchmark says of its rules, as much as memory allows."""

    def __init__(self) -> None:
        self._known: dict[str, _Rule] = {}
        self._room = _REMEDIES

    def keep(self, element: Element) -> None:
        remedy = _remedy(element)
        self._room -= len(remedy)
        if len(self._known) < _RULES:
            self._known[line(element.get("id"), 300)] = _Rule(
                line(value(element, "title") or None),
                line(element.get("severity"), 40),
                remedy if self._room >= 0 else "",
                tuple(values(element, "ident")),
            )

    def get(self, name: str) -> _Rule:
        return self._known.get(name, _UNKNOWN_RULE)


_UNKNOWN_RULE = _Rule("", "", "", ())


@dataclass(slots=True)
class _Heading:
    """What stands before the rows of one test result."""

    element: Element
    calls: list[str] = field(default_factory=list)
    target: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    benchmark: str = ""
    benchmark_file: str = ""
    profile: str = ""
    system: str = ""
    credentialed: bool | None = None

    def take(self, element: Element) -> None:
        text = line(element.text, 300)
        if element.tag == "target":
            self.target = self.target or text
        elif element.tag == "target-address":
            self.calls.append(text)
        elif element.tag == "target-facts":
            self.facts.update(_facts(element))
        elif element.tag == "benchmark":
            self.benchmark = line(element.get("id"), 300)
            self.benchmark_file = line(element.get("href"), 300)
        elif element.tag == "profile":
            self.profile = line(element.get("idref"), 300)
        elif element.tag == "platform":
            name = line(element.get("idref"), 200)  # OpenSCAP names parts of the system first
            self.system = name if name.startswith("cpe:/o:") else self.system or name
        elif element.tag == "identity":
            tool = self.element.get("test-system") or ""
            self.credentialed = self.credentialed or _credentialed(element, text, tool)


def _credentialed(identity: Element, name: str, tool: str) -> bool | None:
    """Whether the scanner could look into the host as ``name``; None where nothing is told.

    OpenSCAP always writes that it was neither authenticated nor privileged, with the name of the
    login (getlogin(3); src/XCCDF/result.c): of one who is not root nobody knows whether sudo was
    used.
    """
    if name == "root" or identity.get("authenticated") in ("true", "1"):
        return True
    return None if ":openscap:" in tool else False


class _Reading:
    def __init__(self, source: Source) -> None:
        self.rules = _Rules()
        self.results = 0
        self._source = source
        self._version = ""
        self._benchmark = ""
        self._heading: _Heading | None = None
        self._host = ""
        self._begun = False
        self._not_selected = 0

    def take(self, piece: Piece) -> Iterator[Told]:
        element = piece.element
        around = piece.within("TestResult")
        if around is None:
            self._of_benchmark(piece)
            return
        if self._heading is None or self._heading.element is not around:
            yield from self.end()
            self.results += 1
            self._heading = _Heading(around)
            if (benchmark := piece.within("Benchmark")) is not None:
                self._benchmark = line(benchmark.get("id"), 300)
        if element.tag == "rule-result":
            yield from self._begin(self._heading)
            yield from self._row(element)
        elif element.tag in _HEADS and piece.path[-1] is around:
            self._heading.take(element)

    def end(self) -> Iterator[Told]:
        """What is to be told when a test result ends."""
        if self._heading is None:
            return
        yield from self._begin(self._heading)
        if self._not_selected:
            yield _not_selected(self._host, self._not_selected)
        self._heading, self._begun, self._not_selected = None, False, 0

    def _of_benchmark(self, piece: Piece) -> None:
        outer = piece.path[-1] if piece.path else None
        if piece.element.tag == "version" and outer is not None and outer.tag == "Benchmark":
            self._version = line(piece.element.text, 100)
            self._benchmark = line(outer.get("id"), 300)

    def _begin(self, heading: _Heading) -> Iterator[Told]:
        if self._begun:
            return
        self._begun = True
        scan = self._scan(heading)
        seen = self._seen(heading)
        self._host = seen.id
        yield scan
        yield seen

    def _scan(self, heading: _Heading) -> Scan:
        result = heading.element
        system = line(result.get("test-system"), 200)
        product = system.split(":")
        known = self._version if heading.benchmark in ("", self._benchmark) else ""
        return Scan(
            format="xccdf",
            tool=heading.facts.get(_FACT + "scanner:name") or ":".join(product[3:4]) or system,
            file=self._source.name,
            tool_version=heading.facts.get(_FACT + "scanner:version") or ":".join(product[4:5]),
            content=heading.benchmark or self._benchmark or heading.benchmark_file,
            content_version=line(result.get("version"), 100) or known,
            profile=heading.profile,
            started=line(result.get("start-time"), 40),
            ended=line(result.get("end-time"), 40),
            credentialed=heading.credentialed,
        )

    def _seen(self, heading: _Heading) -> Seen:
        told = [heading.target, *(heading.facts.get(_FACT + name, "") for name in _FACTS_OF_HOST)]
        said = self._source.options.get("host")
        if not heading.target and isinstance(said, str):
            told.insert(0, said)
        names, addresses = names_and_addresses([*told, *heading.calls])
        host = heading.target or (*names, *addresses, self._source.name)[0]
        return Seen(host, names, addresses, heading.system, heading.credentialed)

    def _row(self, element: Element) -> Iterator[Told]:
        name = line(element.get("idref"), 300)
        word = value(element, "result").strip()
        if word == "notselected":
            self._not_selected += 1
        elif not name:
            yield Unreadable(f"rule-result of {self._host}", "result without a rule")
        else:
            yield _row(self._host, name, word, element, self.rules.get(name))


def _row(host: str, name: str, word: str, element: Element, rule: _Rule) -> Row:
    told = line(element.get("severity"), 40) or rule.severity
    scanner, short = ("ssg", name[len(_SSG) :]) if name.startswith(_SSG) else ("xccdf", name)
    row = Row(
        host,
        scanner,
        short,
        _RESULTS.get(word, Result.UNKNOWN),
        by_word(told),
        told,
        rule.title or short,
        line("; ".join(values(element, "instance")), 400),
        clean("\n".join(values(element, "message") or _printed(element))),
        _remedy(element) or rule.remedy,
        _ids((*rule.idents, *values(element, "ident"))),
    )
    overrides = element.findall("override")
    return _overridden(row, overrides[-1]) if overrides else row


def _printed(element: Element) -> list[str]:
    """What a check that is a script printed (OpenSCAP's script check engine)."""
    checks = (found for found in element.iterfind("check") if found.get("system") == _SCRIPT)
    return [text for check in checks for text in values(check, "check-import")]


@lru_cache(_REMEMBERED)
def _ids(idents: tuple[str, ...]) -> Ids:
    """Those of the rule and of its result, mostly the same; ids of others (CCI) as told."""
    return known_by(*(line(one, 100) for one in idents))


def _overridden(row: Row, override: Element) -> Row:
    """The newest override counts; whether ``result`` was rewritten as well differs by tool."""
    new = value(override, "new-result").strip()
    told = {
        "override": new,
        "before": value(override, "old-result").strip(),
        "authority": override.get("authority", ""),
        "time": override.get("time", ""),
        "remark": value(override, "remark"),
    }
    more = {name: line(text, 400) for name, text in told.items() if text}
    return replace(row, result=_RESULTS.get(new, row.result), more=more)


def _not_selected(host: str, count: int) -> Row:
    return Row(
        host,
        "xccdf",
        "notselected",
        Result.INFORMATIONAL,
        by_word("info"),
        "notselected",
        "Rules of the benchmark that the profile does not select",
        evidence=str(count),
    )


def _facts(element: Element) -> Iterator[tuple[str, str]]:
    for fact in element.iter("fact"):
        yield line(fact.get("name"), 200), line(fact.text, 300)


def _remedy(element: Element) -> str:
    """Words for people where there are some, else a script, preferably for a shell, else what the
    rule says of itself.
    """
    texts = [whole_text(found) for found in element.findall("fixtext")]
    fixes = element.findall("fix")
    for system in _FIXES:
        texts.extend(whole_text(fix) for fix in fixes if fix.get("system") == system)
    texts.extend(whole_text(found) for found in element.findall("description"))
    return next((clean(text, _REMEDY) for text in texts if text.strip()), "")
