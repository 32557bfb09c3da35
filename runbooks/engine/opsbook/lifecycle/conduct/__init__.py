"""How a run goes over its hosts: waves, leases, budgets, verifying, undoing, progress on record.

Knows plans and ports; knows nothing of approvals, of changes' numbers and of envelopes.
"""
