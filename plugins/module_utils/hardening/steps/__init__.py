"""The kinds of steps: one class each. Adding a kind is a class and its line in ``KINDS``."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps import (
    access,
    kernel,
    modes,
    packages,
    pam,
    rules,
    services,
    ssh,
    texts,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import Step
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused

_CLASSES: t.Tuple[t.Type[Step], ...] = (
    texts.ConfValue, texts.DropIn, texts.Line, texts.FileAbsent, texts.Sudoers, modes.Mode,
    kernel.Sysctl, kernel.KernelModuleOff, kernel.GrubArgument, kernel.MountOption, access.Account,
    access.Group, services.Unit, services.CommandMade, rules.AuditRules, rules.Nftables,
    ssh.SshdOption, pam.PamProfile, pam.PamOption, packages.Package,
)  # fmt: skip
KINDS = {one.kind: one for one in _CLASSES}


def step_of(row: t.Any, family: str) -> Step:
    """The step that a plan gives. Raises Refused, naming step and field."""
    if not isinstance(row, dict):
        raise Refused("A planned step is not a mapping. Nothing was touched.")
    given = Given(row, family)
    if given.kind not in KINDS:
        raise Refused(
            f"{given.kind[:60]!r} of the planned step {given.id} is no kind that is known here."
            " Nothing was touched."
        )
    return KINDS[given.kind](given)
