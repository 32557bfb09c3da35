"""What modules of changes say alike in their documentation.

The arguments themselves are in ``module_utils/host/arguments.py``.
"""

from __future__ import annotations


class ModuleDocFragment:
    """``opsbook.runbooks.change`` is the first part, ``opsbook.runbooks.change.NAME`` another."""

    DOCUMENTATION = r"""
options:
  change:
    description: The number of the change.
    type: str
    required: true
  plan:
    description: The plan of this host, as opsbook gives it in C(opsbook_plan).
    type: dict
    required: true
  wait_seconds:
    description: How long to wait for another opsbook task on this host.
    type: int
    default: 600
"""

    KEEP = r"""
options:
  keep:
    description: How many changes' bundles stay on the host, this one included.
    type: int
    default: 3
"""

    REPAIR = r"""
options:
  repair:
    description: Finish first what an interrupted package manager left before this change.
    type: bool
    default: false
"""

    SCRIPT = r"""
options:
  script:
    description: The script of all checks; empty for none.
    type: str
    default: ""
"""

    SURVEY = r"""
options:
  lease_directory:
    description: Where the lease marker of the host lies.
    type: path
    default: /var/lib/opsbook
"""

    MANAGER = r"""
options:
  manager:
    description: The package manager to ask; by default that of the host's family.
    type: str
    choices: [auto, apt, dnf]
    default: auto
"""

    HARDENING = r"""
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether anything would be changed.
  diff_mode:
    support: none
    description: Values before and after are in the plan, item by item.
  platform:
    support: full
    platforms: linux
    description: Linux of the Debian family; the RPM family as far as its files are alike.
"""

    PATCHING = r"""
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether packages would be changed.
  diff_mode:
    support: none
    description: The plan is the difference.
  platform:
    support: full
    platforms: linux
    description: Linux with apt and dpkg, or with dnf and rpm.
"""
