"""Retention: archive, leave the hot tier, delete, hold; ``work`` serves a run."""
