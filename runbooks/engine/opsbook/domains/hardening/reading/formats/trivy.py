"""Trivy's JSON: schema 2, the bare list of old versions, and the reports of clusters.

Source: aquasecurity/trivy ``pkg/types/report.go`` and ``vulnerability.go``, ``pkg/k8s/report``;
real files. Several reports may follow one another or stand in a list, each with its host. A report
names no host: it is the one that people say (``host``), else what Trivy calls the artifact.
Packages of a system belong to the host; packages of a language, and all of an image, to the
artifact. Vulnerabilities, checks of configuration, secrets and licenses are name spaces of their
own, since only checks also tell what passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opsbook.domains.hardening.reading.jsontext import (
    json_steps,
    place,
    word,
)
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.spool import Spool
from opsbook.domains.hardening.reading.trivyrows import ROWS, failed
from opsbook.model.finding import Scan, Seen, Told, Unreadable
from opsbook.model.jsonstream import Event, How, Path, Step

_LISTS = {
    "Vulnerabilities",
    "Misconfigurations",
    "Secrets",
    "Licenses",
    "ExperimentalModifiedFindings",
    "ModifiedFindings",
}
"""Of one result: what is read item by item."""
_HEADING = {"SchemaVersion", "Trivy", "ReportID", "CreatedAt", "ArtifactID", "ArtifactName",
            "ArtifactType", "Metadata"}  # fmt: skip
"""What a report tells of itself; a result has none of these."""
_CLUSTER = {"Resources", "Vulnerabilities", "Misconfigurations", "Findings"}
"""Of a cluster's report: lists of resources, each with results of its own."""


