"""Envelopes: drafted, a run held within one, and that run.

May import ``standing`` and what that may.
"""
