"""What the modules that write have in common: their arguments, and how they end."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import journal
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.ending import end_with
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.journal import change_number
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import traces
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.applying import (
    Result,
    Task,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.bundle import Bundle
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import manager

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager


def run_task(module: AnsibleModule, do: t.Callable[[Manager, Task], Result]) -> None:
    """Do it with the arguments of ``module``, and end the module with what came of it."""
    known = {key: value for key, value in module.params.items() if key in Task._fields}
    task = Task(check=module.check_mode, **known)
    own: list[Manager] = []

    def work() -> Result:
        found = manager(str(task.given.get("manager") or "auto"))
        if found is None:
            raise Refused("Neither apt nor dnf is on this host. Nothing was touched.")
        own.append(found)
        return do(found, task)

    end_with(module, work, lambda: _wrote_nothing(own[0] if own else None, task))


def _wrote_nothing(own: Manager | None, task: Task) -> bool:
    change_number(task.change)
    if journal.state(task.change) in ("", "begun") and Bundle(task.change).manifest() is None:
        return True  # nothing is ever installed before there is a bundle
    return traces.wrote_nothing(task.change, own, task.steps)
