"""The life of a run: plan, approve, apply, verify, close; resume after a crash.

Decides what happens next and records it; input and output happen behind the ports of the
rooms below. May import ``domains`` and everything beneath.
"""
