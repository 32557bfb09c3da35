"""What the patching modules share: it runs on the hosts themselves.

Needs no more than the standard library of Python 3.8 (and dnf's own library on RPM hosts), never
imports the engine, and believes nothing that a host or an archive says: names are checked before
they become arguments, and no shell is ever asked.

``snapshot`` reads a host, ``survey`` as a task wants it; ``apt`` (apt and dpkg; ``apthost`` is its
reading half) and ``rpm`` (dnf's library and rpm) are the two package managers behind one set of
methods (``managers``); ``bundle`` keeps what undo needs, ``traces`` says what of a change is there;
how far it has come is in the journal of ``host``; ``applying`` and ``undoing`` are the two ways of
writing.
"""

from __future__ import annotations
