"""Command: waivers export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.cli.options import EstateOption, LimitOption
from opsbook.model.exits import Exit
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.domains.hardening.waivers.export.gathering import Exported


class _Form(StrEnum):
    TAILORING = "tailoring"
    OPENVEX = "openvex"
    CYCLONEDX = "cyclonedx"
    TRIVYIGNORE = "trivyignore"


def register_in(group: typer.Typer) -> None:
    """Add the command of this module to ``group``."""
    group.command("export", help=tr("Write what is waived in the form of another tool."))(_export)


def _export(
    estate: EstateOption,
    form: Annotated[_Form, typer.Option("--form", help=tr("For which tool."))],
    limit: LimitOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help=tr("The file."))] = None,
) -> int:
    from importlib import import_module

    from opsbook.cli.findings_common import asked_estate, open_view
    from opsbook.cli.output import write_text
    from opsbook.domains.hardening.waivers.export.gathering import gather
    from opsbook.execution.declared.inventory import load_inventory
    from opsbook.model.clock import SystemClock

    asked = asked_estate(estate)
    hosts = [host.name for host in load_inventory(asked.estate, asked.places, limit).hosts]
    gathered = gather(open_view(asked), asked.estate, hosts, SystemClock().now())
    module = import_module(f"opsbook.domains.hardening.waivers.export.{form.value}")
    made: Exported = getattr(module, form.value)(gathered)
    _tell(made)
    if not made.text:
        raise _nothing(form.value)
    write_text(made.text, output)
    return Exit.DONE


def _tell(made: Exported) -> None:
    """What is not carried, on standard error: nothing is left out silently."""
    import sys

    from opsbook.model.message import printable
    from opsbook.text import translate

    for left in made.left:
        told = tr("{host} {key} is not carried: {reason}",
                  host=left.host, key=left.key, reason=translate(left.why))  # fmt: skip
        print(printable(told), file=sys.stderr)
    print(tr("Findings carried: {number}", number=made.carried), file=sys.stderr)


def _nothing(form: str) -> Exception:
    from opsbook.model.errors import Refused
    from opsbook.model.message import msg

    return Refused(
        msg("Nothing that is waived on these hosts can be carried by {form}.", form=form),
        untouched=msg("No file was written."),
        next_step=msg("opsbook waivers list shows the waivers."),
    )
