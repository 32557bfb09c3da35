"""Standing approvals: drafted and revoked, a run held within one, and that run.

May import ``change`` and what that may.
"""
