"""A change from its plan to its end: planned, compared, admitted, opened, applied, undone.

May import ``conduct`` and ``deciding``.
"""
