"""The lab: booted systemd hosts on this machine, to try and prove runbooks on.

May import ``domains`` (its mirror is a repository of patching), ``execution``, ``text`` and
``model``.
"""

from opsbook.lab.hosts import HostState
from opsbook.lab.lab import Lab
from opsbook.lab.needs import requirements

__all__ = ["HostState", "Lab", "requirements"]
