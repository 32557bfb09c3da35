"""Our hand on a host: one session, one POSIX script (``agent.sh``), requests and answers."""

from __future__ import annotations

import hashlib
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import cast

from opsbook.domains.logs.collect.survey import (
    Answer,
    CommandEnd,
    Digest,
    Entry,
    Facts,
    JournalEnd,
    Peek,
    Question,
    Reading,
    Total,
    Trailer,
)
from opsbook.domains.logs.collect.wire import Garbled, Packer, Wire, garbled
from opsbook.domains.logs.model import CHUNK, LONG_LINE, TAIL
from opsbook.domains.logs.port import Piece
from opsbook.execution.reach.transport import IDLE_SECONDS, Session
from opsbook.model.errors import HostFailed
from opsbook.model.message import msg

_AT_ONCE = 200
"""Questions sent before their answers are read: both pipes stay far from full."""

_SLOWEST = 10 * 1024 * 1024
"""Bytes per second that even a slow host unpacks or hashes; waiting allows for it."""

_COMMAND_IDLE = 600.0
_CURSOR = re.compile(r"[A-Za-z0-9=;:._-]{1,512}")
_UNIT = re.compile(r"[A-Za-z0-9@:._\\-]{1,256}")


def script() -> str:
    """The agent without its comments and indentation, after the sizes that both sides know."""
    text = f"CHUNK={CHUNK}\nLONG_LINE={LONG_LINE}\n"
    text += files(__package__).joinpath("agent.sh").read_text()
    lines = (line.strip() for line in text.splitlines())
    return "".join(line + "\n" for line in lines if line and not line.startswith("#"))


def loader() -> str:
    """The command that reads the agent from its input, so that no log of the host's own
    (sudo, audit) shows more than this line.
    """
    return f'eval "$(dd bs=1 count={len(script().encode())} 2>/dev/null)"'


