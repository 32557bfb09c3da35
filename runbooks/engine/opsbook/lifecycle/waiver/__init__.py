"""Waivers: findings that are accepted for a while, drafted and counted.

May import ``standing`` and what that may.
"""
