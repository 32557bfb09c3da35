"""Why something in a scanner's file could not be read, in the language of who reads it.

Readers say it in one fixed English text each (``Unreadable.why``), which the store and the ledger
keep; what is not known here is shown as it is.
"""

from __future__ import annotations

import re

from opsbook.model.message import Message, msg

_CUT = msg("cut off")
_DAMAGED = msg("cut off or damaged")
_TOO_LARGE = msg("larger than is allowed")
_NO_JSON = msg("no JSON")
_NO_HOST = msg("does not say which host")
_NO_ID = msg("without an id")
_TOO_MANY = msg("more than are read")

REASONS = {
    "a line longer than is allowed": msg("a line longer than is allowed"),
    "a list where an object is expected": _NO_JSON,
    "a quote that is never closed": msg("a quote that is never closed"),
    "a result that is no object": _NO_JSON,
    "a result without a host": _NO_HOST,
    "a row without a host": _NO_HOST,
    "a row without a host or a QID": _NO_HOST,
    "a statement without a vulnerability": _NO_ID,
    "a summary of pages that are read themselves": msg(
        "a summary of pages that are read themselves"
    ),
    "a vulnerability without an id": _NO_ID,
    "an archive inside of an archive": msg("an archive inside of an archive"),
    "an archive of more parts than is allowed": _TOO_LARGE,
    "an error of the scanner": msg("an error of the scanner"),
    "columns that are not known": msg("columns that are not known"),
    "could not be scanned": msg("the scanner could not scan it"),
    "bytes in no known encoding": msg("bytes in no known encoding"),
    "cut off": _CUT,
    "cut off or damaged": _DAMAGED,
    "cut off or damaged when unpacked": _DAMAGED,
    "declarations without end": msg("not well-formed XML"),
    "element too large": _TOO_LARGE,
    "encrypted or packed in an unknown way": msg("encrypted or packed in an unknown way"),
    "entities declared, not expanded": msg("entities declared, not expanded"),
    "format not recognised": msg("format not recognised"),
    "item without a plugin": _NO_ID,
    "larger than allowed when unpacked": _TOO_LARGE,
    "larger than is allowed": _TOO_LARGE,
    "locked with a password": msg("locked with a password"),
    "longer or wider than is allowed": _TOO_LARGE,
    "more cells than columns": msg("more cells than columns"),
    "more components than are read": _TOO_MANY,
    "more lines of one kind than are read": _TOO_MANY,
    "more lines than are read": _TOO_MANY,
    "more members than allowed": _TOO_MANY,
    "more products than are read": _TOO_MANY,
    "more vulnerabilities than are read": _TOO_MANY,
    "neither a check nor a vulnerability": msg("neither a check nor a vulnerability"),
    "nested too deep": msg("nested too deep"),
    "no JSON": _NO_JSON,
    "no host": _NO_HOST,
    "no key and value": msg("no key and value"),
    "no name of a finding": msg("no name of a finding"),
    "no number of a vulnerability": _NO_ID,
    "no object": _NO_JSON,
    "no test results in it": msg("no test results in it"),
    "not a table": msg("not a table"),
    "not a whole spreadsheet": msg("not a whole spreadsheet"),
    "not well-formed XML": msg("not well-formed XML"),
    "other": msg("other reasons"),
    "packed too tightly": _TOO_LARGE,
    "result without a rule": _NO_ID,
    "tag too long": _TOO_LARGE,
    "the columns of this format are missing": msg("the columns of this format are missing"),
    "the file ends too early": _CUT,
    "too large": _TOO_LARGE,
    "too many names": _TOO_MANY,
    "unpacks to more than is allowed": _TOO_LARGE,
    "without an id": _NO_ID,
}
_CHARACTERS = re.compile(r"(\d+) characters not in (\S+)")


def reason(why: str) -> Message:
    """``why`` as a message."""
    return REASONS.get(why) or _with_details(why) or msg("{why}", why=why)


def _with_details(why: str) -> Message | None:
    if found := _CHARACTERS.fullmatch(why):
        return msg("{number} characters not in {encoding}", number=found[1], encoding=found[2])
    if why.startswith("no JSON: "):
        return msg("no JSON ({reason})", reason=why.removeprefix("no JSON: "))
    return None
