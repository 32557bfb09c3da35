#!/usr/bin/python
"""Take everything that undo needs on a host, before anything is installed."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: patching_prepare
short_description: Make the undo bundle of a change, and fetch what is planned
version_added: 0.2.0
description:
  - Keeps the package files of the installed versions (from the cache, from the archive, or made
    of the installed files), the bytes, modes and owners of configuration files, holds, automatic
    marks, the states of services and the package manager's database.
  - Fetches exactly the planned package files and checks each against the plan's SHA-256.
  - Solves the way back by simulation, from where the host will be; refuses when there is none.
  - A complete bundle of the same change is kept as it is; a half one is never left.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.keep
  - opsbook.runbooks.change.patching
  - opsbook.runbooks.change.repair
"""

EXAMPLES = r"""
- name: Take what undo needs
  opsbook.runbooks.patching_prepare:
    change: "{{ opsbook_change }}"
    plan: "{{ opsbook_plan }}"
"""

RETURN = r"""
opsbook_prepared:
  description: What is kept where.
  returned: when a bundle is there
  type: dict
  sample:
    change: CHG-20261121-001
    directory: /var/lib/opsbook/undo/CHG-20261121-001
    undo: {possible: 30, total: 30}
    how: {archive: 28, cache: 0, repack: 2}
opsbook_evidence:
  description: The standing of the host before, under C(before).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import (
    CHANGE,
    KEEP,
    REPAIR,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import applying
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.task import run_task

ARGUMENTS = {**CHANGE, **KEEP, **REPAIR}


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), applying.prepare)


if __name__ == "__main__":
    main()
