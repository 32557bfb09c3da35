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
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.patching
  - opsbook.runbooks.change.repair
"""

EXAMPLES = r"""
- name: Install what is planned
  opsbook.runbooks.patching_apply:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
opsbook_boot_owed:
  description: Whether all is done but the boot of this host that the plan ends with.
  returned: success
  type: bool
opsbook_evidence:
  description: What was done under C(applied), and the standing of the host after under C(after).
  returned: success
  type: dict
  sample:
    applied: {restarted: [ssh.service], rebooted: false, conffiles_kept: [], seconds: 12}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import CHANGE, REPAIR
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import applying
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.task import run_task

ARGUMENTS = {**CHANGE, **REPAIR}


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), applying.apply)


if __name__ == "__main__":
    main()
