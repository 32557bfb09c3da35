"""The agent: the same questions to the shell script under three shells, and to the double."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from doubles.hosts import Disk, MemoryAgent
from opsbook.domains.logs.collect.agent import ShellAgent, loader, script
from opsbook.domains.logs.collect.survey import Agent, Digest, Entry, Peek, Reading, Total
from opsbook.domains.logs.model import CHUNK
from opsbook.execution.reach.transport import ProcessSession
from opsbook.model.estate import Host

SYSTEM_PATHS = b"$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = ("cat", "date", "dd", "gzip", "head", "sed", "seq", "sh", "sha256sum", "stat", "tail", "wc",
         "xargs")  # fmt: skip


class ReceivedPiece:
    """A piece that unpacks what it is given."""

    def __init__(self) -> None:
        self.raw = bytearray()
        self.lengths: list[int] = []
        self._frame = bytearray()

    def write(self, data: bytes) -> None:
        self._frame += data

    def end_frame(self, raw_length: int) -> None:
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        part = unpacker.decompress(bytes(self._frame))
        assert unpacker.eof
        assert not unpacker.unused_data
        self.raw += part
        self.lengths.append(raw_length)
        self._frame.clear()

    def keep(self, proofs: object = ()) -> None: ...

    def discard(self) -> None: ...


class OnlyTheseTools:
    """A session that keeps the script from finding tools outside its PATH."""

    def __init__(self, session: ProcessSession) -> None:
        self._session = session
        self.receive, self.fault, self.kill = session.receive, session.fault, session.kill

    def send(self, data: bytes) -> None:
        self._session.send(data.replace(SYSTEM_PATHS, b"$PATH".ljust(len(SYSTEM_PATHS), b":")))


def shell_agent(argv: list[str], path: str, *, only: bool) -> ShellAgent:
    command = ["/usr/bin/env", f"PATH={path}", *argv, "-c", loader()]
    session = ProcessSession(Host("h", "h"), command, seconds=60, cancelled=threading.Event())
    return ShellAgent("h", OnlyTheseTools(session) if only else session, lambda _: None)


def tools(directory: Path, *, busybox: bool, extra: tuple[str, ...] = ()) -> str:
    directory.mkdir()
    for tool in (*TOOLS, *extra):
        found = shutil.which("busybox" if busybox and tool != "zstd" else tool)
        assert found, f"{tool} is missing: see .ci/system-packages"
        (directory / tool).symlink_to(found)
    return str(directory)


class OnDisk:
    """Files in a directory of this machine."""

    def __init__(self, root: Path, agent: Agent) -> None:
        self.root, self.agent = os.fsencode(root), agent

    def create(self, name: bytes, data: bytes) -> None:
        Path(os.fsdecode(self.root + b"/" + name)).write_bytes(data)

    def rename(self, old: bytes, new: bytes) -> None:
        old, new = (os.fsdecode(self.root + b"/" + name) for name in (old, new))
        Path(old).rename(new)

    def truncate(self, name: bytes) -> None:
        os.truncate(self.root + b"/" + name, 0)


class InMemory:
    """The same in the double."""

    def __init__(self, disk: Disk) -> None:
        self.root, self.disk, self.agent = b"/log", disk, MemoryAgent(disk)

    def create(self, name: bytes, data: bytes) -> None:
        self.disk.create(b"/log/" + name, data)

    def rename(self, old: bytes, new: bytes) -> None:
        self.disk.rename(b"/log/" + old, b"/log/" + new)

    def truncate(self, name: bytes) -> None:
        self.disk.truncate(b"/log/" + name)


def start(kind: str, directory: Path) -> OnDisk | InMemory:
    if kind == "memory":
        return InMemory(Disk())
    shell, _, packer = kind.partition("+")
    logs = directory / "logs"
    logs.mkdir()
    argv = {"dash": ["/usr/bin/dash"], "bash": ["/bin/bash", "--posix"],
            "busybox": [shutil.which("busybox") or "busybox", "sh"]}[shell]  # fmt: skip
    extra = ("zstd",) if packer == "zstd" else ()
    path = tools(directory / "bin", busybox=shell == "busybox", extra=extra)
    if packer == "raw":
        (directory / "bin" / "gzip").unlink()
    return OnDisk(logs, shell_agent(argv, path, only=True))


KINDS = ["memory", "dash+zstd", "bash+zstd", "busybox+zstd", "dash+gzip", "busybox+gzip",
         "dash+raw", "busybox+raw"]  # fmt: skip


@pytest.fixture(params=KINDS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnDisk | InMemory]:
    host = start(request.param, tmp_path)
    host.agent.hello()
    yield host
    host.agent.close()


@pytest.fixture(params=[kind for kind in KINDS if "raw" not in kind])
def packing_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnDisk | InMemory]:
    host = start(request.param, tmp_path)
    host.agent.hello()
    yield host
    host.agent.close()


def seen(host: OnDisk | InMemory) -> dict[bytes, Entry]:
    host.agent.forget()
    entries = host.agent.glob(os.fsdecode(host.root) + "/*", False)
    return {entry.path.rpartition(b"/")[2]: entry for entry in entries}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


HOSTILE = [
    b"new\nline.log",
    b"$(touch pwned).log",
    b"`id`.log",
    b"quote'\".log",
    b"; rm -rf x.log",
    b"-rf",
    b"emoji \xf0\x9f\x98\x80.log",
    b"invalid \xff\xfe.log",
    b"*",
    b"back\\slash",
    b"..log",
    b" space ",
    b"${1}",
]


def test_hostile_names_are_only_ever_values(host):
    for number, name in enumerate(HOSTILE):
        host.create(name, b"%d\n" % number)
    entries = seen(host)
    expected = set(HOSTILE) - ({b"..log"} if isinstance(host, OnDisk) else set())
    assert set(entries) == expected
    for number, name in enumerate(HOSTILE):
        if name in expected:
            piece = ReceivedPiece()
            host.agent.read(
                Reading(entries[name].index, "plain", 0, entries[name].size, True), piece
            )
            assert bytes(piece.raw) == b"%d\n" % number


def test_a_survey_tells_inode_and_size(host):
    host.create(b"a.log", b"12345")
    entry = seen(host)[b"a.log"]
    assert (entry.what, entry.size) == ("file", 5)
    assert entry.inode > 0
    assert host.agent.glob(os.fsdecode(host.root) + "/nothing*", False) == []


def test_questions_are_answered_in_one_go(host):
    host.create(b"a.log", bytes(range(256)) * 100)
    index = seen(host)[b"a.log"].index
    data = bytes(range(256)) * 100
    questions = [
        Peek(index, "plain", 0, 1024),
        Peek(index, "plain", 9000, 4096),
        Digest(index, "plain", 0, 20000),
    ]
    assert host.agent.ask(questions) == {
        questions[0]: data[:1024],
        questions[1]: data[9000:13096],
        questions[2]: sha256(data[:20000]),
    }


@pytest.mark.parametrize(
    ("data", "start", "expected"),
    [
        (b"one\ntwo\n", 0, b"one\ntwo\n"),
        (b"one\ntwo\nthr", 0, b"one\ntwo\n"),
        (b"one\ntwo\nthr", 4, b"two\n"),
        (b"one\ntwo\nthr", 8, b""),
        (b"thr", 0, b""),
        (b"\n\n", 0, b"\n\n"),
        (b"one\n\0", 0, b"one\n"),
        (b"x" * 65535, 0, b""),
        (b"x" * 65536, 0, b"x" * 65536),
        (b"a\n" + b"x" * 70000, 0, b"a\n" + b"x" * 70000),
        (b"a\n" + b"x" * 65535, 2, b""),
        (b"\r\n" + b"y" * 10, 0, b"\r\n"),
    ],
    ids=range(12),
)
def test_an_unfinished_last_line_waits_unless_it_is_long(host, data, start, expected):
    host.create(b"a.log", data)
    entry = seen(host)[b"a.log"]
    piece = ReceivedPiece()
    trailer = host.agent.read(Reading(entry.index, "plain", start, entry.size, True), piece)
    assert bytes(piece.raw) == expected
    assert (trailer.start, trailer.end) == (start, start + len(expected))


def test_after_reading_the_windows_are_shown_again(host):
    data = bytes(range(256)) * 40
    host.create(b"a.log", data)
    entry = seen(host)[b"a.log"]
    piece = ReceivedPiece()
    reading = Reading(entry.index, "plain", 6000, 10000, False, head=1024, before=4096)
    trailer = host.agent.read(reading, piece)
    assert bytes(piece.raw) == data[6000:10000]
    assert trailer.head == data[:1024]
    assert trailer.before == data[1904:6000]
    assert trailer.last == data[6000:10000]
    assert trailer.size == len(data)
    assert not trailer.trouble


def test_a_large_file_comes_in_frames(host):
    data = os.urandom(1000) * 40_000
    host.create(b"a.log", data)
    entry = seen(host)[b"a.log"]
    piece = ReceivedPiece()
    host.agent.read(Reading(entry.index, "plain", 5, len(data), False), piece)
    assert sha256(piece.raw) == sha256(data[5:])
    assert piece.lengths == [CHUNK, CHUNK, len(data) - 5 - 2 * CHUNK]


def test_a_file_that_was_renamed_meanwhile_is_refused(host):
    host.create(b"a.log", b"old\n")
    entry = seen(host)[b"a.log"]
    host.rename(b"a.log", b"a.log.1")
    host.create(b"a.log", b"new\n")
    assert host.agent.ask([Peek(entry.index, "plain", 0, 4)]) == {
        Peek(entry.index, "plain", 0, 4): None
    }
    piece = ReceivedPiece()
    trailer = host.agent.read(Reading(entry.index, "plain", 0, 4, False), piece)
    assert trailer.trouble == "gone"
    assert not piece.raw


def test_a_file_that_was_cut_meanwhile_is_seen_to_be(host):
    host.create(b"a.log", b"line\n" * 1000)
    entry = seen(host)[b"a.log"]
    host.truncate(b"a.log")
    trailer = host.agent.read(
        Reading(entry.index, "plain", 100, 5000, False, head=50, before=100), ReceivedPiece()
    )
    assert trailer.trouble == "changed"


def test_packed_files_are_read_by_what_they_hold(packing_host):
    data = b"".join(b"line %d\n" % number for number in range(100_000))
    packing_host.create(b"a.log.1.gz", gzip.compress(data))
    entry = seen(packing_host)[b"a.log.1.gz"]
    questions = [
        Total(entry.index, "gz"),
        Peek(entry.index, "gz", 10, 1000),
        Digest(entry.index, "gz", 0, 70_000),
    ]
    answers = packing_host.agent.ask(questions)
    assert list(answers.values()) == [len(data), data[10:1010], sha256(data[:70_000])]
    piece = ReceivedPiece()
    reading = Reading(entry.index, "gz", 123_456, len(data), False)
    assert not packing_host.agent.read(reading, piece).trouble
    assert bytes(piece.raw) == data[123_456:]


def test_a_packed_file_that_is_not_whole_has_no_length(packing_host):
    packing_host.create(b"a.log.1.gz", gzip.compress(os.urandom(50_000))[:20_000])
    index = seen(packing_host)[b"a.log.1.gz"].index
    assert packing_host.agent.ask([Total(index, "gz")]) == {Total(index, "gz"): None}


def test_a_large_packed_file_comes_in_frames(packing_host):
    data = b"0123456789abcdef" * (CHUNK // 16 * 2 + 7)
    packing_host.create(b"a.gz", gzip.compress(data, 1))
    index = seen(packing_host)[b"a.gz"].index
    piece = ReceivedPiece()
    packing_host.agent.read(Reading(index, "gz", 3, len(data), False), piece)
    assert sha256(piece.raw) == sha256(data[3:])
    assert piece.lengths == [CHUNK, CHUNK, len(data) - 3 - 2 * CHUNK]


# --- the script alone


def real(tmp_path: Path) -> OnDisk:
    host = start("dash+zstd", tmp_path)
    assert isinstance(host, OnDisk)
    host.agent.hello()
    return host


def test_links_are_not_followed_unless_asked_and_circles_are_told(tmp_path):
    host = real(tmp_path)
    logs = tmp_path / "logs"
    host.create(b"a.log", b"x\n")
    (logs / "link").symlink_to("a.log")
    (logs / "circle").symlink_to("circle")
    (logs / "nowhere").symlink_to("nothing")
    (logs / "directory").mkdir()
    os.mkfifo(logs / "fifo")
    pattern = f"{logs}/*"
    plain = {e.path.rpartition(b"/")[2]: e.what for e in host.agent.glob(pattern, False)}
    followed = {e.path.rpartition(b"/")[2]: e for e in host.agent.glob(pattern, True)}
    assert plain == {b"a.log": "file", b"link": "link", b"circle": "link", b"nowhere": "link",
                     b"directory": "directory", b"fifo": "other"}  # fmt: skip
    assert {name: entry.what for name, entry in followed.items()} == plain | {
        b"link": "file", b"circle": "broken_link", b"nowhere": "broken_link"
    }  # fmt: skip
    assert followed[b"link"].inode == followed[b"a.log"].inode


def test_a_link_put_in_place_of_a_file_is_refused(tmp_path):
    host = real(tmp_path)
    host.create(b"a.log", b"mine\n")
    host.create(b"secret", b"no\nno\n")
    entry = seen(host)[b"a.log"]
    (tmp_path / "logs" / "a.log").unlink()
    (tmp_path / "logs" / "a.log").symlink_to("secret")
    piece = ReceivedPiece()
    assert host.agent.read(Reading(entry.index, "plain", 0, 5, False), piece).trouble == "gone"
    assert not piece.raw


def test_a_pipe_put_in_place_of_a_file_does_not_stop_the_night(tmp_path):
    host = real(tmp_path)
    host.create(b"a.log", b"mine\n")
    entry = seen(host)[b"a.log"]
    (tmp_path / "logs" / "a.log").unlink()
    os.mkfifo(tmp_path / "logs" / "a.log")
    assert host.agent.read(Reading(entry.index, "plain", 0, 5, False), ReceivedPiece()).trouble


def test_what_a_host_prints_at_login_is_skipped(tmp_path):
    command = ["sh", "-c", "echo Welcome; printf 'opsbook is here\\n'; " + loader()]
    session = ProcessSession(Host("h", "h"), command, seconds=60, cancelled=threading.Event())
    agent = ShellAgent("h", session, lambda _: None)
    assert agent.hello().packer == "zstd"
    agent.close()


def test_a_command_is_read_to_its_end_with_its_status(tmp_path):
    host = real(tmp_path)
    piece = ReceivedPiece()
    end = host.agent.command("seq 1 100000; exit 3", piece)
    assert (end.status, end.raw_bytes) == (3, len(piece.raw))
    assert bytes(piece.raw).endswith(b"\n100000\n")
    assert host.agent.command("cat", ReceivedPiece()).raw_bytes == 0


FAKE_JOURNALCTL = r"""#!/bin/sh
# Three entries; what was given as arguments is seen in the message of the third.
after= cursor= one=
for word in "$@"; do
    case $word in
    --after-cursor=*) after=${word#*=} ;;
    --cursor=*) cursor=${word#*=} ;;
    -n) one=yes ;;
    esac
