"""Options of sshd: sshd_config(5), where the first value of an option counts."""

from __future__ import annotations

import re

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
    joined,
)

MAIN = "/etc/ssh/sshd_config"
DIRECTORY = "/etc/ssh/sshd_config.d"
_OPTION = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)(?:\s+|\s*=\s*)(.*?)\s*$")


class SshdOption(Step):
    """One option, in the main file, where people and scanners look for it; other values of it
    there and in drop-ins, outside of Match blocks, are made the same, so that any may come first.

    That sshd takes it, and that it is the value that counts, is asked of sshd itself before
    anything is in place (``sshtest``).
    """

    kind = "sshd_option"

    def read(self, given: Given) -> None:
        self.option = given.text("option")
        self.value = given.text("value")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", self.option) or not self.value.strip():
            raise given.fault("option", "is no option of sshd with a value")
        if self.option.lower() in ("match", "include"):
            raise given.fault("option", "would not be an option of its own")

    def look(self, draft: Draft) -> Look:
        if draft.bytes_of(MAIN) is None:
            coming = "openssh-server" in draft.coming
            problem = "" if coming else f"there is no {MAIN} here"
            return Look(NOTHING, f"{self.option} {self.value}", problem)
        before = [f"{path.rpartition('/')[2]}: {value}" for path, value in self._assigned(draft)]
        effective = draft.once("sshd", draft.host.sshd).get(self.option.lower())
        for path in files(draft):
            self._same_everywhere(draft, path)
        self._in_main(draft)
        draft.options[self.option.lower()] = self.value
        draft.authors[f"sshd {self.option.lower()}"] = self.id
        after = [f"{path.rpartition('/')[2]}: {value}" for path, value in self._assigned(draft)]
        live = f"sshd: {effective}" if effective is not None else ""
        if before == after:
            return Look(joined(filter(None, [*before, live])), joined(filter(None, [*after, live])))
        return Look(joined(filter(None, [*before, live])), joined([*after, f"sshd: {self.value}"]))

    def _assigned(self, draft: Draft) -> list[tuple[str, str]]:
        return [
            (path, value)
            for path in files(draft)
            for number, name, value in globals_of(draft.text_of(path))
            if name == self.option.lower()
        ]

    def _same_everywhere(self, draft: Draft, path: str) -> None:
        lines = draft.text_of(path).split("\n")
        for number, name, value in globals_of("\n".join(lines)):
            if name == self.option.lower() and value.split() != self.value.split():
                lines[number] = f"{self.option} {self.value}"
        draft.write(path, "\n".join(lines))

    def _in_main(self, draft: Draft) -> None:
        lines = draft.text_of(MAIN).split("\n")
        if any(name == self.option.lower() for _, name, _ in globals_of("\n".join(lines))):
            return  # made the same already
        matches = [i for i, line in enumerate(lines) if _is_match(line)]
        place = matches[0] if matches else max(0, len(lines) - (lines[-1] == ""))
        lines.insert(place, f"{self.option} {self.value}")
        draft.write(MAIN, "\n".join(lines if lines[-1] == "" else [*lines, ""]))


def files(draft: Draft) -> list[str]:
    """The main file and the drop-ins that it reads."""
    names = [one for one in draft.names(DIRECTORY) if one.endswith(".conf")]
    found = [f"{DIRECTORY}/{one}" for one in names] if includes(draft) else []
    return [path for path in (*found, MAIN) if (at := draft.stat(path)) and at.kind == "file"]


def includes(draft: Draft) -> bool:
    """Whether the main file reads the directory at all."""
    return any(
        name == "include" and DIRECTORY in value
        for _, name, value in globals_of(draft.text_of(MAIN))
    )


def globals_of(text: str) -> list[tuple[int, str, str]]:
    """Number, name in small letters and value of the options before the first Match."""
    found = []
    for number, line in enumerate(text.split("\n")):
        if _is_match(line):
            break
        match = _OPTION.match(line)
        if match:
            found.append((number, match.group(1).lower(), match.group(2)))
    return found


def _is_match(line: str) -> bool:
    return re.match(r"\s*Match\s", line, re.IGNORECASE) is not None
