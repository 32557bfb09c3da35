"""What a module was asked, and how it ends."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.kept import Kept
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host, System
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import journal
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.ending import end_with

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

SCHEMA = "opsbook.hardening-plan/1"
Result = t.Dict[str, t.Any]


class Task(t.NamedTuple):
    """The change, its plan of this host, and how a module may go about it."""

    change: str
    plan: t.Mapping[str, t.Any]
    stage: str = "safe"
    script: str = ""
    keep: int = 3
    wait_seconds: int = 600
    check: bool = False

    @property
    def given(self) -> t.Mapping[str, t.Any]:
        """What the plan binds. Raises Refused when it is of another kind."""
        given = self.plan.get("given") or {}
        if given.get("schema") != SCHEMA:
            raise Refused("The plan is none of this runbook. Nothing was touched.")
        return given

    @property
    def rows(self) -> list[t.Any]:
        """All planned steps, in the order in which they are to be done. Raises Refused."""
        rows = self.given.get("steps")
        if not isinstance(rows, list):
            raise Refused("The plan has no steps. Nothing was touched.")
        ids = [row.get("id") if isinstance(row, dict) else None for row in rows]
        twice = sorted({str(one) for one in ids if ids.count(one) > 1})
        if twice:
            raise Refused(f"The plan names {twice[0]} twice. Nothing was touched.")
        return rows

    def of_stage(self) -> list[t.Any]:
        """Steps of the stage asked for. Packages come in the safe one, whatever they are for."""
        return [row for row in self.rows if is_risky(row) == (self.stage == "risky")]

    @property
    def has_risky(self) -> bool:
        """Whether a risky stage comes after the safe one."""
        return any(map(is_risky, self.rows))

    @property
    def seconds(self) -> int:
        """How long a fresh login may take before the risky stage comes back."""
        found = self.given.get("confirm_seconds", 120)
        if isinstance(found, bool) or not isinstance(found, int) or not 10 <= found <= 3600:
            raise Refused(
                "confirm_seconds of the plan is not from 10 to 3600. Nothing was touched."
            )
        return found

    @property
    def under_way(self) -> bool:
        """Whether this change has begun to write here before and did not come to its end."""
        return journal.state(self.change) in ("applying", "applied", "undoing")


def is_risky(row: t.Any) -> bool:
    """Whether a step may shut people out. Having a package there does not, its settings do."""
    return bool(isinstance(row, dict) and row.get("risky") and row.get("kind") != "package")


def run_task(module: AnsibleModule, do: t.Callable[[Host, Task], Result]) -> None:
    """Do it with the arguments of ``module``, and end the module with what came of it."""
    known = {key: value for key, value in module.params.items() if key in Task._fields}
    task = Task(check=module.check_mode, **known)
    end_with(module, lambda: do(System(), task), lambda: wrote_nothing(task))


def wrote_nothing(task: Task) -> bool:
    """Whether nothing of this change is on the host. ``applying`` is on the disk before a write."""
    journal.change_number(task.change)
    word = journal.state(task.change)
    if word in ("prepared", "undone"):
        return True
    return word in ("", "begun") and not Kept(task.change).written()
