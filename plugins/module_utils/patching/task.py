"""What the modules that write have in common: their arguments, and how they end."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import journal, traces
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.applying import (
    Result,
    Task,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.bundle import Bundle
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.commands import (
    Failed,
    Refused,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import manager
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import change_number

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager


def run_task(module: AnsibleModule, do: t.Callable[[Manager, Task], Result]) -> None:
    """Do it with the arguments of ``module``, and end the module with what came of it.

    ``opsbook_refused`` says that this change has written nothing on this host, now or before; a
    refusal on a host that is half-way is a failure, so that the host is brought back.
    """
    known = {key: value for key, value in module.params.items() if key in Task._fields}
    task = Task(check=module.check_mode, **known)
    own = None
    try:
        own = manager(str(task.given.get("manager") or "auto"))
        if own is None:
            raise Refused("Neither apt nor dnf is on this host. Nothing was touched.")
        module.exit_json(**do(own, task))
    except Refused as refused:
        module.fail_json(msg=str(refused), opsbook_refused=_wrote_nothing(own, task))
    except Failed as failed:
        module.fail_json(msg=str(failed))
    except OSError as error:
        where = error.filename or "the disk"
        module.fail_json(msg=f"{where}: {error.strerror}")


def _wrote_nothing(own: Manager | None, task: Task) -> bool:
    try:
        change_number(task.change)
        if journal.state(task.change) in ("", "begun") and Bundle(task.change).manifest() is None:
            return True  # nothing is ever installed before there is a bundle
        return traces.wrote_nothing(task.change, own, task.steps)
    except Refused:  # a plan or number that cannot be used has never been
        return True
