"""Night jobs: what the estate schedules, when it is due, what was missed, cron export.

May import ``lifecycle`` and everything beneath.
"""
