"""Steps of accounts and groups, field by field; passwords that people set meanwhile stay."""

from __future__ import annotations

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import effects
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
    joined,
)

_NUMBERS = ("max_days", "min_days", "warn_days", "inactive")


class Account(Step):
    """How long passwords of accounts hold, whether they may log in, and their shell."""

    kind = "account"

    def read(self, given: Given) -> None:
        self.users = given.names("users")
        self.fields: dict[str, str] = {}
        for field in _NUMBERS:
            number = given.number(field)
            if number is not None:
                self.fields[field] = "" if number < 0 else str(number)
        if given.flag("lock", False):
            self.fields["lock"] = "locked"
        if given.has("shell"):
            self.fields["shell"] = given.path("shell")
        if not self.fields:
            raise given.fault("max_days", "or another field of an account is missing")

    def look(self, draft: Draft) -> Look:
        before, after, missing = [], [], []
        for user in self.users:
            for field, wanted in self.fields.items():
                key = f"{user}:{field}"
                now = draft.will_be("account", key, effects.now(draft.host, "account", key))
                if now is None:
                    missing.append(user)
                elif now != wanted:
                    before.append(f"{user} {field} {now or NOTHING}")
                    after.append(f"{user} {field} {wanted or NOTHING}")
                    draft.effect("account", key, now, wanted)
        problem = f"there is no account {joined(sorted(set(missing)))} here" if missing else ""
        return Look(joined(before), joined(after), problem)


class Group(Step):
    """A group that is there, or is not."""

    kind = "group"

    def read(self, given: Given) -> None:
        self.name = given.name("name")
        self.present = bool(given.flag("present", True))

    def look(self, draft: Draft) -> Look:
        now = draft.will_be("group", self.name, effects.now(draft.host, "group", self.name))
        draft.effect("group", self.name, now, self.present)
        words = {True: f"group {self.name}", False: NOTHING}
        return Look(words[now], words[self.present])
