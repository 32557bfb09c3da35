"""Packages that are to be there, or are not: exactly what was seen when it was planned."""

from __future__ import annotations

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import offered
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
    joined,
)


class Package(Step):
    """Packages by name; what else comes or goes with them is in the look, version by version."""

    kind = "package"

    def read(self, given: Given) -> None:
        self.names = given.names("names")
        if any(name.endswith(("-", "+", "$")) and name[-2:] != "++" for name in self.names):
            raise given.fault("names", "hold a sign that means something else to apt")
        self.present = given.choice("state", ("absent", "present")) == "present"
        self.planned = given.raw("packages", needed=False)

    def look(self, draft: Draft) -> Look:
        there = draft.once("packages", lambda: offered.installed(draft.host))
        named = [one for one in self.names if (one in there) != self.present]
        named = [one for one in named if one not in draft.coming]
        if not named:
            words = joined(
                f"{one} {there.get(one, '')}".strip() for one in self.names if one in there
            )
            return Look(words, words)
        rows, problem = draft.once(
            (self.present, *named), lambda: offered.moves(draft.host, named, self.present)
        )
        draft.packages += rows
        draft.weight += 1
        if self.present and not problem:
            draft.coming.update(named, (row["package"] for row in rows))
        before = joined(f"{row['package']} {row['from']}" for row in rows if row["from"])
        after = joined(f"{row['package']} {row['to']}" for row in rows if row["to"])
        missing = joined(named) if problem and self.present else NOTHING
        return Look(before, after if rows else missing, problem)
