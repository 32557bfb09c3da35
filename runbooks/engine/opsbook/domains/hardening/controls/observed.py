"""What the script of the checks told: read line by line, bounded, whatever a host sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_BYTES = 4 * 1024 * 1024
"""The most text that is read of one host."""

MOST_VALUES = 2000
"""The most values that are kept of one observation."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One value that was seen; ``of`` is what it belongs to: a path, a user, or ``""``."""

    value: str
    of: str = ""


@dataclass(slots=True)
class Answers:
    """What was told of one control.

    ``seen`` has an observation that was looked at without finding anything as an empty list;
    one that was not looked at is not in it. ``ran``: the check came to its end.
    """

    seen: dict[str, list[Observation]] = field(default_factory=dict)
    cannot: str = ""
    not_applicable: str = ""
    ran: bool = False
    cut: int = 0

    def values(self, name: str) -> list[str] | None:
        """The values of an observation; None where nobody looked."""
        found = self.seen.get(name)
        return None if found is None else [one.value for one in found]


@dataclass(frozen=True, slots=True)
class HostAnswers:
    """What one host told. ``complete``: the script came to its end. ``strange`` lines were not
    understood, which no check of ours writes.
    """

    controls: Mapping[str, Answers]
    os: str = "unknown"
    version: str = "unknown"
    family: str = "other"
    container: bool = False
    root: bool = False
    complete: bool = False
    strange: int = 0


def read_answers(text: str) -> HostAnswers:
    """What the output of the script of :func:`.compose.compose` says. Never raises."""
    controls: dict[str, Answers] = {}
    host = ["1", "unknown", "unknown", "other", "0", "0"]
    complete, strange = False, 0
    for line in text[:MOST_BYTES].split("\n"):
        word, *rest = line.split("\t", 5)
        if word == "host" and len(line.split("\t")) == 7:
            host = line.split("\t")[1:]
        elif word == "end" and not rest:
            complete = True
        elif line and not _take(controls, word, rest):
            strange += 1
    return HostAnswers(
        controls, host[1], host[2], host[3], host[4] == "1", host[5] == "1",
        complete and len(text) <= MOST_BYTES, strange,
    )  # fmt: skip


def _take(controls: dict[str, Answers], word: str, rest: list[str]) -> bool:
    """Put one line where it belongs; whether it was understood."""
    if not rest or len(rest) != _FIELDS.get(word):
        return False
    answers = controls.setdefault(rest[0], Answers())
    if word == "ran":
        answers.ran = True
    elif word == "cannot":
        answers.cannot = answers.cannot or rest[1]
    elif word == "not_applicable":
        answers.not_applicable = answers.not_applicable or rest[1]
    else:
        seen = answers.seen.setdefault(f"{rest[1]}.{rest[2]}", [])
        if word == "see" and len(seen) < MOST_VALUES:
            seen.append(Observation(rest[4], rest[3]))
        elif word == "see":
            answers.cut += 1
    return True


_FIELDS = {"ran": 1, "cannot": 2, "not_applicable": 2, "none": 3, "see": 5}
