"""Proof: what became of what was found, before against after a change, host by host.

``judging`` compares looks of the same host by the rules of the store (``store.comparison``),
``claim`` says whether "compliant" may be said at all, ``rectification`` puts found, assessed,
approved, rectified, retested and closed together as data.

May import ``store``, ``controls``, ``content`` and ``waivers``; knows no plans but by what the
ledger kept of them.
"""
