"""Bad input and bad surroundings, from the command line: one clear sentence, nothing lost, nothing
executed, the exit code of docs/exit-codes.md, and never a traceback.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.typed import typed

Done = subprocess.CompletedProcess[str]
ESTATE = """\
schema: 1
name: small
title: {zh: 测试, en: Test}
timezone: Asia/Shanghai
policies: {logs: {min_free_mib: 0}}
"""


@dataclass(slots=True)
class Desk:
    """An engineer's terminal: an estate of this machine alone, and opsbook as it is typed."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def estate(self) -> Path:
        return self.root / "estate"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def write(self, name: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        (self.estate / name).write_bytes(data)

    def hosts(self, *sources: str) -> None:
        lines = "".join(f"        - {source}\n" for source in sources)
        self.write("hosts.yml", "all:\n  hosts:\n    l1:\n      ansible_connection: local\n"
                                "      opsbook_logs_x:\n" + lines)  # fmt: skip

    def __call__(self, *words: str, **env: str) -> Done:
        """Run opsbook in this process."""
        with chdir(self.root):
            return typed({**os.environ, **self.env, **env}, *words)

    def process(self, *words: str, shell: str = "", **env: str | None) -> Done:
        """Run it in a process of its own; ``shell`` is what a shell adds to the command line."""
        everything = {**os.environ, **self.env, **env}
        argv = [sys.executable, "-m", "opsbook", *words]
        return subprocess.run(
            ["/bin/bash", "-c", f'"$@" {shell}', "bash", *argv] if shell else argv,
            cwd=self.root,
            env={name: value for name, value in everything.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )

    def collect(self, *words: str, **env: str) -> Done:
        return self("run", "log_collection", "-e", str(self.estate), *words, **env)

    def records(self) -> list[dict[str, object]]:
        return list(json.loads(self("records", "list", "--json").stdout))

    def kept(self) -> str:
        return self("logs", "show", "-e", str(self.estate), "--host", "l1").stdout


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, {"OPSBOOK_STATE": str(tmp_path / "state"), "LC_ALL": "C.UTF-8"})
    desk.estate.mkdir()
    desk.logs.mkdir()
    (desk.logs / "a.log").write_text("a line\n")
    desk.write("estate.yml", ESTATE)
    desk.hosts(f'{{name: x, files: ["{desk.logs}/*"]}}')
    yield desk
    assert not list(tmp_path.rglob("*pwned")), "something was executed"


def calm(done: Done, code: int, *words: str) -> None:
    """It ended with ``code``, said all of ``words``, and never looked like a crash."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr


# --- what is typed

LIMITS = {
    "": "no pattern",
    " ": "no pattern",
    ",": "no pattern",
    "~[": "no pattern",
    "nohost": "nohost is no host and no group",
    "l1,nohost": "nohost is no host and no group",
    "!nohost": "nohost is no host and no group",
    "all:!l1": "matches no host",
    "$(touch pwned)": "no host and no group",
    "{{ 7*7 }}": "no host and no group",
    "@/nonexistent": "limit file",
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_is_not_wholly_understood_touches_no_host(desk: Desk, limit: str) -> None:
    calm(desk.collect(f"--limit={limit}"), 65, LIMITS[limit], "Nothing was touched.")
    assert desk.records() == []


NONSENSE: dict[str, tuple[list[str], int]] = {
    "no runbook": (["run", "../x", "-e", "estate"], 64),
    "no estate": (["run", "log_collection", "-e", "a\x1b[31mb"], 64),
    "a directory that is no estate": (["run", "log_collection", "-e", "./logs"], 64),
    "a setting without a value": (["run", "log_collection", "-e", "estate", "--set", "x"], 64),
    "a setting nobody knows": (["run", "log_collection", "-e", "estate", "--set", "x=1"], 65),
    "a template": (["run", "log_collection", "-e", "estate", "--set", "parallel={{7}}"], 65),
    "resume nothing": (["resume", ""], 64),
    "resume nonsense": (["resume", "RUN'; drop table events"], 64),
    "show nonsense": (["records", "show", "../../etc/passwd"], 64),
    "export nonsense": (["records", "export", "\x1b[31m", "--format", "json"], 64),
}


@pytest.mark.parametrize(("words", "code"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_told_in_one_sentence(desk: Desk, words: list[str], code: int) -> None:
    desk.collect()
    done = desk(*words)
    calm(done, code)
    assert done.stderr.strip()
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("since", ["x", "-1d", "99999999d", "2026-13-45", "10000-01-01", "1e99"])
def test_a_time_that_is_none_is_told(desk: Desk, since: str) -> None:
    where = ("-e", str(desk.estate), "--host", "l1")
    calm(desk("logs", "show", *where, f"--since={since}"), 64, "is no point in time")


def test_a_finished_run_is_not_resumed(desk: Desk) -> None:
    desk.collect()
    run = str(desk.records()[0]["run"])
    calm(desk("resume", run), 64, "nothing to resume", f"opsbook records show {run}")


# --- what is written in files

BROKEN: dict[str, tuple[str, bytes]] = {
    "empty": ("estate.yml", b""),
    "a tabulator": ("estate.yml", b"\tschema: 1\n"),
    "noise": ("estate.yml", bytes(range(256))),
    "a tag": ("estate.yml", b"x: !!python/object/apply:os.system [touch pwned]\n"),
    "deep": ("estate.yml", b"x: " + b"[" * 20000),
    "no hosts": ("hosts.yml", b"all: {hosts: {}}\n"),
    "empty hosts": ("hosts.yml", b""),
    "hosts as a list": ("hosts.yml", b"all: [1, 2]\n"),
    "hosts with a tabulator": ("hosts.yml", b"all:\n\thosts: {}\n"),
    "hosts of noise": ("hosts.yml", bytes(range(256))),
    "hosts written twice": ("hosts.yml", b"all: {hosts: {l1: }}\nall: {hosts: {l2: }}\n"),
    "an option as a name": ("hosts.yml", b'all: {hosts: {"-oProxyCommand=touch pwned": }}\n'),
    "a path as a name": ("hosts.yml", b'all: {hosts: {"../../x": }}\n'),
    "a template as address": (
        "hosts.yml",
        b"all: {hosts: {l1: {ansible_host: \"{{ lookup('pipe', 'touch pwned') }}\"}}}\n",
    ),
}


@pytest.mark.parametrize(("name", "data"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_and_nothing_runs(desk: Desk, name: str, data: bytes) -> None:
    desk.write(name, data)
    calm(desk("estate", "check", "-e", str(desk.estate)), 65, name)
    calm(desk.collect(), 65)
    assert desk("records", "list").stdout.count("RUN-") == 0


def test_a_byte_order_mark_is_no_fault(desk: Desk) -> None:
    for name in ("estate.yml", "hosts.yml"):
        desk.write(name, b"\xef\xbb\xbf" + (desk.estate / name).read_bytes())
    calm(desk.collect(), 0)
    assert desk.kept() == "a line\n"


def test_all_faults_of_sources_have_file_line_and_path(desk: Desk) -> None:
    desk.hosts(
        '{name: a, files: ["/a\\nb", relative]}',
        '{name: b, command: ""}',
        "{name: c}",
        '{name: d, journal: ["-x"], bogus: 1}',
        "7",
    )
    done = desk("estate", "check", "-e", str(desk.estate))
    calm(done, 65)
    for line, path in [
        (6, "0.files.0"), (6, "0.files.1"), (7, "1.command"), (8, "2"), (9, "3.journal.0"),
        (9, "3.bogus"), (10, "4"),
    ]:  # fmt: skip
        assert f"hosts.yml:{line}: all.hosts.l1.opsbook_logs_x.{path}: " in done.stderr
    refused = desk.collect()
    calm(refused, 12, "l1.opsbook_logs_x.1.command", "Mend the variables")


# --- where things are kept

STATES: dict[str, Callable[[Path], str]] = {
    "a file": lambda root: str(_file(root / "s")),
    "below a file": lambda root: str(_file(root / "s") / "deeper"),
    "a loop": lambda root: str(_loop(root / "s")),
    "in /proc": lambda root: "/proc/opsbook",
    "too long": lambda root: str(root / ("x" * 300)),
    "with a line break": lambda root: str(root / "a\nb"),
    "not UTF-8": lambda root: os.fsdecode(os.fsencode(root) + b"/\xff"),
}


def _file(path: Path) -> Path:
    path.touch()
    return path


def _loop(path: Path) -> Path:
    path.symlink_to(path.name)
    return path


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_state_that_cannot_be_is_told(desk: Desk, state: Callable[[Path], str]) -> None:
    done = desk.collect(OPSBOOK_STATE=state(desk.root))
    calm(done, 65, "state directory", "Nothing was touched.", "OPSBOOK_STATE")


@pytest.mark.parametrize("name", ["a b", 'it\'s "so"', "中文 状态", "$(touch pwned)", "{{7*7}}"])
def test_a_state_may_have_any_printable_name(desk: Desk, name: str) -> None:
    """Collection only: see test_bad_surroundings for playbooks."""
    state = str(desk.root / f"state {name}".replace("pwned", "x"))
    calm(desk.collect(OPSBOOK_STATE=state), 0)
    calm(desk("records", "verify", OPSBOOK_STATE=state), 0)


@pytest.mark.parametrize("make", [_file, _loop], ids=["a file", "a loop"])
def test_a_store_that_cannot_be_used_refuses_the_run(
    desk: Desk, make: Callable[[Path], Path]
) -> None:
    desk.write("estate.yml", f"{ESTATE}stores: {{logs: {make(desk.root / 's')}}}\n")
    calm(desk.collect(), 65, "The log store", "Not a directory", "estate.yml")
    assert [(r["state"], r["exit"]) for r in desk.records()] == [("refused", 65)]


# --- the process's surroundings


def test_nothing_is_needed_of_the_environment(desk: Desk) -> None:
    gone = dict.fromkeys(os.environ) | {"OPSBOOK_STATE": str(desk.root / "state")}
    calm(desk.process("run", "log_collection", "-e", str(desk.estate), **gone), 0)
    assert desk.kept() == "a line\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gb18030"])
def test_chinese_goes_anywhere(desk: Desk, encoding: str) -> None:
    desk.collect()
    run = str(desk.records()[0]["run"])
    calm(desk.process("--lang", "zh", "records", "show", run, PYTHONIOENCODING=encoding), 0)
    calm(desk.process("--lang", "zh", "run", "nope", "-e", "estate", PYTHONIOENCODING=encoding), 64)


def test_without_a_locale_output_is_utf_8(desk: Desk) -> None:
    posix = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = desk.process("--lang", "zh", "records", "--help", **posix)
    calm(done, 0)
    assert "记录" in done.stdout


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        (">&-", 0),
        (">&- 2>&- <&-", 0),
        ("| head -c 1; exit ${PIPESTATUS[0]}", 0),
        ("| true; exit ${PIPESTATUS[0]}", 0),
        (">/dev/full", 65),
    ],
)
def test_output_that_goes_nowhere_is_no_crash(desk: Desk, shell: str, code: int) -> None:
    desk.collect()
    calm(desk.process("records", "list", "--json", shell=shell), code)


def test_a_run_does_not_need_a_reader(desk: Desk) -> None:
    words = ("run", "log_collection", "-e", str(desk.estate))
    assert desk.process(*words, shell=">&- 2>&- <&-").returncode == 0
    desk.hosts("{name: c}")
    assert desk.process(*words, shell=">/dev/full 2>/dev/full").returncode == 12
    assert [r["state"] for r in desk.records()] == ["closed", "closed"]


def test_a_fault_is_not_hidden_by_a_full_disk_behind_standard_error(desk: Desk) -> None:
    assert desk.process("run", "nope", "-e", "estate", shell="2>/dev/full").returncode == 64


def test_a_working_directory_that_is_gone_is_told(desk: Desk) -> None:
    lost = desk.root / "lost"
    lost.mkdir()
    script = f"cd {lost} && rmdir {lost} && exec {sys.executable} -m opsbook records list"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    calm(done, 65, "The working directory is gone.")


def test_a_program_missing_on_this_machine_is_named(desk: Desk) -> None:
    calm(desk.collect(PATH="/nonexistent"), 10, "l1: failed: This machine has no sh in its PATH")
    calm(desk("doctor", "-e", str(desk.estate), PATH="/nonexistent"), 10)


# --- what a host answers


def _wrapped(desk: Desk, tool: str, script: str) -> dict[str, str]:
    """A PATH on which ``tool`` is another program."""
    folder = desk.root / "wrap"
    folder.mkdir(exist_ok=True)
    (folder / tool).write_text(f"#!/bin/sh\n{script}\n")
    (folder / tool).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("tool", ["stat", "xargs", "dd", "date"])
def test_a_host_without_a_tool_fails_and_never_collects_nothing(desk: Desk, tool: str) -> None:
    path = _wrapped(desk, tool, "exit 127")
    calm(desk.collect(**path), 10, "l1: failed")
    calm(desk.collect(), 0)
    assert desk.kept() == "a line\n"


@pytest.mark.parametrize(
    "script",
    [
        "exec yes GARBAGE",
        "exec cat /dev/zero",
        "echo This account is not available.; exit 1",
        "exit 0",
    ],
)
def test_a_shell_that_is_none_fails_the_host(desk: Desk, script: str) -> None:
    calm(desk.collect(**_wrapped(desk, "sh", script)), 10, "l1: failed")
    assert desk.kept() == ""


def test_a_banner_before_the_shell_is_passed_over(desk: Desk) -> None:
    banner = "printf 'Welcome \\033[31m!\\n'; exec /bin/sh \"$@\""
    calm(desk.collect(**_wrapped(desk, "sh", banner)), 0)
    assert desk.kept() == "a line\n"


def test_a_clock_two_years_off_is_a_deviation(desk: Desk) -> None:
    calm(desk.collect(**_wrapped(desk, "date", 'exec /bin/date -d "2 years ago" "$@"')), 0)
    assert desk.kept() == "a line\n"
    run = str(desk.records()[0]["run"])
    assert "The clock of l1 is off by -63" in desk("records", "show", run).stdout


# --- what lies in a log directory

NAMES = [
    b"a\nb.log", b"q'\".log", b"-dash.log", "emoji\U0001f600.log".encode(), b"\xff\xfe.log",
    b"$(touch pwned).log", b"`touch pwned`.log", b"x" * 255, b" sp ace .log", b"back\\slash",
    b"{{7*7}}", b"<b>h", b"tab\t.log", b"esc\x1b[31m.log", b"\r.log", "\u202e.log".encode(),
    b"*.log", b"[x].log", b"%s%n", b"a;b&c|d", b"x..log",
]  # fmt: skip


def test_files_of_any_name_are_collected_and_nothing_else_is_touched(desk: Desk) -> None:
    folder = os.fsencode(desk.logs)
    for number, name in enumerate(NAMES):
        Path(os.fsdecode(folder + b"/" + name)).write_text(f"line {number}\n")
    (desk.logs / "shadow").symlink_to("/etc/shadow")
    (desk.logs / "loop").symlink_to("loop")
    (desk.logs / "directory").mkdir()
    os.mkfifo(desk.logs / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(desk.logs / "socket"))
    calm(desk.collect(), 0)
    expected = {"a line", *(f"line {number}" for number in range(len(NAMES)))}
    assert set(desk.kept().splitlines()) == expected
    run = str(desk.records()[0]["run"])
    for form in ("html", "md"):
        page = desk("records", "export", run, "--format", form)
        calm(page, 0)
        assert "\x1b" not in page.stdout
        assert "<b>h" not in page.stdout
        assert "root:" not in page.stdout


CONTENT = {
    "nothing": (b"", b""),
    "NUL": (b"a\0b\n", b"a\0b\n"),
    "CRLF": (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
    "an unfinished line waits": (b"whole\nhalf", b"whole\n"),
}


@pytest.mark.parametrize(("written", "kept"), CONTENT.values(), ids=CONTENT)
def test_bytes_are_kept_as_they_are(desk: Desk, written: bytes, kept: bytes) -> None:
    (desk.logs / "a.log").write_bytes(written)
    calm(desk.collect(), 0)
    argv = [sys.executable, "-m", "opsbook", "logs", "show", "-e", str(desk.estate), "--host", "l1"]
    done = subprocess.run(argv, env={**os.environ, **desk.env}, capture_output=True, check=False)
    assert done.stdout == kept


def test_memory_stays_flat_whatever_the_size_of_a_line(desk: Desk) -> None:
    with (desk.logs / "a.log").open("wb") as file:
        for _ in range(300):
            file.write(b"x" * 1_000_000)
        file.write(b"\n")
    script = (
        "import sys; from opsbook.cli.main import run; code = run(sys.argv[1:]);"
        "status = open('/proc/self/status').read();"
        "print(code, status.split('VmHWM:')[1].split()[0])"
    )
    for words in (
        ["run", "log_collection", "-e", str(desk.estate)],
        ["logs", "search", "-e", str(desk.estate), "no such text"],
        ["logs", "verify", "-e", str(desk.estate)],
    ):
        argv = [sys.executable, "-c", script, *words]
        env = {**os.environ, **desk.env}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
        code, kib = done.stdout.splitlines()[-1].split()
        assert code == "0"
        assert int(kib) < 150 * 1024


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("records", "list"), 65),
        (("state", "show"), 65),
        (("run", "log_collection", "-e", "estate"), 65),
        (("lab", "status"), 65),
        (("state", "restore", "estate/estate.yml"), 65),
        (("estate", "list"), 0),
        (("doctor",), 10),
    ],
)
def test_a_state_of_somebody_else_is_told_in_one_sentence(
    desk: Desk, words: tuple[str, ...], code: int
) -> None:
    state = desk.root / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    powers = "-dac_override,-dac_read_search"
    argv = ["setpriv", f"--bounding-set={powers}", "--inh-caps=-all", sys.executable]
    done = subprocess.run(
        [*argv, "-m", "opsbook", *words],
        cwd=desk.root, env={**os.environ, **desk.env}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    calm(done, code)
    if code:
        assert f"{state} belongs to nobody; root may not use it" in done.stdout + done.stderr


BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(12))
"""Nine to the twelfth values in a dozen lines."""

BOMBS = {
    "variables": ("group_vars/all.yml", BOMB),
    "variables of a host, without an ending": ("host_vars/l1", BOMB),
    "the inventory": ("hosts.yml", "all: {hosts: {l1: {ansible_connection: local}}}\n" + BOMB),
    "a mapping that merges itself": ("group_vars/all.yml", "a: &a\n  <<: *a\n  b: 1\n"),
    "a list inside of itself": ("group_vars/all.yml", "a: &a [*a]\n"),
    "the estate": ("estate.yml", ESTATE + BOMB),
    "the approvers": ("approvers.yml", BOMB),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_few_lines_that_stand_for_more_than_any_memory_are_refused_at_once(
    desk: Desk, what: str
) -> None:
    name, text = BOMBS[what]
    (desk.estate / name).parent.mkdir(exist_ok=True)
    desk.write(name, text)
    begun = time.monotonic()
    limit = resource.RLIMIT_AS
    before = resource.getrlimit(limit)
    resource.setrlimit(limit, (4 * 1024**3, before[1]))
    try:
        done = desk.process("estate", "check", "-e", "estate")
    finally:
        resource.setrlimit(limit, before)
    calm(done, 65, Path(name).name, "alias")
    assert time.monotonic() - begun < 30
    if name not in ("approvers.yml",):
        calm(desk.collect(), 65, "Nothing was touched." if name == "estate.yml" else name)


def test_aliases_that_stand_for_little_are_taken(desk: Desk) -> None:
    desk.write("hosts.yml", "x: &x {ansible_connection: local}\nall: {hosts: {l1: *x, l2: *x}}\n")
    calm(desk("estate", "check", "-e", "estate"), 0)
