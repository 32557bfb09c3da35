"""Plain data that every room speaks: declarations, events, records, outcomes, errors.

Imports nothing of ours and does no input or output, apart from reading the clock in
:class:`opsbook.model.clock.SystemClock`.
"""
