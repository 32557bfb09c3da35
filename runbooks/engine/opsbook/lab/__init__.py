"""The lab: booted systemd hosts on this machine, to try and prove runbooks on.

May import ``execution``, ``text`` and ``model``.
"""
