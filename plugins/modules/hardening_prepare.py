#!/usr/bin/python
"""Keep everything that undoing a hardening needs, before anything is written."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hardening_prepare
short_description: Make the undo bundle of a change of settings
version_added: 0.2.0
description:
  - Looks at every planned step, and refuses when one does not stand where the plan starts.
  - Asks sshd, visudo, nft and the others about the new files, before anything is in place.
  - Keeps bytes, modes, owners, times and extended attributes of every file that will be touched,
    live values, the states of units, and package files of what is removed.
  - A complete bundle of the same change is kept as it is; a half one is never left.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.hardening
  - opsbook.runbooks.change.keep
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether a bundle would be made.
"""

EXAMPLES = r"""
- name: Keep what undo needs
  opsbook.runbooks.hardening_prepare:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
opsbook_prepared:
  description: What is kept where.
  returned: when a bundle is there
  type: dict
  sample: {change: CHG-20261121-001, files: 14, modes: 3, live: 9, packages: 1, not_kept: []}
opsbook_evidence:
  description: Which older bundles had to go, under C(bundles_dropped).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import applying
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import run_task
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import CHANGE, KEEP

ARGUMENTS = {**CHANGE, **KEEP}


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), applying.prepare)


if __name__ == "__main__":
    main()
