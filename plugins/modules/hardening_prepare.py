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
  keep:
    description: How many changes' bundles stay on the host, this one included.
    type: int
    default: 3
  wait_seconds:
    description: How long to wait for another opsbook task on this host.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Reads only, and tells whether a bundle would be made.
  diff_mode:
    support: none
    description: Values before and after are in the plan, item by item.
  platform:
    support: full
    platforms: linux
    description: Linux of the Debian family; the RPM family as far as its files are alike.
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
  description: What the checks saw before, under C(before).
  returned: success
  type: dict
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
            "keep": {"type": "int", "default": 3},
            "wait_seconds": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    run_task(module, applying.prepare)


if __name__ == "__main__":
    main()
