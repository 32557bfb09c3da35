"""From ``argv`` to an exit code: language first, then the command, then its ending in words."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from opsbook import text
from opsbook.model.exits import Exit

_TYPER_STOPPED = 130
"""What typer makes of a KeyboardInterrupt."""


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code (:class:`opsbook.model.exits.Exit`)."""
    asked = _asked_language(argv)
    text.use(text.choose(asked))
    import typer

    from opsbook.cli.app import command
    from opsbook.cli.options import speaks
    from opsbook.cli.surroundings import needs_directory
    from opsbook.model.errors import OpsbookError

    try:
        if asked is not None:
            speaks(asked)
        needs_directory()
        result = command().main(list(argv), prog_name="opsbook", standalone_mode=False)
    except typer.Exit as ending:
        return ending.exit_code
    except typer.TyperException as fault:
        from opsbook.cli.usage import show

        show(fault)
        return Exit.USAGE
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    except OpsbookError as error:
        from opsbook.cli.show import complain

        complain(error)
        return error.exit
    except SystemExit:  # typer's way of saying that nobody reads the output any more
        return Exit.DONE
    except Exception as bug:
        return _unforeseen(bug)
    if result == _TYPER_STOPPED:
        return _stopped()
    return result if isinstance(result, int) else Exit.DONE


def _stopped() -> int:
    print(text.tr("Stopped."), file=sys.stderr)
    print(text.tr("opsbook records list shows whether a run had begun; opsbook resume goes on with"
                  " one."), file=sys.stderr)  # fmt: skip
    return Exit.INTERRUPTED


def _unforeseen(bug: Exception) -> int:
    """The code for what nothing caught: mostly our bug, unless the machine stands in the way."""
    from opsbook.cli.show import complain, confess
    from opsbook.cli.surroundings import in_the_way

    trouble = in_the_way(bug) if isinstance(bug, OSError) else None
    if trouble is not None:
        complain(trouble)
        return trouble.exit
    confess(bug)
    return Exit.OUR_BUG


def _asked_language(argv: Sequence[str]) -> str | None:
    """``--lang X`` or ``--lang=X`` anywhere: needed before the commands and their help exist."""
    for place, word in enumerate(argv):
        if word == "--lang" and place + 1 < len(argv):
            return argv[place + 1]
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--":
            break
    return None
