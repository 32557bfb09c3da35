"""What each capability knows, one folder per capability.

May import ``execution``, ``ledger``, ``documents``, ``text`` and ``model``; one capability
never imports another.
"""
