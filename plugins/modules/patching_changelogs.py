#!/usr/bin/python
"""Read the changelogs of newer package versions."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: patching_changelogs
short_description: Read the changelogs of package versions that are not installed yet
version_added: 0.2.0
description:
  - Fetches each package file into a directory that is removed again, and reads its changelog, so
    that the plan can name the CVEs which a version closes.
  - Changes nothing on the host.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment: [opsbook.runbooks.change.manager]
options:
  packages:
    description: One package of each source version that is asked for.
    type: list
    elements: dict
    required: true
    suboptions:
      package:
        description: The name of the binary package.
        type: str
        required: true
      arch:
        description: Its architecture.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      source:
        description: The name of its source package.
        type: str
        required: true
      source_version:
        description: The version of its source package.
        type: str
        required: true
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: Nothing is changed.
  platform:
    support: full
    platforms: linux
    description: Linux with apt and dpkg; with dnf and rpm, not proven on an RPM distribution.
"""

EXAMPLES = r"""
- name: Read what closes which CVE
  opsbook.runbooks.patching_changelogs:
    packages:
      - package: openssl
        arch: amd64
        version: 3.0.17-1~deb12u3
        source: openssl
        source_version: 3.0.17-1~deb12u3
"""

RETURN = r"""
opsbook_evidence:
  description: The changelogs, and which could not be had and why.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import MANAGER
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import changelogs
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import manager

NAMES = ("package", "arch", "version", "source", "source_version")
PACKAGES = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {name: {"type": "str", "required": True} for name in NAMES},
}
ARGUMENTS = {
    **MANAGER,
    "packages": PACKAGES,
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        own = manager(module.params["manager"])
    except Refused as refused:
        module.fail_json(msg=str(refused))
    if own is None:
        module.fail_json(msg="Neither apt nor dnf is on this host. Nothing was touched.")
    evidence = changelogs.read_changelogs(own, module.params["packages"])
    module.exit_json(changed=False, opsbook_evidence=evidence)


if __name__ == "__main__":
    main()
