"""Steps that write configuration files as text."""

from __future__ import annotations

import re

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps import modes
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
    asked_for,
    joined,
)


class Written(Step):
    """A step that writes one file; a service may be asked to read it again."""

    def read(self, given: Given) -> None:
        self.file = given.path("file")
        self.activate = asked_for(given)

    def write(self, draft: Draft, text: str | None, mode: int | None = None) -> None:
        """Want the text, and where that changes the file, what reads it."""
        weight = draft.weight
        draft.write(self.file, text, mode)
        if self.activate and draft.weight != weight:
            draft.asked.add(self.activate)


class ConfValue(Written):
    """Exactly one assignment of a key in force, in its section where the file has sections."""

    kind = "conf_value"

    def read(self, given: Given) -> None:
        super().read(given)
        self.key = given.text("key")
        self.value = given.text("value", "")
        self.separator = given.choice("separator", (" ", "\t", "=", " = ", ": "), " ")
        self.section = given.text("section", "")
        if not self.key or self.key != self.key.strip() or self.key[0] in "#;[":
            raise given.fault("key", "is no key of a file")

    def look(self, draft: Draft) -> Look:
        text = draft.text_of(self.file)
        wanted = self.key + (self.separator + self.value if self.value else "")
        lines, first, last = _section(text.split("\n"), self.section)
        found = [i for i in range(first, last) if self._assigns(lines[i])]
        before = joined(lines[i].strip() for i in found)
        if [lines[i].strip() for i in found] == [wanted]:
            return Look(before, before)
        self.write(draft, "\n".join(_with(lines, found, wanted, self._place(lines, first, last))))
        return Look(before, wanted)

    def _assigns(self, line: str) -> bool:
        stop = r"\s*[=:]" if self.separator.strip() else r"\s"
        return re.match(rf"\s*{re.escape(self.key)}(?:{stop}|\s*$)", line) is not None

    def _place(self, lines: list[str], first: int, last: int) -> int:
        """Below the line that shows the key as a comment, else at the end of the section."""
        for i in range(first, last):
            if re.match(rf"\s*[#;]\s*{re.escape(self.key)}(?:\s|=|:|$)", lines[i]):
                return i + 1
        while last > first and not lines[last - 1].strip():
            last -= 1
        return last


def _section(lines: list[str], name: str) -> tuple[list[str], int, int]:
    """The lines of a section (made where it is not there), from and to; of the whole file."""
    if not name:
        return lines, 0, len(lines)
    heads = [i for i, line in enumerate(lines) if line.strip() == f"[{name}]"]
    if not heads:
        kept = lines[:-1] if lines[-1:] == [""] else lines
        lines = [*kept, f"[{name}]", ""]
        return lines, len(lines) - 1, len(lines) - 1
    first = heads[0] + 1
    for i in range(first, len(lines)):
        if re.match(r"\s*\[[^\]]+\]\s*$", lines[i]):
            return lines, first, i
    return lines, first, len(lines)


def _with(lines: list[str], found: list[int], wanted: str, place: int) -> list[str]:
    """The lines with one assignment: where the last one was, else at ``place``."""
    if found:
        at = found[-1]
        kept = [line for i, line in enumerate(lines) if i not in found or i == at]
        kept[at - (len(found) - 1)] = wanted
    else:
        kept = [*lines[:place], wanted, *lines[place:]]
    return kept if kept[-1] == "" else [*kept, ""]


class DropIn(Written):
    """A whole file of ours."""

    kind = "drop_in"

    def read(self, given: Given) -> None:
        super().read(given)
        self.lines = given.lines("lines")
        self.mode = given.mode("mode", "0644")
        self.owner, self.group = given.name("owner", "root"), given.name("group", "root")

    def look(self, draft: Draft) -> Look:
        before = draft.bytes_of(self.file)
        uid, gid = modes.uid_of(self.owner), modes.gid_of(self.group)
        if uid < 0 or gid < 0:
            return Look(NOTHING, NOTHING, f"there is no {self.owner}:{self.group} here")
        self.write(draft, "".join(line + "\n" for line in self.lines), self.mode)
        draft.set_attributes(self.file, self.mode, uid, gid)
        after = joined(line for line in self.lines if line.strip() and line.lstrip()[0] not in "#;")
        if self.file not in draft.files and self.file not in draft.attributes:
            return Look(after, after)
        return Look(NOTHING if before is None else f"{self.file}: {_shown(before)}", after)


def _shown(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").splitlines()
    return joined(line.strip() for line in lines if line.strip() and line.lstrip()[0] not in "#;")


class Line(Written):
    """A line that is there once (in place of those that match), or that is not there."""

    kind = "line"

    def read(self, given: Given) -> None:
        super().read(given)
        self.absent = bool(given.flag("absent", False))
        self.line = given.text("line", "" if self.absent else None)
        match = given.text("match", "")
        try:
            self.match = re.compile(match) if match else None
        except re.error as error:
            raise given.fault("match", f"is no regular expression: {error}") from error

    def look(self, draft: Draft) -> Look:
        lines = draft.text_of(self.file).split("\n")
        found = [i for i, line in enumerate(lines) if line and self._is_meant(line)]
        before = joined(lines[i].strip() for i in found)
        if self.absent:
            if found:
                kept = [line for i, line in enumerate(lines) if i not in found]
                self.write(draft, "\n".join(kept))
            return Look(before, NOTHING)
        if [lines[i] for i in found] != [self.line]:
            place = len(lines) - 1 if lines[-1] == "" else len(lines)
            self.write(draft, "\n".join(_with(lines, found, self.line, place)))
        return Look(before, self.line)

    def _is_meant(self, line: str) -> bool:
        return line == self.line or (self.match is not None and bool(self.match.search(line)))


class FileAbsent(Written):
    """A file that is not to be there."""

    kind = "file_absent"

    def look(self, draft: Draft) -> Look:
        before = draft.bytes_of(self.file)
        if before is None:
            return Look(NOTHING, NOTHING)
        self.write(draft, None)
        return Look(self.file, NOTHING)


class Sudoers(DropIn):
    """A file of sudo; the validation asks visudo before it is there."""

    kind = "sudoers"

    def look(self, draft: Draft) -> Look:
        self.mode = 0o440
        return super().look(draft)
