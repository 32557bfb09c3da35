"""What every kind of change needs on a host: it runs on the hosts themselves.

Standard library of Python 3.8 only; never imports the engine, believes nothing that a host says,
never asks a shell. ``hostfiles`` reads and writes files whole, ``keepsakes`` keeps them and puts
them back, ``bundles`` is where a change keeps what its undo needs, ``journal`` says how far a
change has come, ``commands`` runs the host's own programs, ``processes`` and ``standing`` read how
the host stands, ``ending`` ends a module.
"""

from __future__ import annotations
