"""A host as it would be: what steps want written, on top of what is there.

Every step looks at the draft that the steps before it left, so two of them may write to one file.
Nothing is written; what the draft holds in the end is everything a stage will do.
"""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.placing import Stat, Wanted


class Effect(t.NamedTuple):
    """Something live (or of accounts) that is to be changed: what it was, what it is to be.

    Both are plain JSON; ``effects`` knows for each kind how to get from one to the other.
    """

    kind: str
    key: str
    was: t.Any
    wanted: t.Any


class Generator(t.NamedTuple):
    """A program of the host that writes files itself, from files written before."""

    name: str
    argv: t.Tuple[str, ...]
    paths: t.Tuple[str, ...]


class Attributes(t.NamedTuple):
    """Mode and owner that a file or directory is to have."""

    mode: int
    uid: int
    gid: int


class Draft:
    """What a stage will do. ``coming`` are packages that earlier steps put on the host.

    ``step`` is the one that looks now; ``authors`` says who wrote which file last, and who wants
    which option of sshd (``sshd NAME``).
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.files: dict[str, Wanted] = {}
        self.attributes: dict[str, Attributes] = {}
        self.effects: dict[tuple[str, str], Effect] = {}
        self.generators: dict[str, Generator] = {}
        self.packages: list[dict[str, t.Any]] = []
        self.coming: set[str] = set()
        self.asked: set[tuple[str, str]] = set()
        self.options: dict[str, str] = {}
        self.weight = 0
        self._told: dict[t.Any, t.Any] = {}
        self.step = ""
        self.authors: dict[str, str] = {}

    def stat(self, path: str) -> Stat | None:
        """What will be at ``path``."""
        if path in self.files:
            wanted = self.files[path]
            if wanted.data is None:
                return None
            return Stat("file", wanted.mode, wanted.uid, wanted.gid, 1)
        found = self.host.stat(path)
        if found is not None and path in self.attributes:
            return found._replace(**self.attributes[path]._asdict())
        return found

    def bytes_of(self, path: str) -> bytes | None:
        """What will be in a file; None when it will not be there. Raises Refused for a link."""
        if path in self.files:
            return self.files[path].data
        found = self.host.stat(path)
        if found is not None and found.kind != "file":
            raise Refused(f"{path} is no plain file but a {found.kind}. Nothing was touched.")
        return self.host.read(path)

    def text_of(self, path: str) -> str:
        """The same as text; empty when it will not be there. Bytes of any kind survive."""
        return (self.bytes_of(path) or b"").decode("utf-8", "surrogateescape")

    def names(self, directory: str) -> list[str]:
        """The names that will be in a directory."""
        found = set(self.host.names(directory))
        for path, wanted in self.files.items():
            above, _, name = path.rpartition("/")
            if above == directory:
                (found.discard if wanted.data is None else found.add)(name)
        return sorted(found)

    def write(self, path: str, text: str | bytes | None, mode: int | None = None) -> None:
        """Want this text in a file; what is there keeps mode and owner unless ``mode`` is given."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        found = self.stat(path)
        if found is None:
            wanted = Wanted(data, 0o644 if mode is None else mode)
        else:
            kept = found.mode if mode is None else mode
            wanted = Wanted(data, kept, found.uid, found.gid)
        now = self.bytes_of(path)
        if now != data or (found is not None and data is not None and found.mode != wanted.mode):
            self.files[path] = wanted
            self.attributes.pop(path, None)
            self.authors[path] = self.step
            self.weight += 1

    def set_attributes(self, path: str, mode: int, uid: int, gid: int) -> None:
        """Want this mode and owner."""
        found = self.stat(path)
        if found is None or (found.mode, found.uid, found.gid) == (mode, uid, gid):
            return
        if path in self.files:
            self.files[path] = self.files[path]._replace(mode=mode, uid=uid, gid=gid)
        else:
            self.attributes[path] = Attributes(mode, uid, gid)
        self.weight += 1

    def effect(self, kind: str, key: str, was: t.Any, wanted: t.Any) -> None:
        """Want something live changed."""
        first = self.effects.get((kind, key))
        was = first.was if first else was
        if wanted != (first.wanted if first else was):
            self.effects[(kind, key)] = Effect(kind, key, was, wanted)
            self.weight += 1

    def will_be(self, kind: str, key: str, now: t.Any) -> t.Any:
        """What something live will be after the steps before, where it is ``now``."""
        found = self.effects.get((kind, key))
        return found.wanted if found else now

    def generate(self, name: str, argv: t.Sequence[str], paths: t.Sequence[str]) -> None:
        """Have a program write ``paths`` once the files are there."""
        if name not in self.generators:
            self.weight += 1
        self.generators[name] = Generator(name, tuple(argv), tuple(paths))

    def once(self, question: t.Any, ask: t.Callable[[], t.Any]) -> t.Any:
        """What ``ask`` answers to a question about what is in place, asked once in a draft."""
        if question not in self._told:
            self._told[question] = ask()
        return self._told[question]

    @property
    def paths(self) -> list[str]:
        """Every file whose bytes a stage may change."""
        made = [path for one in self.generators.values() for path in one.paths]
        return sorted({*self.files, *made})
