"""Checks of audit files (compliance) in Tenable's reports, XML and CSV alike.

One plugin makes hundreds of them, so that their rule is the plugin and the check's name. The first
line of the description has name and result (``"1.1.1 Ensure ..." : [FAILED]``), in the CSV alone.
"""

from __future__ import annotations

import re

from opsbook.domains.hardening.reading.text import line
from opsbook.model.finding import Result

RESULTS = {
    "PASSED": Result.PASS,
    "FAILED": Result.FAIL,
    "WARNING": Result.UNKNOWN,
    "ERROR": Result.ERROR,
    "SKIPPED": Result.NOT_CHECKED,
    "INFO": Result.INFORMATIONAL,
}
_FIRST_LINE = re.compile(r'\s*"(?P<name>[^\n]{1,500}?)"\s*:\s*\[(?P<result>[A-Z]{4,10})\]')


def described(description: str) -> tuple[str, str]:
    """Name and result of the check that ``description`` begins with; "" for what is none."""
    found = _FIRST_LINE.match(description[:1_000])
    return (line(found["name"]), found["result"]) if found else ("", "")


def rule_of(plugin: str, check: str) -> str:
    """What a check of ``plugin`` is known by."""
    return f"{plugin}/{check}"
