"""Verifying a host after the work: the runbook's testinfra suite, and our pytest plugin."""
