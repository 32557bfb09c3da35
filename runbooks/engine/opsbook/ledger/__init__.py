"""The append-only ledger: hash-chained events, leases, signed checkpoints, witnesses, records.

May import ``text`` and ``model``.
"""
