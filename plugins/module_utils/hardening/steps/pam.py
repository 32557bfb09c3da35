"""Steps of PAM: profiles that the distribution's own tool puts into the stacks, and options."""

from __future__ import annotations

import re

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import pamtest
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
    joined,
)

_LINE = re.compile(r"^(\s*-?(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+)(\S+)(.*)$")
_TYPES = ("auth", "account", "password", "session")


class PamProfile(Step):
    """A profile of pam-auth-update(8); on hosts with authselect(8) the feature of that name."""

    kind = "pam_profile"

    def read(self, given: Given) -> None:
        self.name = given.name("name")
        self.family = given.family
        self.lines = given.lines("lines")
        self.feature = given.name("feature", "with-" + self.name)

    def look(self, draft: Draft) -> Look:
        return self._authselect(draft) if self.family == "rhel" else self._pam_configs(draft)

    def _pam_configs(self, draft: Draft) -> Look:
        if not draft.host.has("pam-auth-update"):
            return Look(NOTHING, NOTHING, "there is no pam-auth-update here")
        path = f"{pamtest.PROFILES}/{self.name}"
        before = self._told(draft, path)
        weight = draft.weight
        draft.write(path, "".join(line + "\n" for line in self.lines))
        if draft.weight == weight and self._in_use(draft):
            return Look(before, before)
        found, problem = pamtest.enabled(self._files(draft), self.name)
        for name, data in found.items():
            draft.write(name, data)
        if not problem and not self._in_use(draft):
            problem = f"pam-auth-update does not take {self.name}"
        return Look(before, f"{self.name}: {joined(self._modules())}", problem)

    def _told(self, draft: Draft, path: str) -> str:
        data = draft.bytes_of(path)
        if data is None:
            return NOTHING
        lines = data.decode("utf-8", "replace").splitlines()
        words = f"{self.name}: {joined(_modules(lines))}"
        return words if self._in_use(draft) else words + " (not in use)"

    def _modules(self) -> list[str]:
        return _modules(self.lines)

    def _files(self, draft: Draft) -> dict[str, bytes]:
        """What pam-auth-update reads, as the draft has it."""
        names = draft.names(pamtest.PROFILES)
        paths = [*pamtest.PATHS, *(f"{pamtest.PROFILES}/{one}" for one in names)]
        found = {path: draft.bytes_of(path) for path in paths}
        return {path: data for path, data in found.items() if data is not None}

    def _in_use(self, draft: Draft) -> bool:
        """pam-auth-update writes down which profiles its stacks are made of."""
        return any(
            f"Module: {self.name}" in draft.text_of(f"/var/lib/pam/{one}").split("\n")
            for one in pamtest.STACKS
        )

    def _authselect(self, draft: Draft) -> Look:
        done = draft.host.run("authselect", "current", "--raw")
        if done.status:
            return Look(NOTHING, self.feature, "authselect does not look after PAM here")
        if self.feature not in done.out.split():
            names = ("authselect.conf", "system-auth", "password-auth", "postlogin",
                     "fingerprint-auth", "smartcard-auth", "nsswitch.conf")  # fmt: skip
            paths = [f"/etc/authselect/{one}" for one in names]
            argv = ("authselect", "enable-feature", self.feature)
            draft.generate("authselect " + self.feature, argv, paths)
            return Look(NOTHING, self.feature)
        return Look(self.feature, self.feature)


def _modules(lines: list[str]) -> list[str]:
    """The lines of a profile that name modules, on one line each."""
    return [" ".join(line.split()) for line in lines if line[:1] in ("\t", " ") and line.strip()]


class PamOption(Step):
    """Arguments of a module in a stack of PAM: some added, some taken away."""

    kind = "pam_option"

    def read(self, given: Given) -> None:
        self.file = given.path("file")
        self.module = given.name("module")
        self.type = given.choice("type", ("", *_TYPES), "")
        self.add = self._words(given, "add")
        self.remove = self._words(given, "remove")

    def _words(self, given: Given, field: str) -> list[str]:
        value = given.raw(field, needed=False)
        value = [] if value is None else [value] if isinstance(value, str) else value
        inner = [Given({"id": given.id, "kind": given.kind, field: one}, given.family)
                 for one in (value if isinstance(value, list) else [None])]  # fmt: skip
        found = [one.text(field) for one in inner]
        if any(re.search(r"[\s#\\]", word) for word in found):
            raise given.fault(field, "is not one argument of a module")
        return found

    def look(self, draft: Draft) -> Look:
        lines = draft.text_of(self.file).split("\n")
        before, after = [], []
        for i, line in enumerate(lines):
            match = _LINE.match(line)
            if not match or match.group(4) != self.module or self.type not in ("", match.group(2)):
                continue
            words = match.group(5).split()
            wanted = self._wanted(words)
            before.append(" ".join([match.group(2), self.module, *words]))
            after.append(" ".join([match.group(2), self.module, *wanted]))
            if wanted != words:
                lines[i] = " ".join([match.group(1) + match.group(4), *wanted])
        if not before:
            coming = bool(draft.coming or draft.generators)
            problem = "" if coming else f"{self.module} is not in {self.file}"
            return Look(NOTHING, joined(self.add), problem)
        draft.write(self.file, "\n".join(lines))
        return Look(joined(before), joined(after))

    def _wanted(self, words: list[str]) -> list[str]:
        """``remove`` takes ``name`` and ``name=...``; an added ``name=x`` takes another's place."""
        gone = {*self.remove, *(one.partition("=")[0] for one in self.add if "=" in one)}
        kept = [one for one in words if one in self.add or not (
            one in gone or one.partition("=")[0] in gone)]  # fmt: skip
        return [*kept, *(one for one in self.add if one not in kept)]