class Trivy:
    """Format ``trivy``."""

    name = "trivy"

    def recognises(self, head: Head) -> int:
        """By members that only Trivy writes."""
        data = head.data
        if b'"SchemaVersion"' in data and b'"ArtifactName"' in data:
            return 95
        if b'"ClusterName"' in data and (b'"Resources"' in data or b'"Vulnerabilities"' in data):
            return 90
        if b'"VulnerabilityID"' in data and b'"Target"' in data:
            return 85
        return 60 if b'"ArtifactName"' in data and b'"ArtifactType"' in data else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, one host, then every vulnerability, misconfiguration, secret and license."""
        with Spool() as early:
            reading = _Reading(source, early)
            for step in json_steps(source.stream, _how, listed=True):
                if isinstance(step, Unreadable):
                    yield step
                else:
                    yield from reading.take(step)
            yield from reading.end()


def _of_report(path: Path) -> Path:
    """``path`` from the report it is in, where that is one of a list."""
    listed = path[:1] == ("*",) and len(path) > 1
    return path[1:] if listed and (path[1] == "Results" or path[1] in _HEADING) else path


def _how(path: Path) -> How:
    path = _of_report(path)
    within = _in_result(path)
    if within is None:
        outer = not path or path == ("Results",) or path[0] in _CLUSTER
        return How.INTO if outer and len(path) < 4 else How.WHOLE
    if not within:
        return How.INTO
    if len(within) == 1:
        return How.INTO if within[0] in _LISTS else How.PASS
    return How.WHOLE


def _in_result(path: Path) -> Path | None:
    """``path`` from the result it is in; None outside of results."""
    if path[:1] == ("*",):
        return path[1:]
    if path[:2] == ("Results", "*"):
        return path[2:]
    if path[:1] and path[0] in _CLUSTER and path[1:4] == ("*", "Results", "*"):
        return path[4:]
    return None


@dataclass
class _Reading:
    """What was read and later rows need: no more than the heads of report and result."""

    source: Source
    early: Spool
    report: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    result: dict[str, str] = field(default_factory=dict)
    host: str = ""
    waiting: bool = False
    ended: bool = False

    def take(self, step: Step) -> Iterator[Told]:
        """What follows from one step."""
        step = replace(step, path=_of_report(step.path))
        within = _in_result(step.path)
        if step.path == () or (step.path == ("*",) and self.report):
            yield from self._bounds(step)
        elif within is None:
            yield from self._outside(step)
        elif not within and step.event is Event.BEGIN:
            self.result = {}
        elif not within and step.event is Event.END:
            yield from self._late()
        elif len(within) == 1 and step.event is Event.VALUE:
            self.result[within[0]] = word(step.value)
        elif not within:
            yield Unreadable(f"character {step.at}", "a result that is no object")
        elif len(within) == 2 and step.event is Event.VALUE:
            yield from self._item(within[0], step.value, f"{place(within)}, character {step.at}")

    def end(self) -> Iterator[Told]:
        """The report has ended, or the file, perhaps in the middle of a result."""
        if not self.ended:
            yield from self._begin()
            yield from self._late()
        self.report, self.resource, self.result = {}, {}, {}
        self.host, self.ended = "", True

    def _bounds(self, step: Step) -> Iterator[Told]:
        """A report begins or ends, one of several or the only one."""
        if step.event is Event.END:
            yield from self.end()
        self.ended = step.event is Event.END

    def _outside(self, step: Step) -> Iterator[Told]:
        if len(step.path) == 1 and step.event is Event.VALUE:
            self.ended = False
            self.report[step.path[0]] = step.value
        elif len(step.path) == 2 and step.event is Event.END and word(self.resource, "Error"):
            yield from self._begin()
            yield failed(self.host, self._image, word(self.resource, "Error"))
        elif len(step.path) == 2 and step.event is Event.BEGIN:
            self.resource = {}
        elif len(step.path) == 3 and step.event is Event.VALUE:
            self.resource[step.path[2]] = step.value

    def _item(self, kind: str, item: Any, where: str) -> Iterator[Told]:
        if "Target" not in self.result:
            self.early.add([kind, item, where])
            self.waiting = True
            return
        yield from self._begin()
        yield self._row(kind, item, where)

    def _row(self, kind: str, item: Any, where: str) -> Told:
        row = ROWS[kind](self, item) if isinstance(item, Mapping) else None
        return row if row and row.rule else Unreadable(where, "without an id")

    def _late(self) -> Iterator[Told]:
        if self.waiting:
            yield from self._begin()
            for kind, item, where in self.early:
                yield self._row(kind, item, where)
            self.early.clear()
            self.waiting = False

    def _begin(self) -> Iterator[Told]:
        """Scan and host, once. Trivy reads files of the system, as with an account on it."""
        if self.host:
            return
        report = self.report
        named = word(self.source.options, "host")
        artifact = word(report, "ArtifactName") or word(report, "ClusterName")
        self.host = named or artifact or self.source.name
        yield Scan(
            format="trivy",
            tool="Trivy",
            file=self.source.name,
            tool_version=word(report, "Trivy", "Version"),
            content_version=word(report, "SchemaVersion"),
            profile=word(report, "ArtifactType") or ("cluster" if "ClusterName" in report else ""),
            started=word(report, "CreatedAt"),
            credentialed=True,
        )
        names = dict.fromkeys(name for name in (named, artifact) if name)
        os = f"{word(report, 'Metadata', 'OS', 'Family')} {word(report, 'Metadata', 'OS', 'Name')}"
        yield Seen(id=self.host, names=tuple(names), os=os.strip(), credentialed=True)

    @property
    def kind_of_result(self) -> str:
        """The class of the result: os-pkgs, lang-pkgs, config, secret, license."""
        return self.result.get("Class", "")

    @property
    def target(self) -> str:
        """What the result is about, within its resource where there is one."""
        target = self.result.get("Target", "")
        return f"{self._image}: {target}" if self.resource else target

    def artifact(self, item: Mapping[str, Any]) -> str:
        """The artifact a vulnerable package is in; "" when it is the host itself."""
        of_the_system = self.kind_of_result == "os-pkgs"
        path = "" if of_the_system else word(item, "PkgPath") or self.result.get("Target", "")
        if not self._of_an_image:
            return path
        return ": ".join(filter(None, (self._image, path)))

    @property
    def _image(self) -> str:
        """What an image goes by: its name in a cluster or registry, else what Trivy calls it."""
        resource = "/".join(filter(None, (word(self.resource, name) for name in _RESOURCE)))
        return resource or word(self.report, "ArtifactName") or self.result.get("Target", "")

    @property
    def _of_an_image(self) -> bool:
        kind = word(self.report, "ArtifactType")
        return bool(self.resource) or "image" in kind or "ClusterName" in self.report


_RESOURCE = ("Namespace", "Kind", "Name")


FORMAT = Trivy()
