"""What is in a SCAP source datastream: its benchmarks, for which systems, with which profiles.

Source: NISTIR 7275r4 (XCCDF 1.2) 6.3 and 6.4, NIST SP 800-126r3 (SCAP 1.3) 3.1. What a file says is
hostile: it is read streaming, without entities, and cut to sane lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

from opsbook.domains.hardening.content.fitting import System, system_of, system_of_rules
from opsbook.domains.hardening.reading.text import line
from opsbook.domains.hardening.reading.xmlstream import Element, pieces, value
from opsbook.model.faults import WrongValue
from opsbook.model.finding import Unreadable
from opsbook.model.message import msg

_WANTED = frozenset({"title", "version", "platform", "Profile"})
_SKIPPED = frozenset({"Group", "Rule", "Value", "platform-specification", "metadata", "notice",
                      "description", "front-matter", "rear-matter", "oval_definitions", "ocil",
                      "cpe-list", "extended-component", "plain-text"})  # fmt: skip
_MOST = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """A choice of rules. ``short`` is the last part of its id, as people and oscap call it."""

    id: str
    title: str

    @property
    def short(self) -> str:
        """``cis_level1_server`` of ``xccdf_org.ssgproject.content_profile_cis_level1_server``."""
        return self.id.rpartition("_profile_")[2]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Rules for one product. ``platforms`` are CPE names of the systems they are made for."""

    id: str
    version: str
    title: str
    platforms: tuple[str, ...]
    profiles: tuple[Profile, ...]

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems it is made for: by its platforms, else by its id."""
        known = [found for name in self.platforms if (found := system_of(name))]
        named = system_of_rules(self.id)
        return tuple(known) or ((named,) if named else ())

    def fits(self, system: System) -> bool:
        """Whether it is made for that system."""
        return any(one.holds(system) for one in self.systems)

    def profile(self, name: str) -> Profile | None:
        """The profile of that id or short name."""
        return next((one for one in self.profiles if name in (one.id, one.short)), None)

    def to_json(self) -> dict[str, Any]:
        """As kept beside the content and in its event."""
        return {
            "id": self.id, "version": self.version, "title": self.title,
            "platforms": list(self.platforms),
            "profiles": [{"id": one.id, "title": one.title} for one in self.profiles],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Benchmark:
        """Read back what :meth:`to_json` wrote."""
        profiles = tuple(Profile(one["id"], one["title"]) for one in data["profiles"])
        return cls(data["id"], data["version"], data["title"], tuple(data["platforms"]), profiles)


def is_datastream(head: bytes) -> bool:
    """Whether a file that begins like this is a source datastream."""
    return b"data-stream-collection" in head[:4096]


def benchmarks_of(stream: BinaryIO) -> list[Benchmark]:
    """The benchmarks of a datastream. Raises WrongValue when it is none, or is cut off."""
    found: dict[int, _Benchmark] = {}
    elements: list[Element] = []  # held, so that no two have one id
    for piece in pieces(stream, _WANTED, skip=_SKIPPED):
        if isinstance(piece, Unreadable):
            raise WrongValue(msg("{where} could not be read: {why}", where=piece.where,
                                 why=piece.why))  # fmt: skip
        outer = piece.path[-1] if piece.path else None
        if outer is not None and outer.tag == "Benchmark":
            if id(outer) not in found:
                elements.append(outer)
            found.setdefault(id(outer), _Benchmark(outer)).take(piece.element)
    benchmarks = [one.whole() for one in found.values()]
    if not any(one.profiles for one in benchmarks):
        raise WrongValue(msg("there is no benchmark with profiles in it"))
    return benchmarks


class _Benchmark:
    def __init__(self, element: Element) -> None:
        self._id = line(element.get("id"), 300)
        self._texts: dict[str, str] = {}
        self._platforms: list[str] = []
        self._profiles: list[Profile] = []

    def take(self, element: Element) -> None:
        if element.tag == "Profile" and len(self._profiles) < _MOST:
            title = line(value(element, "title"), 300)
            self._profiles.append(Profile(line(element.get("id"), 300), title))
        elif element.tag == "platform" and len(self._platforms) < _MOST:
            self._platforms.append(line(element.get("idref"), 200))
        else:
            self._texts.setdefault(element.tag, line(element.text, 300))

    def whole(self) -> Benchmark:
        return Benchmark(
            self._id, self._texts.get("version", ""), self._texts.get("title", ""),
            tuple(name for name in self._platforms if name.startswith("cpe:")),
            tuple(self._profiles),
        )  # fmt: skip
