"""Collecting: what is new on a host, and bringing it here.

``agent.sh`` is the hand on the host and ``agent`` speaks with it; ``survey`` states what may be
asked; ``planner`` decides, purely, which file continues which stream; ``collector`` and
``hostnight`` carry a night out; ``work`` serves a run. The store is known only through
``logs.port``; ``work`` alone opens it.
"""
