"""The state of opsbook itself as a whole: shown, backed up, restored, brought up to date.

May import ``ledger``, ``text`` and ``model``; knows nothing of what runs and runbooks do.
"""
