"""What every command needs to speak: complaints, listings, JSON."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from opsbook import __version__
from opsbook.model.errors import InputFault, OpsbookError
from opsbook.model.faults import Fault
from opsbook.model.message import Message
from opsbook.text import tr, translate


def complain(error: OpsbookError) -> None:
    """What is wrong, what was left untouched, what to type next; on standard error."""
    say = [translate(error.problem)]
    if isinstance(error, InputFault):
        say += [f"  {fault_line(fault)}" for fault in error.faults]
    if error.untouched:
        say.append(translate(error.untouched))
    if error.next_step:
        say.append(translate(error.next_step))
    with suppress(OSError):  # on a full disk the exit code still says it
        print("\n".join(say), file=sys.stderr)


def fault_line(fault: Fault) -> str:
    """Where it is wrong, and what."""
    return ": ".join(filter(None, (fault_place(fault), translate(fault.problem))))


def fault_place(fault: Fault) -> str:
    """File, line and path, as far as they are known."""
    place = f"{fault.file}:{fault.line}" if fault.line else fault.file
    return ": ".join(filter(None, (place, fault.path)))


def confess(bug: BaseException) -> None:
    """Our own bug: say so, and give what a report needs."""
    traceback.print_exception(bug)
    print(
        tr("This is a fault of opsbook {version} itself; please report the lines above.",
           version=__version__),
        file=sys.stderr,
    )  # fmt: skip


def warn(problems: Iterable[Message]) -> None:
    """What went wrong beside what was done, such as a witness that did not hear of it; on
    standard error, whatever is written to standard output.
    """
    for problem in problems:
        print(translate(problem), file=sys.stderr)


def as_json(value: Any) -> None:
    """``value`` as indented JSON on standard output; non-ASCII stays readable."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def listing(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], *, to_json: bool
) -> None:
    """Rows as an aligned table, or as a JSON array of the same rows.

    ``columns`` are (key of the row, heading already translated). On a terminal that is too narrow
    cells are broken into lines; what goes into a pipe has one line for each row.
    """
    rows = list(rows)
    if to_json:
        as_json(rows)
        return
    cells = [[heading for _, heading in columns]]
    cells += [[_cell(row.get(key)) for key, _ in columns] for row in rows]
    from opsbook.documents.terminal import columns as across
    from opsbook.documents.terminal import in_columns

    for line in in_columns(cells, across() if sys.stdout.isatty() else None):
        print(line)


def _cell(value: Any) -> str:
    from opsbook.model.message import printable

    return "" if value is None else printable(str(value))