class ShellAgent:
    """The real :class:`.survey.Agent`, over a session of :func:`loader`.

    ``sizes`` of surveyed files are remembered so that files are called by number with the
    device and inode they had in the survey.
    """

    def __init__(self, host: str, session: Session, tick: Callable[[int], None]) -> None:
        self.wire = Wire(session, tick)
        self._host = host
        self._session = session
        self._packer: Packer = "none"
        self._tools: frozenset[str] = frozenset()
        self._count = 0
        self._entries: dict[int, Entry] = {}

    @contextmanager
    def _understood(self, idle: float = IDLE_SECONDS) -> Iterator[None]:
        self.wire.idle = idle
        try:
            yield
        except (Garbled, ValueError, IndexError, KeyError) as error:
            raise garbled(self._host, Garbled(str(error))) from error

    def hello(self) -> Facts:
        """See :meth:`Agent.hello`."""
        nonce = secrets.token_hex(8)
        self._session.send(script().encode())
        self.wire.send([f"hello {nonce}"])
        with self._understood():
            _, _, now, boot_id, packer, tools = self.wire.drain(f"opsbook {nonce} ".encode())
            if packer not in ("zstd", "gzip", "none"):
                raise Garbled(packer)
            self._packer = cast(Packer, packer)
            self._tools = frozenset(tools.split(",")[1:])
            return Facts(int(now), boot_id, self._packer, self._tools)

    def forget(self) -> None:
        """See :meth:`Agent.forget`."""
        self.wire.send(["forget"])
        self._count = 0
        self._entries.clear()

    def glob(self, pattern: str, follow: bool) -> list[Entry]:
        """See :meth:`Agent.glob`. Raises HostFailed where files would silently not be seen."""
        if "stat" not in self._tools:
            raise HostFailed(
                msg("{host} has no working stat -c or xargs -0, so its files cannot be told apart.",
                    host=self._host),
                untouched=msg("Nothing of this night is kept; what was stored before is "
                              "untouched."),
                next_step=msg("Install coreutils or busybox there."),
            )  # fmt: skip
        self.wire.send([f"glob {int(follow)} {pattern}"])
        with self._understood():
            word, count = self.wire.words()
            if word != "glob":
                raise Garbled(word)
            if not int(count):
                return []
            names = [self.wire.until(b"\0", 65536) for _ in range(int(count))]
            own = _stats(self.wire.until(b"\0", 1 << 30))
            meant = _stats(self.wire.until(b"\0", 1 << 30))
        entries = []
        for name in names:
            self._count += 1
            if name in own:
                entries.append(_entry(self._count, name, own[name], meant.get(name), follow))
        self._entries.update((entry.index, entry) for entry in entries)
        return entries

    def ask(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        """See :meth:`Agent.ask`."""
        answers: dict[Question, Answer] = {}
        for first in range(0, len(questions), _AT_ONCE):
            some = questions[first : first + _AT_ONCE]
            self.wire.send([self._request(question) for question in some])
            for question in some:
                answers[question] = self._answer(question)
        return answers

    def _request(self, question: Question) -> str:
        file = self._file(question.index)
        if isinstance(question, Total):
            return f"total {file} {question.kind}"
        verb = "peek" if isinstance(question, Peek) else "digest"
        return f"{verb} {file} {question.kind} {question.start} {question.length}"

    def _file(self, index: int) -> str:
        entry = self._entries[index]
        return f"{index} {entry.device} {entry.inode}"

    def _answer(self, question: Question) -> Answer:
        size = self._entries[question.index].size
        packed = question.kind != "plain"
        work = size * 20 if packed else getattr(question, "length", 0)
        with self._understood(IDLE_SECONDS + work / _SLOWEST):
            words = self.wire.words()
            if words[0] in ("gone", "denied"):
                return None
            if isinstance(question, Peek):
                return self.wire.block(self._packer, question.length)
            if isinstance(question, Digest):
                return words[1] if re.fullmatch("[0-9a-f]{64}", words[1]) else None
            return _total(words[1:])

    def read(self, reading: Reading, piece: Piece) -> Trailer:
        """See :meth:`Agent.read`."""
        mode = "lines" if reading.whole_lines else "whole"
        file = self._file(reading.index)
        span = f"{reading.kind} {reading.start} {reading.end}"
        self.wire.send([f"collect {file} {span} {mode} {reading.head} {reading.before}"])
        with self._understood(IDLE_SECONDS + reading.start / _SLOWEST):
            words = self.wire.words()
            if words[0] == "gone":
                return Trailer(reading.start, reading.start, trouble="gone")
            if words[0] == "denied":
                return Trailer(reading.start, reading.start, trouble="denied")
            start, end = int(words[1]), int(words[2])
            if words[0] != "ok" or start != reading.start or not start <= end <= reading.end:
                raise Garbled(" ".join(words))
            return self._receive(reading, end, piece)

    def _receive(self, reading: Reading, end: int, piece: Piece) -> Trailer:
        whole = True
        for at in range(reading.start, end, CHUNK):
            length = min(CHUNK, end - at)
            whole &= self.wire.store_block(self._packer, length, piece) == length
        words = self.wire.words()
        if words[0] == "gone":
            return Trailer(reading.start, end, trouble="gone")
        size, mtime, ctime, wanted = (int(word) for word in words[1:])
        last = min(end - reading.start, TAIL)
        if wanted not in (0, reading.head + reading.before + last):
            raise Garbled(" ".join(words))
        windows = self.wire.block(self._packer, wanted) if wanted else b""
        short = len(windows) != wanted or (reading.kind == "plain" and size < end)
        middle = reading.head + reading.before
        return Trailer(
            reading.start,
            end,
            size,
            mtime,
            ctime,
            head=windows[: reading.head],
            before=windows[reading.head : middle],
            last=windows[middle:],
            trouble="changed" if short or not whole else "",
        )

    def journal(self, units: Sequence[str], cursor: str, piece: Piece) -> JournalEnd | None:
        """See :meth:`Agent.journal`."""
        if cursor and not _CURSOR.fullmatch(cursor):
            raise garbled(self._host, Garbled("the cursor of journald"))
        for unit in units:
            if not _UNIT.fullmatch(unit):
                raise HostFailed(msg("{unit} is not the name of a systemd unit.", unit=unit))
        self._can_stream()
        self.wire.send([f"journal {cursor or '-'} {len(units)}", *units])
        with self._understood(_COMMAND_IDLE):
            words = self.wire.words()
            if words[0] == "missing":
                return None
            length = self.wire.repack(self._packer, 0, piece)
            _, status, found = self.wire.words()
        if found == "-":
            found = cursor
        return JournalEnd(int(status), found, words[1] == "no", length)

    def command(self, text: str, piece: Piece) -> CommandEnd:
        """See :meth:`Agent.command`."""
        self._can_stream()
        self.wire.send(["run", text])
        with self._understood(_COMMAND_IDLE):
            if self.wire.words() != ["ok"]:
                raise Garbled("run")
            length = self.wire.repack(self._packer, 0, piece)
            _, status = self.wire.words()
            return CommandEnd(int(status), length)

    def _can_stream(self) -> None:
        if self._packer == "none":
            raise HostFailed(
                msg("{host} has neither zstd nor gzip; journald and commands need one of them.",
                    host=self._host)
            )  # fmt: skip

    def close(self) -> None:
        """See :meth:`Agent.close`."""
        self._session.kill()


def _stats(data: bytes) -> dict[bytes, list[int]]:
    """Records ``<name>//<numbers>``: a name may hold any byte, but never two slashes in a row."""
    found: dict[bytes, list[int]] = {}
    while data:
        name, _, rest = data.partition(b"//")
        line, _, data = rest.partition(b"\n")
        *numbers, mode = line.decode("ascii").split(" ")
        found[name] = [*map(int, numbers), int(mode, 16)]
    return found


def _entry(index: int, name: bytes, own: list[int], meant: list[int] | None, follow: bool) -> Entry:
    numbers, what = own, _what(own[5])
    if what == "link" and follow:
        numbers = meant or own
        what = _what(numbers[5]) if meant else "broken_link"
    return Entry(index, name, what, *numbers[:5])  # type: ignore[arg-type]


def _what(mode: int) -> str:
    names = {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "directory"}
    return names.get(stat.S_IFMT(mode), "other")


def _total(words: list[str]) -> int | None:
    """``s<status>`` and a count, in either order. gzip's 2 is a warning: trailing garbage."""
    status = next(word for word in words if word.startswith("s"))
    count = next(word for word in words if word.isdigit())
    return int(count) if status in ("s0", "s2") else None


def sha256(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()
