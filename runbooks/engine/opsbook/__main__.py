"""``python -m opsbook`` and the ``opsbook`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with a code from :class:`opsbook.model.exits.Exit`."""
    try:
        from opsbook.cli.main import run
        from opsbook.cli.surroundings import finish, steady_streams

        steady_streams()
        code = finish(run(sys.argv[1:]))
    except KeyboardInterrupt:  # while all of it was still being loaded
        code = 14
    sys.exit(code)


if __name__ == "__main__":
    main()
