#!/usr/bin/python
"""Say by a fresh login that nobody is shut out, so that the risky stage stays."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hardening_confirm
short_description: Take the dead-man undo off a risky stage
version_added: 0.2.0
description:
  - Succeeds only in an SSH session that began after the stage was in place, of the same account.
  - Fails where the host has brought the stage back by itself already.
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
  script:
    description: The script of all checks, run before (when preparing) or after; empty for none.
    type: str
    default: ""
  wait_seconds:
    description: How long to wait for another opsbook task on this host.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether there is anything to confirm.
  diff_mode:
    support: none
    description: Values before and after are in the plan, item by item.
  platform:
    support: full
    platforms: linux
    description: Linux of the Debian family; the RPM family as far as its files are alike.
"""

EXAMPLES = r"""
- name: Come in once more
  ansible.builtin.meta: reset_connection

- name: Keep the risky stage
  opsbook.runbooks.hardening_confirm:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
opsbook_evidence:
  description: That it was confirmed, and what the checks say after.
  returned: success
  type: dict
  sample: {confirmed: true}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import applying
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import run_task


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "change": {"type": "str", "required": True},
            "plan": {"type": "dict", "required": True},
            "script": {"type": "str", "default": ""},
            "wait_seconds": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    run_task(module, applying.confirm)


if __name__ == "__main__":
    main()
