"""How a run goes over its hosts: waves, leases, budgets, verifying, undoing, progress on record.

Knows plans and ports; knows nothing of approvals and of envelopes, and of a change only the number
under which it tells how its run ended.
"""
