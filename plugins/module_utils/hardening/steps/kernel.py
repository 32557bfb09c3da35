"""Steps of the kernel: values, modules, what it is started with, how file systems are mounted."""

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
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.texts import _with

OURS = "/etc/sysctl.d/99-zz-opsbook.conf"
"""Read after every file of the distribution and of most sites."""

_FLAGS = ("noexec", "nosuid", "nodev")


class Sysctl(Step):
    """A value of the kernel: in our file, in every file of /etc that says otherwise, and live.

    ``interfaces``: a value of ``net.ipv4.conf.all`` or ``net.ipv6.conf.all`` is also set for
    every interface that is there; the kernel does not do that.
    """

    kind = "sysctl"

    def read(self, given: Given) -> None:
        self.name = given.text("name").replace("/", ".")
        self.value = " ".join(given.text("value").split())
        self.interfaces = bool(given.flag("interfaces", False))
        if not re.fullmatch(r"[A-Za-z0-9_*-]+(\.[A-Za-z0-9_*-]+)+", self.name):
            raise given.fault("name", "is no value of the kernel")

    def look(self, draft: Draft) -> Look:
        before = [f"{path}: {value}" for path, value in self._assigned(draft)]
        self._files(draft)
        live = self._live(draft)
        shown = joined([*before, *live])
        wanted = joined([f"{OURS}: {self.value}", *([f"live: {self.value}"] if live else [])])
        good = all(one.rpartition(": ")[2] == self.value for one in (*before, *live))
        has_ours = any(one.startswith(OURS) for one in before)
        return Look(shown, shown if good and has_ours else wanted)

    def _paths(self, draft: Draft) -> list[str]:
        names = [one for one in draft.names("/etc/sysctl.d") if one.endswith(".conf")]
        paths = [f"/etc/sysctl.d/{one}" for one in names] + ["/etc/sysctl.conf"]
        return [path for path in paths if (found := draft.stat(path)) and found.kind == "file"]

    def _assigned(self, draft: Draft) -> list[tuple[str, str]]:
        return [
            (path, " ".join(match.group(2).split()))
            for path in self._paths(draft)
            for line in draft.text_of(path).split("\n")
            if (match := self._match(line))
        ]

    def _match(self, line: str) -> re.Match[str] | None:
        """sysctl.d(5): ``-name = value``; slashes may stand for dots."""
        match = re.match(r"\s*(-?[\w./*-]+)\s*=\s*(.*?)\s*$", line)
        same = match and match.group(1).lstrip("-").replace("/", ".") == self.name
        return match if same else None

    def _files(self, draft: Draft) -> None:
        wanted = f"{self.name} = {self.value}"
        for path in self._paths(draft):
            lines = draft.text_of(path).split("\n")
            found = [i for i, line in enumerate(lines) if self._match(line)]
            good = all(self._match(lines[i]).group(2).split() == self.value.split() for i in found)
            if path != OURS and found and not good:
                draft.write(path, "\n".join(_with(lines, found, wanted, 0)))
        lines = (draft.text_of(OURS) or "# written by opsbook\n").split("\n")
        found = [i for i, line in enumerate(lines) if self._match(line)]
        if [lines[i] for i in found] != [wanted]:
            draft.write(OURS, "\n".join(_with(lines, found, wanted, len(lines) - 1)))

    def _live(self, draft: Draft) -> list[str]:
        told = []
        for key in self._keys(draft):
            path = "/proc/sys/" + key
            text = draft.host.live(path)
            if text is None:
                continue
            now = draft.will_be("sysctl", key, " ".join(text.split()))
            shown = f"live {key.split('/')[-2]}" if self.interfaces else "live"
            if now == self.value:
                told.append(f"{shown}: {now}")
            elif draft.host.writable(path):
                told.append(f"{shown}: {now}")
                draft.effect("sysctl", key, now, self.value)
        return told

    def _keys(self, draft: Draft) -> list[str]:
        key = self.name.replace(".", "/")
        match = re.match(r"(net/ipv[46]/conf)/all/([\w/]+)$", key)
        if not (self.interfaces and match):
            return [key]
        above = f"/proc/sys/{match.group(1)}"
        found = [one for one in draft.host.names(above) if one not in ("all", "default")]
        return [key, *(f"{match.group(1)}/{one}/{match.group(2)}" for one in found)]


