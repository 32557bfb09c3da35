"""When work may be done: holidays, workdays, freezes, windows, and the gate before every wave.

The reading of files is in ``load`` and ``ics``; all else is pure. May import ``execution.declared``
(reading declarations) and what is beneath it; nothing of hosts, runs and approvals.
"""
