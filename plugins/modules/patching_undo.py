#!/usr/bin/python
"""Bring a host back to the exact packages it had before a change."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: patching_undo
short_description: Bring back the exact packages of before a change
version_added: 0.2.0
description:
  - Installs the kept versions, removes packages that the change added, puts back configuration
    files with their modes and owners, holds, automatic marks and the states of services, and
    verifies all of it against the manifest of the undo bundle.
  - Of services it touches those of the packages, those the plan restarts and those that the change
    left otherwise than it found them; others that differ are named under C(services_left).
  - Needs no network, works on a host that is half-way, and may be run again.
  - Refuses when a package has moved on since to a version that this change does not know.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment:
  - opsbook.runbooks.change
  - opsbook.runbooks.change.patching
"""

EXAMPLES = r"""
- name: Bring back what was there before
  opsbook.runbooks.patching_undo:
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
    packages: [{package: "openssl:amd64", from: 3.0.17-1, to: 3.0.15-1, how: archive}]
    conffiles: [/etc/ssl/openssl.cnf]
    marks: []
    services: [ssh.service]
    services_left: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import CHANGE
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import undoing
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.task import run_task

ARGUMENTS = CHANGE


def main() -> None:
    run_task(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), undoing.undo)


if __name__ == "__main__":
    main()
