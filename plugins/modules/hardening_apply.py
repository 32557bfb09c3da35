#!/usr/bin/python
"""Do one stage of a planned hardening on a host, or refuse."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hardening_apply
short_description: Do one stage of a planned hardening, or refuse
version_added: 0.2.0
description:
  - Refuses before its first write when a step does not stand where the plan starts, or when the
    program concerned does not take a new file.
  - Puts all files of the stage in place, has each service read them once, changes what is live, and
    looks at every step again.
  - The stage C(risky) is put under a dead-man undo first. The host brings it back by itself unless
    M(opsbook.runbooks.hardening_confirm) comes by a fresh login in time.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.hardening
  - opsbook.runbooks.change.script
options:
  stage:
    description: Which steps; those that may shut people out are C(risky).
    type: str
    choices: [safe, risky]
    default: safe
"""

EXAMPLES = r"""
- name: Do what is planned
  opsbook.runbooks.hardening_apply:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
guarded:
  description: Whether a dead-man undo is armed and waits for M(opsbook.runbooks.hardening_confirm).
  returned: success
  type: bool
  sample: false
opsbook_evidence:
  description: What was done, under C(applied) or C(applied_risky), and what the checks say after.
  returned: success
  type: dict
  sample:
    applied: {stage: safe, changed: ["login_defs.pass_max_days#1"], services: [], seconds: 1}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import applying
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import run_task
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import CHANGE, SCRIPT

ARGUMENTS = {
    **CHANGE,
    **SCRIPT,
    "stage": {"type": "str", "choices": ["safe", "risky"], "default": "safe"},
}


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), applying.apply)


if __name__ == "__main__":
    main()
