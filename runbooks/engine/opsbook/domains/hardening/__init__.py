"""Hardening: from a scanner's file to a proven, undoable rectification.

``reading`` makes rows of scanners' files, ``store`` keeps them as findings of hosts, ``controls``
is the catalogue of what we can look at and set right, ``scan`` looks at hosts ourselves,
``planning`` makes plans of hosts from findings, ``waivers`` accepts findings for a while,
``proof`` compares before with after.

May import ``approval``, ``calendars``, ``execution``, ``ledger``, ``text`` and ``model``. Scan
files, host names and what hosts answer are hostile: they are values, never templates, shell words,
paths or markup.
"""
