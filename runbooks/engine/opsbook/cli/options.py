"""Options and arguments that several commands share, and reading ``--set``."""

from __future__ import annotations

from typing import Annotated

import typer

from opsbook.text import tr

EstateOption = Annotated[str, typer.Option("-e", "--estate", help=tr("The estate."))]
LimitOption = Annotated[
    str | None, typer.Option("-l", "--limit", help=tr("Only these hosts, groups or patterns."))
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help=tr("A parameter; may be repeated.")),
]
DetailedOption = Annotated[
    bool, typer.Option("--detailed-exitcode", help=tr("Exit with 2 when hosts were changed."))
]
JsonOption = Annotated[bool, typer.Option("--json", help=tr("As JSON."))]


def speaks(language: str) -> None:
    """Raises UsageFault for a language that is not ours, naming those that are."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg
    from opsbook.text import known

    if not known(language):
        raise UsageFault(
            msg("opsbook does not speak {language}.", language=language),
            untouched=msg("Nothing was started."),
            next_step=msg("The languages are zh and en."),
        )


def pairs(settings: list[str], option: str = "--set") -> dict[str, str]:
    """``name=value`` words as a mapping. Raises UsageFault naming the first that is none."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    for word in settings:
        if "=" not in word:
            raise UsageFault(
                msg("{option} {word} is not of the form name=value.", option=option, word=word),
                untouched=msg("Nothing was started."),
            )
    return {name: value for name, _, value in (word.partition("=") for word in settings)}
