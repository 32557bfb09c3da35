"""What each capability knows, one folder per capability.

May import ``approval``, ``calendars`` and what is beneath them; one capability never imports
another.
"""
