"""``python -m opsbook`` and the ``opsbook`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with a code from :class:`opsbook.model.exits.Exit`."""
    from opsbook.cli.main import run
    from opsbook.cli.surroundings import finish, steady_streams

    steady_streams()
    sys.exit(finish(run(sys.argv[1:])))


if __name__ == "__main__":
    main()
