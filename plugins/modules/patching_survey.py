#!/usr/bin/python
"""Read a host's packages, what its lists offer and how it stands, changing nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: patching_survey
short_description: Read packages, newer versions and the standing of a host, in one pass
version_added: 0.2.0
description:
  - Reads installed packages, the newer versions that the host's own package lists offer (by
    simulation), how each installed version could be brought back, the state of the package
    manager, kernels, units, listening sockets, mounts, sessions, running programs that use the
    files concerned, room on the disks and certificates.
  - Changes nothing, unless O(refresh=true) is given, which fetches the package lists.
  - Needs no more than the standard library of Python 3.8, and the library of dnf on RPM hosts.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment:
  - opsbook.runbooks.change.patching
  - opsbook.runbooks.change.survey
  - opsbook.runbooks.change.manager
options:
  brief:
    description: Leave out what only a plan needs; for comparing before and after.
    type: bool
    default: false
  key:
    description: The name under which the evidence is kept; by default the survey is the evidence.
    type: str
    default: ""
  beside:
    description: More evidence that is kept with the survey, such as that the host was booted again.
    type: dict
    default: {}
  refresh:
    description: Fetch the package lists before; not in check mode.
    type: bool
    default: false
  certificates:
    description: Paths of certificates in PEM whose end is read; C(*) and C(?) are allowed.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    support: full
    description: Reads only; the package lists are not fetched in check mode.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Read what can be patched
  opsbook.runbooks.patching_survey:
    certificates: [/etc/ssl/private/*.crt]
"""

RETURN = r"""
opsbook_evidence:
  description: The survey, in one order for one state of the host.
  returned: always
  type: dict
  sample:
    schema: opsbook.patching-survey/1
    manager: apt
    candidates:
      - {package: openssl, arch: amd64, from: 3.0.15-1, to: 3.0.17-1, security: true}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import (
    PATCHING_SURVEY as ARGUMENTS,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.survey import survey


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = survey(module.params, may_refresh=not module.check_mode)
    except Refused as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
