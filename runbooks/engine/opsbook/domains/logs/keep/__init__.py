"""Keeping: nights received, sealed, committed with a chained manifest, and checked.

``store`` opens nights, ``night`` and ``parts`` receive, ``seal`` looks through what came,
``commit`` makes it count in ``catalogue`` and ``manifest``; ``audit`` checks it all, ``anchors``
against the ledger.
"""
