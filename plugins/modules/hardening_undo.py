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
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.hardening
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether there is anything to bring back.
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
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import CHANGE

ARGUMENTS = CHANGE


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), undoing.undo)


if __name__ == "__main__":
    main()
