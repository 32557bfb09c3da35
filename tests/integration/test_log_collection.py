"""Log collection with the real script, real files, real rotation and the real store."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zstandard

from doubles.sshd import Sshd, free_port, running_sshd
from opsbook.domains.logs.collect.work import LogCollectWork, free_bytes, over
from opsbook.domains.logs.keep.store import open_store
from opsbook.execution.reach.ssh import ssh_config
from opsbook.execution.reach.transport import ShellTransport
from opsbook.execution.work import HostReport, Job
from opsbook.model.clock import SystemClock
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places

LINE = re.compile(rb" line (\d+)$", re.MULTILINE)
WRITER = """
import sys, time
path, count, pause, keep = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "keep"
file = open(path, "ab", buffering=0)
for number in range(count):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if not keep:
        file = open(path, "ab", buffering=0)
    file.write(f"{stamp} line {number}\\n".encode())
    time.sleep(pause)
"""


@dataclass
class Reports:
    reports: dict[str, HostReport] = field(default_factory=dict)

    def started(self, host: str, phase: str) -> None: ...

    def task(self, host: str, name: str, status: str, detail: object) -> None: ...

    def progress(self, host: str, done: int, total: int | None) -> None: ...

    def finished(self, report: HostReport) -> None:
        self.reports[report.host] = report


class Nights:
    """Nights of an estate on this machine, with everything real."""

    def __init__(self, root: Path) -> None:
        self.places = Places(root / "state")
        self.logs = root / "logs"
        self.logs.mkdir()
        self.known_hosts = root / "known_hosts"
        self.known_hosts.touch()
        self.runs = 0
        self.parameters: dict[str, Any] = {
            "parallel": 4, "host_rate_mib": 0, "total_rate_mib": 0, "host_timeout": "2m"
        }  # fmt: skip
        self.estate = Estate.model_validate({
            "schema": 1, "name": "t", "title": {"zh": "t", "en": "t"}, "timezone": "Asia/Shanghai",
            "policies": {"logs": {"min_free_mib": 0}},
        })  # fmt: skip

    def host(self, name: str = "web1", **fields: Any) -> Host:
        sources = [{"name": "app", "files": [f"{self.logs}/*"]}]
        fields.setdefault("connection", "local")
        return Host(name, "127.0.0.1", vars={"opsbook_logs_app": sources}, **fields)

    def night(self, *hosts: Host) -> dict[str, HostReport]:
        self.runs += 1
        hosts = hosts or (self.host(),)
        inventory = Inventory(hosts, "", self.known_hosts)
        clock, sink = SystemClock(), Reports()
        work = LogCollectWork(
            open_store(self.estate, self.places, clock),
            over(ShellTransport(ssh_config(inventory, self.places))),
            lambda: free_bytes(self.places.root),
        )
        job = Job(f"RUN-20261121-{self.runs:03}", self.estate, inventory, None, self.parameters,  # type: ignore[arg-type]
                  self.places, clock, clock.now(), threading.Event())  # fmt: skip
        work.perform(hosts, job, sink)
        return sink.reports

    def kept(self, host: str = "web1") -> bytes:
        """Everything stored of a host, unpacked by a foreign tool's rules: frame after frame."""
        data = b""
        for file in sorted(self.places.logs("t").rglob("*.zst")):
            if host in file.parts:
                with file.open("rb") as packed, zstandard.open(packed, "rb") as raw:
                    data += raw.read()
        return data

    def numbers(self) -> Counter[int]:
        return Counter(int(number) for number in LINE.findall(self.kept()))


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def _lines(count: int) -> bytes:
    """Lines that do not pack well, so that reading them takes its time."""
    return b"".join(b"%s line %d\n" % (os.urandom(40).hex().encode(), n) for n in range(count))


def logrotate(nights: Nights, tmp_path: Path, *rules: str) -> None:
    program = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "logrotate is missing: see .ci/system-packages"
    config = tmp_path / "logrotate.conf"
    config.write_text(f"{nights.logs}/app.log {{\nrotate 1000\nsize 1\nmissingok\n"
                      + "\n".join(rules) + "\n}\n")  # fmt: skip
    config.chmod(0o644)
    subprocess.run(
        [program, "--force", "--state", str(tmp_path / "state.logrotate"), str(config)],
        check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def writer(nights: Nights, count: int, *, keep_open: bool) -> subprocess.Popen[bytes]:
    how = "keep" if keep_open else "reopen"
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(nights.logs / "app.log"), str(count), "0.0005", how]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "rules", [("create",), ("create", "compress"), ("create", "compress", "delaycompress")],
    ids=" ".join,
)  # fmt: skip
def test_logrotate_with_create_loses_and_doubles_no_line(nights, tmp_path, rules):
    (nights.logs / "app.log").touch()
    nights.logs.chmod(0o755)
    with writer(nights, 4000, keep_open=False) as process:
        while process.poll() is None:
            nights.night()
            if "compress" in rules and "delaycompress" not in rules:
                time.sleep(0.1)
            logrotate(nights, tmp_path, *rules)
    for file in nights.logs.iterdir():
        os.utime(file, (time.time() - 7200, time.time() - 7200))
    nights.night()
    assert nights.runs > 3
    written = Counter(_at_the_source(nights.logs))
    assert nights.numbers() == written


