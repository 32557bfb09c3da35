"""Kept lines and completeness as they appear on a terminal or in a pipe."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import tzinfo

from opsbook.cli.words import labelled
from opsbook.domains.logs.read.daily import Daily
from opsbook.domains.logs.read.reader import Hit
from opsbook.model.message import printable
from opsbook.text import tr


def print_hits(hits: Iterable[Hit], zone: tzinfo, *, to_json: bool, named: bool) -> int:
    """Print lines as they come; how many. ``named`` puts host, source and file before each.

    What a host wrote is shown on a terminal with its control characters visible; into a pipe it
    goes as it is.
    """
    terminal = sys.stdout.isatty()
    count = 0
    for hit in hits:
        if to_json:
            sys.stdout.write("[\n" if count == 0 else ",\n")
            sys.stdout.write(_json(_plain(hit, zone)))
        else:
            name = _name(hit) if named else ""
            text = _visible(hit.text) if terminal else hit.text
            sys.stdout.write(name + text + _cut(hit) + "\n")
        count += 1
    if to_json:
        sys.stdout.write("[]\n" if count == 0 else "\n]\n")
    return count


def _json(value: object) -> str:
    """Readable as it stands, but for what could command a terminal or turn text around."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def _plain(hit: Hit, zone: tzinfo) -> dict[str, object]:
    return asdict(hit) | {"at": hit.at.astimezone(zone).isoformat() if hit.at else None}


def _name(hit: Hit) -> str:
    return " ".join(filter(None, (hit.host, hit.source, printable(hit.path)))) + ": "


def _visible(text: str) -> str:
    return "\t".join(printable(part) for part in text.split("\t"))


def _cut(hit: Hit) -> str:
    return tr(" ... (cut: the line has {length} bytes)", length=hit.length) if hit.cut else ""


def print_daily(found: Sequence[Daily]) -> None:
    """One line per host, source and day."""
    for each in found:
        who = f"{each.day}  {each.host}  {each.found.source}"
        if each.found.expected is None:
            what = tr("{have} minutes with lines, nothing declared", have=f"{each.found.have:,}")
            print(labelled(who, what))
            continue
        what = tr("expected {expected} minutes, have {have}",
                  expected=f"{each.found.expected:,}", have=f"{each.found.have:,}")  # fmt: skip
        gaps = "".join(tr(", gap {gap}", gap=_gap(*gap)) for gap in each.found.gaps)
        print(labelled(who, what + gaps))
    if not found:
        print(tr("Nothing has been collected of these days."))


def _gap(first: str, last: str) -> str:
    """``03:12-03:14``; a single minute stands alone."""
    return first[11:] if first == last else f"{first[11:]}-{last[11:]}"