done
if [ "$one" ]; then
    [ "$cursor" = "s=gone" ] && cursor="s=1"
    echo "Nov 21 03:12:01 web1 app[1]: one"
    printf -- '-- cursor: %s\n' "$cursor"
    exit 0
fi
for number in 1 2 3; do
    [ "$after" = "s=3" ] && break
    [ "$after" = "s=gone" ] && [ $number = 1 ] && continue
    echo "2026-11-21T03:12:0$number.000000+0000 web1 app[1]: $number $*"
    echo "    -- cursor: s=hostile"
    shown=$number
done
[ "$shown" ] && printf -- '-- cursor: s=%s\n' "$shown"
exit 0
"""


def test_the_journal_comes_with_its_cursor_beside_it(tmp_path):
    host = start("dash+zstd", tmp_path)
    fake = tmp_path / "bin" / "journalctl"
    fake.write_text(FAKE_JOURNALCTL)
    fake.chmod(0o755)
    host.agent.hello()
    piece = ReceivedPiece()
    end = host.agent.journal(["nginx.service", "cron@x.service"], "", piece)
    assert (end.status, end.cursor, end.vacuumed) == (0, "s=3", False)
    text = bytes(piece.raw).decode()
    assert text.count("\n") == 6
    assert "-u nginx.service -u cron@x.service" in text
    assert "s=3" not in text
    nothing = ReceivedPiece()
    end = host.agent.journal([], "s=3", nothing)
    assert (end.cursor, end.vacuumed, bytes(nothing.raw)) == ("s=3", False, b"")
    left = ReceivedPiece()
    assert host.agent.journal([], "s=gone", left).vacuumed
    assert left.raw.count(b" app[1]: ") == 3


def test_a_host_without_journald_says_so(tmp_path):
    host = real(tmp_path)
    assert host.agent.journal([], "", ReceivedPiece()) is None


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_the_script_is_understood_by_every_shell(shell, tmp_path):
    argv = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}[shell]
    subprocess.run([*argv, "-n", "-c", script()], check=True, capture_output=True)


def test_nothing_is_written_on_the_host(tmp_path):
    host = real(tmp_path)
    logs = tmp_path / "logs"
    host.create(b"a.log", b"one\ntwo")
    before = {p: p.stat().st_mtime_ns for p in [logs, *logs.iterdir(), tmp_path]}
    entry = seen(host)[b"a.log"]
    host.agent.ask([Digest(entry.index, "plain", 0, 5)])
    host.agent.read(Reading(entry.index, "plain", 0, 7, True), ReceivedPiece())
    assert {p: p.stat().st_mtime_ns for p in [logs, *logs.iterdir(), tmp_path]} == before