def _at_the_source(logs: Path) -> list[int]:
    """What rotation itself left: a line written to a file being packed is lost by the source."""
    found: list[int] = []
    for file in logs.iterdir():
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix == ".gz" else data
        found += [int(number) for number in LINE.findall(data)]
    return found


@pytest.mark.slow
def test_logrotate_with_copytruncate_loses_only_what_is_told(nights, tmp_path):
    (nights.logs / "app.log").touch()
    losses = []
    with writer(nights, 4000, keep_open=True) as process:
        while process.poll() is None:
            losses += nights.night()["web1"].evidence["losses"]
            logrotate(nights, tmp_path, "copytruncate")
    for file in nights.logs.iterdir():
        os.utime(file, (time.time() - 7200, time.time() - 7200))
    losses += nights.night()["web1"].evidence["losses"]
    found = nights.numbers()
    assert set(found.values()) == {1}
    assert set(found) == set(_at_the_source(nights.logs))
    assert set(range(4000)) == set(found) or losses


def test_compressed_history_is_read_and_never_again(nights):
    for kind, tool in (("gz", "gzip"), ("xz", "xz"), ("bz2", "bzip2"), ("zst", "zstd")):
        file = nights.logs / f"old-{kind}.log"
        file.write_bytes(b"".join(b"%s line %d\n" % (kind.encode(), n) for n in range(1000)))
        options = ["--rm", "-q"] if tool == "zstd" else []
        subprocess.run([tool, *options, str(file)], check=True)
    first = nights.night()["web1"]
    second = nights.night()["web1"]
    assert nights.kept().count(b"\n") == 4000
    assert (first.evidence["files_read"], second.evidence["files_read"]) == (4, 0)
    assert second.evidence["wire_bytes"] < 5000


@pytest.mark.parametrize("action", ["truncate", "rotate"])
def test_a_file_that_changes_while_it_is_read_is_planned_again(nights, action):
    log = nights.logs / "app.log"
    log.write_bytes(_lines(200_000))
    nights.parameters["host_rate_mib"] = 4
    reports: dict[str, HostReport] = {}
    night = threading.Thread(target=lambda: reports.update(nights.night()))
    night.start()
    time.sleep(0.8)
    if action == "truncate":
        log.write_bytes(b"2026-11-21T09:00:00Z line 999999\n")
    else:
        log.rename(nights.logs / "app.log.1")
        log.write_bytes(b"2026-11-21T09:00:00Z line 999999\n")
    night.join()
    nights.night()
    found = nights.numbers()
    assert set(found.values()) == {1}
    assert 999_999 in found
    assert len(found) == (1 if action == "truncate" else 200_001)
    assert reports["web1"].outcome == Outcome.OK


def test_a_killed_connection_is_caught_up_with(nights):
    log = nights.logs / "app.log"
    log.write_bytes(_lines(200_000))
    nights.parameters |= {"host_rate_mib": 1, "host_timeout": "1s"}
    assert nights.night()["web1"].outcome == Outcome.FAILED
    assert nights.kept() == b""
    nights.parameters |= {"host_rate_mib": 0, "host_timeout": "2m"}
    assert nights.night()["web1"].outcome == Outcome.OK
    assert nights.kept() == log.read_bytes()


# --- through a real sshd


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    directory = tmp_path / "sshd"
    directory.mkdir()
    with running_sshd(directory) as server:
        yield server


def reached(nights: Nights, sshd: Sshd, name: str = "web1") -> Host:
    nights.known_hosts.write_text(sshd.host_line())
    return nights.host(
        name, port=sshd.port, user=sshd.user, key_file=str(sshd.key), connection="ssh"
    )


def test_a_dead_host_does_not_hold_up_one_that_lives(nights, sshd):
    (nights.logs / "app.log").write_bytes(b"one\n")
    alive = reached(nights, sshd)
    dead = nights.host("dead", port=free_port(), connection="ssh")
    reports = nights.night(dead, alive)
    assert reports["web1"].outcome == Outcome.OK
    assert reports["dead"].outcome == Outcome.UNREACHABLE
    assert "Connection refused" in reports["dead"].summary.english()
    assert nights.kept() == b"one\n"


def test_a_host_key_that_changed_is_told_in_one_clear_sentence(nights, sshd):
    (nights.logs / "app.log").write_bytes(b"one\n")
    host = reached(nights, sshd)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                    str(nights.logs.parent / "other")], check=True)  # fmt: skip
    words = (nights.logs.parent / "other.pub").read_text().split()
    nights.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {words[0]} {words[1]}\n")
    report = nights.night(host)["web1"]
    assert report.outcome == Outcome.UNREACHABLE
    assert "host key" in report.summary.english()
    assert any("known_hosts" in advice.english() for advice in report.deviations)
    assert nights.kept() == b""


def test_a_host_key_that_is_not_on_file_is_not_trusted(nights, sshd):
    host = reached(nights, sshd)
    nights.known_hosts.write_text("")
    report = nights.night(host)["web1"]
    assert report.outcome == Outcome.UNREACHABLE
    assert "not on file" in report.summary.english()
