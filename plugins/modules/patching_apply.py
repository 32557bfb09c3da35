#!/usr/bin/python
"""Install exactly the planned versions on a host, or refuse."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: patching_apply
short_description: Install exactly the planned package versions, or refuse
version_added: 0.2.0
description:
  - Refuses before its first write when the host is not where the plan starts, when the undo
    bundle is not complete, or when a simulation of the installation would change anything else.
  - Installs from the package files that M(opsbook.runbooks.patching_prepare) fetched; no archive
    is asked. The host's own configuration files are kept (C(--force-confdef), C(--force-confold)).
  - Continues what was cut short by a crash; restarts the services that the plan names and that
    still run old code.
author:
  - opsbook contributors (@opsbook)
options:
  change:
    description: The number of the change.
    type: str
    required: true
  plan:
    description: The plan of this host, as opsbook gives it in C(opsbook_plan).
    type: dict
    required: true
  repair:
    description: Finish what an interrupted package manager left before this change.
    type: bool
    default: false
  wait_seconds:
    description: How long to wait for another patching task on this host.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether packages would be installed.
  diff_mode:
    support: none
    description: The plan is the difference.
  platform:
    support: full
    platforms: linux
    description: Linux with apt and dpkg, or with dnf and rpm.
"""

EXAMPLES = r"""
- name: Install what is planned
  opsbook.runbooks.patching_apply:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
opsbook_evidence:
  description: What was done under C(applied), and the standing of the host after under C(after).
  returned: success
  type: dict
  sample:
    applied: {restarted: [ssh.service], rebooted: false, conffiles_kept: [], seconds: 12}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import applying
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.task import run_task


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "change": {"type": "str", "required": True},
            "plan": {"type": "dict", "required": True},
            "repair": {"type": "bool", "default": False},
            "wait_seconds": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    run_task(module, applying.apply)


if __name__ == "__main__":
    main()
