"""Steps of audit and firewall rules."""

from __future__ import annotations

import re

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import effects
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import Look
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.texts import DropIn

_AUDIT = re.compile(r"-(?:[aAdwbfeDcirst]|-[a-z-]+)(?:\s|$)")


_BOTH = ("x86_64", "s390x", "ppc64", "sparc64")
_ONLY_64 = ("aarch64", "riscv64", "loongarch64", "ppc64le")
_LEGACY = {
    *("chmod", "chown", "lchown", "creat", "open", "rename", "unlink", "rmdir"),
    *("create_module", "query_module"),
}


def _of(line: str, machine: str) -> str:
    """A rule as this kind of machine takes it; empty for one that means nothing there."""
    if machine in _BOTH or " arch=b" not in line:
        return line
    if (" arch=b64" in line) != (machine in _ONLY_64):
        return ""
    return re.sub(r" -S (\S+)", _calls, line) if machine in _ONLY_64 else line


def _calls(match: re.Match[str]) -> str:
    kept = [one for one in match.group(1).split(",") if one not in _LEGACY]
    return f" -S {','.join(kept)}" if kept else ""


class AuditRules(DropIn):
    """A file of rules.d; augenrules makes one file of all and the kernel is given that.

    Where there is no second kind of programs (aarch64), or none of 64 bits, lines about it are left
    out, and so are the calls that newer kinds of machines never had: auditctl(8) takes no rule with
    a call that is not in its table, and then none of the file; nor one that it has already.
    """

    kind = "audit_rules"

    def read(self, given: Given) -> None:
        super().read(given)
        self.mode = 0o600
        for line in self.lines:
            if line.strip() and not line.startswith("#") and not _AUDIT.match(line):
                raise given.fault("lines", f"hold {line[:60]!r}, which is no rule of auditctl(8)")

    def look(self, draft: Draft) -> Look:
        lines = (_of(one, draft.host.machine) for one in self.lines)
        self.lines = [*dict.fromkeys(filter(None, lines))]
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
