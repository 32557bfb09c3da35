"""What a night's record says of one host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from opsbook.domains.logs.collect.collector import Outcome as Collected
from opsbook.domains.logs.collect.survey import Note, shown
from opsbook.domains.logs.model import NightResult
from opsbook.execution.work import HostReport
from opsbook.model.clock import stamp
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome

MOST_NOTES = 200
"""Files named in a record; of more, their number is told."""


@dataclass(slots=True)
class Timing:
    """Measured around one host's night. Seconds per phase are of the run's monotonic clock."""

    wire_bytes: int = 0
    clock_offset: int = 0
    boot_id: str = ""
    packer: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    _phase: tuple[str, float] = ("", 0.0)

    def begin(self, name: str, now: float) -> None:
        """A phase begins and the former one ends; ``""`` when there is no next one."""
        former, since = self._phase
        if former:
            self.seconds[former] = self.seconds.get(former, 0.0) + now - since
        self._phase = (name, now)


def report(
    host: str, result: NightResult, timing: Timing, collected: Collected | None = None
) -> HostReport:
    """The report of a committed night; after a crash only the store's part is known."""
    collected = collected or Collected()
    lines = sum(total.lines for total in result.totals)
    raw = sum(total.raw_bytes for total in result.totals)
    summary = msg("Nothing new.")
    if raw:
        summary = msg("{lines} new lines, {bytes} bytes collected.", lines=lines, bytes=raw)
    evidence = {
        **_kept(result),
        "losses": [loss.to_json() for loss in collected.losses.values()],
        "skipped": [_note(note) for note in list(collected.notes.values())[:MOST_NOTES]],
        "skipped_count": len(collected.notes),
        "files": collected.files,
        "files_read": collected.read,
        "wire_bytes": timing.wire_bytes,
        "clock_offset_seconds": timing.clock_offset,
        "boot_id": timing.boot_id,
        "transport": timing.packer,
        "seconds": {
            name: round(timing.seconds.get(name, 0.0), 3) for name in ("survey", "transfer", "seal")
        },
    }
    deviations = (*collected.deviations, *_silences(result))
    return HostReport(host, Outcome.OK, summary, evidence, deviations)


def _silences(result: NightResult) -> Iterator[Message]:
    """Minutes in which a source should have written and did not."""
    for part in result.completeness:
        if part.expected and part.gaps:
            yield msg(
                "{source}: minutes with lines: {have} of {expected}; the first gap is {first} to"
                " {last}.",
                source=part.source, have=part.have, expected=part.expected,
                first=part.gaps[0][0], last=part.gaps[0][1],
            )  # fmt: skip


def _kept(result: NightResult) -> dict[str, Any]:
    return {
        "day": result.day,
        "manifest_sha256": result.manifest_sha256,
        "totals": [_plain(asdict(total)) for total in result.totals],
        "completeness": [_plain(asdict(part)) for part in result.completeness],
        "dropped": len(result.dropped),
        "notes": [note.to_json() for note in result.notes],
        "seal_seconds": round(result.seal_seconds, 3),
    }


def _note(note: Note) -> dict[str, Any]:
    return {"path": shown(note.path), "reason": note.reason.to_json()}


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _value(value) for key, value in data.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, (list, tuple)):
        return [_value(part) for part in value]
    return value
