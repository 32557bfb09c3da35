"""The command line: parse, call, show. No decisions are made here.

May import every other room; imports of anything slow stay inside the command's function so
that ``opsbook --help`` is quick.
"""
