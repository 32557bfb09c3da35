"""Steps of audit and firewall rules."""

from __future__ import annotations

import re

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import effects
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import Look
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.texts import DropIn

_AUDIT = re.compile(r"-(?:[aAdwbfeDcirst]|-[a-z-]+)(?:\s|$)")


class AuditRules(DropIn):
    """A file of rules.d; augenrules makes one file of all and the kernel is given that."""

    kind = "audit_rules"

    def read(self, given: Given) -> None:
        super().read(given)
        self.mode = 0o640
        for line in self.lines:
            if line.strip() and not line.startswith("#") and not _AUDIT.match(line):
                raise given.fault("lines", f"hold {line[:60]!r}, which is no rule of auditctl(8)")

    def look(self, draft: Draft) -> Look:
        weight = draft.weight
        found = super().look(draft)
        if draft.weight != weight and (draft.host.has("augenrules") or draft.coming):
            paths = ("/etc/audit/audit.rules", "/etc/audit/audit.rules.prev")
            draft.generate("augenrules", ("augenrules",), paths)
        return found


class Nftables(DropIn):
    """A file of nft(8) that is loaded; the tables that it defines are kept and come back."""

    kind = "nftables"

    def look(self, draft: Draft) -> Look:
        weight = draft.weight
        found = super().look(draft)
        problem = ""
        for key in effects.tables(self.lines):
            was = effects.now(draft.host, "nft", key)
            if was is None and draft.host.has("nft"):
                problem = "nft cannot read the rules that are live here"
            if draft.weight != weight or not was:
                draft.effect("nft", key, was, "file:" + self.file)
        return found._replace(problem=found.problem or problem)
