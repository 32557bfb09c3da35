"""Reaching hosts: estates and inventories, SSH, ansible-runner, fabric, testinfra.

Everything outside this machine stands behind a port. May import ``text`` and ``model``.
"""
