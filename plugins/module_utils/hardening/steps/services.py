"""Steps of services and of what a command must have made."""

from __future__ import annotations

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import effects
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
)

_FORMS = (".service", ".socket", ".timer", ".mount", ".path", ".target")
_GOOD = {
    "enabled": ("enabled", "static", "alias", "indirect", "generated"),
    "disabled": ("disabled", "masked", "static", "indirect"),
    "masked": ("masked",),
}


class Unit(Step):
    """Whether a unit starts at boot, and whether it runs."""

    kind = "unit"

    def read(self, given: Given) -> None:
        unit = given.name("unit")
        self.unit = unit if unit.endswith(_FORMS) else unit + ".service"
        enabled = given.raw("enabled", needed=False)
        if enabled not in (None, True, False, "masked"):
            raise given.fault("enabled", "is neither true, false nor masked")
        self.enabled = {True: "enabled", False: "disabled", "masked": "masked"}.get(enabled, "")
        active = given.flag("active")
        self.active = "" if active is None else "active" if active else "inactive"

    def look(self, draft: Draft) -> Look:
        now = effects.now(draft.host, "unit", self.unit)
        now = draft.will_be("unit", self.unit, now)
        if now is None and draft.coming:
            now = {"enabled": "", "active": ""}
        wanted = dict(now or {"enabled": "", "active": ""})
        if self.enabled and wanted["enabled"] not in _GOOD[self.enabled]:
            wanted["enabled"] = self.enabled
        if self.active and draft.host.systemd:
            wanted["active"] = self.active
        if now is None:
            gone = self.enabled != "enabled" and self.active != "active"
            problem = "" if gone else f"there is no unit {self.unit} here"
            return Look(NOTHING, NOTHING if gone else _words(wanted), problem)
        draft.effect("unit", self.unit, now, wanted)
        return Look(_words(now), _words(wanted))


def _words(state: dict[str, str]) -> str:
    return ", ".join(one for one in (state["enabled"], state["active"]) if one) or NOTHING


class CommandMade(Step):
    """Something that only a program of the host can make, such as a database of file sums."""

    kind = "command_made"

    def read(self, given: Given) -> None:
        self.creates = given.path("creates")
        value = given.raw("argv")
        if not isinstance(value, list) or not value:
            raise given.fault("argv", "is no list of words")
        inner = [
            Given({"id": given.id, "kind": given.kind, "argv": one}, given.family) for one in value
        ]
        self.argv = [one.text("argv") for one in inner]

    def look(self, draft: Draft) -> Look:
        if draft.host.stat(self.creates) is not None:
            return Look(self.creates, self.creates)
        draft.generate(self.creates, tuple(self.argv), (self.creates,))
        return Look(NOTHING, self.creates)
