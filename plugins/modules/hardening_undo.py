#!/usr/bin/python
"""Bring a host back to the settings of before a change."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hardening_undo
short_description: Bring back the settings of before a change
version_added: 0.2.0
description:
  - Puts back files with bytes, modes, owners and times, live values, units, accounts field by
    field and packages with their exact versions, has services read their files, and verifies.
  - Refuses before its first write when somebody else has changed one of them since, and names it.
  - Needs no network, works on a host that is half-way, and may be run again.
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
  wait_seconds:
    description: How long to wait for another opsbook task on this host.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether there is anything to bring back.
  diff_mode:
    support: none
    description: Values before and after are in the plan, item by item.
  platform:
    support: full
    platforms: linux
    description: Linux of the Debian family; the RPM family as far as its files are alike.
"""

EXAMPLES = r"""
- name: Bring back what was there before
  opsbook.runbooks.hardening_undo:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
opsbook_undone:
  description: What was brought back, and that it was verified.
  returned: success
  type: dict
  sample:
    verified: true
    files: [/etc/login.defs]
    live: [sysctl net/ipv4/tcp_syncookies]
    packages: []
    services: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import undoing
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import run_task


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "change": {"type": "str", "required": True},
            "plan": {"type": "dict", "required": True},
            "wait_seconds": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    run_task(module, undoing.undo)


if __name__ == "__main__":
    main()
