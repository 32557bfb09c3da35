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
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.hardening
  - opsbook.runbooks.change.script
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether there is anything to confirm.
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
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import CHANGE, SCRIPT

ARGUMENTS = {**CHANGE, **SCRIPT}


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), applying.confirm)


if __name__ == "__main__":
    main()
