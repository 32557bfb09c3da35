"""Reaching hosts: estates and inventories, SSH, ansible-runner, fabric, testinfra.

Everything outside this machine stands behind a port, and :mod:`opsbook.execution.work` is the
one towards the lifecycle. What is read stands in ``declared``, ways to a host in ``reach``, work
through Ansible in ``ansible``, what can be found wrong beforehand in ``checks``, verifying in
``verify``. May import ``text`` and ``model``.
"""