class KernelModuleOff(Step):
    """A module that cannot be loaded, and is not."""

    kind = "kernel_module_off"

    def read(self, given: Given) -> None:
        self.module = given.name("module")

    def look(self, draft: Draft) -> Look:
        path = f"/etc/modprobe.d/opsbook-{self.module}.conf"
        before = draft.bytes_of(path)
        names = sorted({self.module, self.module.replace("-", "_")})
        text = "".join(f"install {one} /bin/false\nblacklist {one}\n" for one in names)
        draft.write(path, text)
        loaded = False if draft.host.container else self._is_loaded(draft)
        if loaded:
            draft.effect("module", self.module, True, False)
        same = before is not None and before.decode("utf-8", "replace") == text
        words = "off" if same else "may be loaded"
        return Look(words + (", loaded" if loaded else ""), "off")

    def _is_loaded(self, draft: Draft) -> bool:
        lines = (draft.host.live("/proc/modules") or "").splitlines()
        loaded = {line.split(" ")[0] for line in lines}
        now = self.module.replace("-", "_") in loaded
        return bool(draft.will_be("module", self.module, now))


class GrubArgument(Step):
    """An argument that the kernel is started with from the next boot on."""

    kind = "grub_argument"
    file = "/etc/default/grub"

    def read(self, given: Given) -> None:
        self.argument = given.text("argument")
        self.value = given.text("value", "")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", self.argument):
            raise given.fault("argument", "is no argument of the kernel")
        if not re.fullmatch(r"[A-Za-z0-9_.,:/@+-]*", self.value):
            raise given.fault("value", "is no value of an argument of the kernel")

    def look(self, draft: Draft) -> Look:
        word = self.argument + (f"={self.value}" if self.value else "")
        if draft.bytes_of(self.file) is None:
            return Look(NOTHING, word, f"there is no {self.file} here")
        lines = draft.text_of(self.file).split("\n")
        found = [i for i, line in enumerate(lines) if line.startswith("GRUB_CMDLINE_LINUX=")]
        match = (
            re.match(r"GRUB_CMDLINE_LINUX=([\"']?)(.*)\1\s*$", lines[found[-1]]) if found else None
        )
        words = match.group(2).split() if match else []
        ours = [one for one in words if one.partition("=")[0] == self.argument]
        if ours != [word]:
            kept = [one for one in words if one not in ours]
            wanted = 'GRUB_CMDLINE_LINUX="{}"'.format(" ".join([*kept, word]))
            draft.write(self.file, "\n".join(_with(lines, found, wanted, len(lines) - 1)))
            self._generate(draft)
        return Look(joined(ours), word)

    def _generate(self, draft: Draft) -> None:
        """update-grub(8), grub2-mkconfig(8); without a boot loader here the file alone counts."""
        for path, program in (("/boot/grub/grub.cfg", "grub-mkconfig"),
                              ("/boot/grub2/grub.cfg", "grub2-mkconfig")):  # fmt: skip
            if draft.host.stat(path) is not None and draft.host.has(program):
                draft.generate(program, (program, "-o", path), (path,))


class MountOption(Step):
    """Options of a mounted file system, in fstab where it is there, and live."""

    kind = "mount_option"

    def read(self, given: Given) -> None:
        self.mount = given.place("mount")
        self.options = given.names("options")
        unknown = set(self.options) - set(_FLAGS)
        if unknown:
            raise given.fault("options", "are none of " + ", ".join(_FLAGS))

    def look(self, draft: Draft) -> Look:
        rows = [
            line.split(" ") for line in (draft.host.live("/proc/self/mounts") or "").splitlines()
        ]
        mounted = [row for row in rows if len(row) > 3 and row[1] == self.mount]
        if not mounted:
            return Look(NOTHING, joined(self.options), f"{self.mount} is not a mount of its own")
        now = [one for one in _FLAGS if one in mounted[-1][3].split(",")]
        now = draft.will_be("mount", self.mount, now)
        wanted = [one for one in _FLAGS if one in now or one in self.options]
        draft.effect("mount", self.mount, now, wanted)
        before = ",".join(now)
        kept = self._fstab(draft, mounted[-1])
        return Look(f"{before or NOTHING} ({kept})", f"{','.join(wanted)} (fstab)")

    def _fstab(self, draft: Draft, row: list[str]) -> str:
        """Have the options in fstab(5); what was there before, in a word."""
        lines = draft.text_of("/etc/fstab").split("\n")
        for i, line in enumerate(lines):
            fields = line.split()
            if len(fields) > 3 and fields[1] == self.mount and not line.lstrip().startswith("#"):
                options = fields[3].split(",")
                missing = [one for one in self.options if one not in options]
                if missing:
                    fields[3] = ",".join([*options, *missing])
                    lines[i] = " ".join(fields)
                    draft.write("/etc/fstab", "\n".join(lines))
                return "not all in fstab" if missing else "fstab"
        options = ",".join(["defaults", *self.options])
        entry = f"{row[0]} {self.mount} {row[2]} {options} 0 0"
        draft.write("/etc/fstab", "\n".join([*lines[:-1], entry, ""]))
        return "not in fstab"
