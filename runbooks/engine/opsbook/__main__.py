"""``python -m opsbook`` and the ``opsbook`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with a code from :class:`opsbook.model.exits.Exit`."""
    from opsbook.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
