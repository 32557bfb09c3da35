"""Scanners that hosts have installed: what each needs, how it is called, which file it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from opsbook.domains.hardening.content.datastream import Benchmark
from opsbook.domains.hardening.content.fitting import System, fits, system_of, system_of_rules
from opsbook.domains.hardening.content.shelf import Content, Shelf
from opsbook.domains.hardening.scan.remote import Equipped, Order
from opsbook.model.errors import HostFailed, HostRefused
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg

_UNTOUCHED = msg("The host was not scanned.")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,299}", re.ASCII)
_ROOM_KIB = 256 * 1024
"""The least room below /tmp: rules, results and their compressed copies."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """How a host is scanned: the order, what is sent to it, and what the record says of it."""

    order: Order
    content: Content | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


class Tool(Protocol):
    """Port: one scanner."""

    @property
    def name(self) -> str:
        """As people call it: oscap, lynis."""
        ...

    @property
    def suffix(self) -> str:
        """The end of the name of its file, without ``.gz``."""
        ...

    def prepare(self, host: Host, has: Equipped, parameters: Mapping[str, Any]) -> Prepared:
        """How ``host`` is scanned. Raises HostRefused where it cannot be, or would prove nothing;
        HostFailed where the scanner is missing.
        """
        ...

    def sending(self, prepared: Prepared) -> Any:
        """A context that gives the stream of what is sent, or None."""
        ...

    def problem(self, rc: int) -> bool:
        """Whether that exit code means that the scan did not work."""
        ...


class Oscap:
    """OpenSCAP (oscap(8)): rules of its own on the host, or brought along."""

    name = "oscap"
    suffix = ".xml"

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def prepare(self, host: Host, has: Equipped, parameters: Mapping[str, Any]) -> Prepared:
        """See :meth:`Tool.prepare`. Rules made for another system are refused."""
        _installed(host, "oscap", has.oscap, "openscap-scanner")
        _room(host, has, int(parameters["memory_mib"]))
        profile = _plain(str(parameters["profile"]))
        skipped = [_plain(one) for one in str(parameters["skip"]).split(",") if one.strip()]
        system = system_of(has.system)
        content, benchmark = self._brought(host, system, profile, str(parameters["content"]))
        there = "" if content else _on_host(host, has, system, str(parameters["content"]))
        words = ["oscap", "xccdf", "eval", "--profile", profile]
        if benchmark is not None:
            found = benchmark.profile(profile)
            words[-1] = found.id if found else profile
            words += ["--benchmark-id", benchmark.id]
        for rule in skipped:
            full = (
                rule if rule.startswith("xccdf_") else f"xccdf_org.ssgproject.content_rule_{rule}"
            )
            words += ["--skip-rule", full]
        words += ["--results", "results.xml", there or "content.xml"]
        told = {"content": content.name if content else there, "profile": words[4],
                "content_version": benchmark.version if benchmark else "", "skipped": skipped,
                "content_sha256": content.sha256 if content else ""}  # fmt: skip
        order = Order(
            words, "results.xml", int(parameters["seconds"]), int(parameters["memory_mib"])
        )
        return Prepared(order, content, told)

    def _brought(
        self, host: Host, system: System | None, profile: str, wanted: str
    ) -> tuple[Content | None, Benchmark | None]:
        """The content to send and the benchmark in it; (None, None): what the host has itself."""
        if wanted == "host":
            return None, None
        if wanted != "auto":
            content = self._shelf.find(wanted)
            return content, _chosen(host, content, system, profile)
        for content in self._shelf.contents():
            benchmark = content.for_system(system) if system else None
            if benchmark is not None and benchmark.profile(profile):
                return content, benchmark
        return None, None

    @contextmanager
    def sending(self, prepared: Prepared) -> Iterator[BinaryIO | None]:
        """The datastream, compressed, where it is brought along."""
        if prepared.content is None:
            yield None
            return
        with self._shelf.packed(prepared.content) as file:
            yield file

    def problem(self, rc: int) -> bool:
        """0: all pass, 2: some fail (oscap(8), EXIT STATUS)."""
        return rc not in (0, 2)


class Lynis:
    """Lynis (lynis(8)), as it is installed."""

    name = "lynis"
    suffix = ".dat"

    def prepare(self, host: Host, has: Equipped, parameters: Mapping[str, Any]) -> Prepared:
        """See :meth:`Tool.prepare`."""
        _installed(host, "lynis", has.lynis, "lynis")
        words = ["lynis", "audit", "system", "--quick", "--quiet", "--no-colors",
                 "--report-file", "report.dat", "--logfile", "lynis.log"]  # fmt: skip
        order = Order(
            words, "report.dat", int(parameters["seconds"]), int(parameters["memory_mib"])
        )
        return Prepared(order)

    @contextmanager
    def sending(self, prepared: Prepared) -> Iterator[BinaryIO | None]:
        """Nothing."""
        yield None

    def problem(self, rc: int) -> bool:
        """Any but 0, and 78 for warnings (lynis, include/consts)."""
        return rc not in (0, 78)


def _installed(host: Host, program: str, version: str, package: str) -> None:
    if not version:
        raise HostFailed(
            msg("{host} has no {program}.", host=host.name, program=program),
            next_step=msg("Have the package {package} installed there, or scan without it:"
                          " opsbook findings scan.", package=package),
        )  # fmt: skip


def _room(host: Host, has: Equipped, memory_mib: int) -> None:
    if has.room_kib is not None and has.room_kib < _ROOM_KIB:
        raise HostRefused(
            msg("{host} has {mib} MiB free below /tmp; a scan needs {least}.", host=host.name,
                mib=has.room_kib // 1024, least=_ROOM_KIB // 1024),
            untouched=_UNTOUCHED,
        )  # fmt: skip
    if has.memory_kib is not None and has.memory_kib < memory_mib * 512:
        raise HostRefused(
            msg("{host} has {mib} MiB of memory left; a scan may take {most}.", host=host.name,
                mib=has.memory_kib // 1024, most=memory_mib),
            untouched=_UNTOUCHED,
            next_step=msg("Try again when it is quieter, or allow less with --set memory_mib=..."),
        )  # fmt: skip


def _chosen(host: Host, content: Content, system: System | None, profile: str) -> Benchmark:
    """The benchmark of content that was asked for by name. Raises HostRefused where it is made
    for another system; of what does not say for which, who asks must know.
    """
    for benchmark in content.benchmarks:
        if benchmark.systems and not (system and benchmark.fits(system)):
            continue
        if benchmark.profile(profile) is None:
            raise HostRefused(
                msg("{content} has no profile {profile}.", content=content.name, profile=profile),
                untouched=_UNTOUCHED,
                next_step=msg("Its profiles are: {names}",
                              names=", ".join(one.short for one in benchmark.profiles)),
            )  # fmt: skip
        return benchmark
    made_for = ", ".join(str(one) for each in content.benchmarks for one in each.systems)
    raise _mismatch(host, msg("{content} is made for {systems}", content=content.name,
                              systems=made_for), system)  # fmt: skip


def _on_host(host: Host, has: Equipped, system: System | None, wanted: str) -> str:
    """The datastream that the host has itself. Raises HostRefused where it has none that fits."""
    for path in has.contents:
        rules = system_of_rules(path.rpartition("/")[2].removesuffix("-ds.xml"))
        if fits(rules, system):
            return path
    what = msg("there are no rules for it") if wanted == "auto" else msg("it has no rules itself")
    raise _mismatch(host, what, system)


def _mismatch(host: Host, what: Message, system: System | None) -> HostRefused:
    return HostRefused(
        msg("{host} is {system}: {what}.", host=host.name, system=str(system or "?"), what=what),
        untouched=_UNTOUCHED,
        next_step=msg("Rules for another system would say of everything that it does not apply."
                      " opsbook findings content import FILE --sha256 HEX brings in the right"
                      " ones; opsbook findings content list lists what there is."),
    )  # fmt: skip


def _plain(word: str) -> str:
    """An id of a profile or rule. Raises HostRefused for anything else."""
    if not _WORD.fullmatch(word.strip()):
        raise HostRefused(
            msg("{word} is no name of a profile or rule.", word=word), untouched=_UNTOUCHED
        )
    return word.strip()
