#!/usr/bin/python
"""Run all checks on a host and look at planned steps, changing nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hardening_survey
short_description: Run all checks of settings and look at planned steps, in one pass
version_added: 0.2.0
description:
  - Runs the script of all checks once, and tells what it prints.
  - Looks at steps, one after the other as if those before it had been done, and tells for each the
    value now, the value after, the services concerned and what is in the way.
  - Tells who is logged in and how, so that a plan shuts nobody out. Changes nothing.
author:
  - opsbook contributors (@opsbook)
extends_documentation_fragment:
  - opsbook.runbooks.change.hardening
  - opsbook.runbooks.change.script
  - opsbook.runbooks.change.survey
options:
  steps:
    description: Steps to look at, as a plan has them.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
    description: Only reads.
"""

EXAMPLES = r"""
- name: See how the host stands
  opsbook.runbooks.hardening_survey:
    script: "{{ opsbook_equipment.script }}"
"""

RETURN = r"""
opsbook_evidence:
  description: The survey.
  returned: always
  type: dict
  sample:
    schema: opsbook.hardening-survey/1
    looks:
      - {id: login_defs.pass_max_days#1, before: PASS_MAX_DAYS 99999, after: PASS_MAX_DAYS 90}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import observing
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import System
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import SCRIPT, SURVEY
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused

ARGUMENTS = {**SCRIPT, **SURVEY, "steps": {"type": "list", "elements": "dict", "default": []}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given, started = module.params, time.monotonic()
    try:
        found = observing.survey(
            System(), given["script"], given["steps"], given["lease_directory"]
        )
    except Refused as refused:
        module.fail_json(msg=str(refused))
    found["seconds"] = round(time.monotonic() - started, 2)
    module.exit_json(changed=False, opsbook_evidence=found)


if __name__ == "__main__":
    main()
