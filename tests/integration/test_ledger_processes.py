"""Several processes at one ledger: appending, dying, running out of disk."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from doubles.clock import FakeClock
from doubles.estate_of_runs import DAY, finished, opened, whole_run
from opsbook.ledger import sqlite
from opsbook.ledger.audit import audit
from opsbook.ledger.listing import find_runs, open_reader, record_now
from opsbook.ledger.port import Holder
from opsbook.ledger.process import alive, this_process
from opsbook.ledger.signing import Signer
from opsbook.ledger.store import open_ledger
from opsbook.ledger.verdict import Level
from opsbook.model.clock import SystemClock
from opsbook.model.errors import Busy
from opsbook.model.places import Places

_TESTS = Path(__file__).parent.parent

_WRITER = """
import sys
from pathlib import Path
from opsbook.ledger.store import open_ledger, this_process
from opsbook.model.clock import SystemClock
from opsbook.model.event import NewEvent
from opsbook.model.places import Places
name, root, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = open_ledger(Places(Path(root)), SystemClock())
for n in range(number):
    ledger.append([NewEvent("host.task", "city", "", name, {"n": n})])
    print(n, flush=True)
"""

_HOLDER = """
import sys, time
from pathlib import Path
from doubles.estate_of_runs import DAY, opened
from opsbook.ledger.store import open_ledger, this_process
from opsbook.model.clock import SystemClock
from opsbook.model.places import Places
from dataclasses import asdict, replace
ledger = open_ledger(Places(Path(sys.argv[1])), SystemClock())
def make(run):
    event = opened(run)
    return [replace(event, payload={**event.payload, "holder": asdict(this_process(run))})]
run = ledger.open_run(DAY, make)
lease = ledger.take("city/web1", this_process(run))
print(run, lease.token, flush=True)
time.sleep(600)
"""

_FILLER = """
import sys
from pathlib import Path
from opsbook.ledger.store import open_ledger
from opsbook.model.clock import SystemClock
from opsbook.model.errors import Refused
from opsbook.model.event import NewEvent
from opsbook.model.places import Places
places = Places(Path(sys.argv[1]))
ledger = open_ledger(places, SystemClock())
written = 0
try:
    while True:
        ledger.append([NewEvent("host.task", payload={"x": "y" * 3000})])
        written += 1
except Refused as refused:
    print(written, refused.problem.english(), "|", refused.untouched.english())
filler = places.root / "filler"
filler.unlink()
ledger.append([NewEvent("host.task", payload={"after": True})])
ledger.close()
from opsbook.ledger import sqlite
from opsbook.ledger.audit import audit
verdict, _ = audit(places)
print(verdict.events, verdict.level.value)
"""


def _start(code: str, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _sound_events(places: Places) -> int:
    verdict, _ = audit(places)
    assert verdict.bad is None, verdict.bad
    return verdict.events


def test_two_processes_append_a_thousand_events_each(tmp_path: Path) -> None:
    places = Places(tmp_path / "state")
    writers = [_start(_WRITER, name, str(places.root), "1000") for name in ("a", "b")]
    assert [writer.wait(120) for writer in writers] == [0, 0], writers[0].communicate()
    assert _sound_events(places) == 2000
    with open_reader(places.ledger) as reader:
        events = list(reader.events())
    for name in ("a", "b"):
        mine = [(e.payload or {})["n"] for e in events if e.host == name]
        assert mine == list(range(1000))


def test_a_killed_writer_leaves_a_sound_ledger_and_the_other_one_goes_on(tmp_path: Path) -> None:
    """What a killed writer had reported as written is there, whenever it was killed."""
    places, chance = Places(tmp_path / "state"), random.Random(7)
    survivor = _start(_WRITER, "survivor", str(places.root), "1500")
    promised = {}
    for number in range(8):
        victim = _start(_WRITER, f"victim{number}", str(places.root), "100000")
        assert victim.stdout is not None
        victim.stdout.readline()
        time.sleep(chance.uniform(0, 0.25))
        victim.kill()
        lines = victim.communicate()[0].split()
        promised[f"victim{number}"] = int(lines[-1]) + 1 if lines else 1
    assert survivor.wait(120) == 0, survivor.communicate()
    _sound_events(places)
    with open_reader(places.ledger) as reader:
        found = Counter(event.host for event in reader.events())
    assert found["survivor"] == 1500
    for name, number in promised.items():
        assert number <= found[name] <= number + 1


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    ledger = open_ledger(Places(tmp_path / "state"), SystemClock())
    runs: list[str] = []

    def work() -> None:
        for _ in range(10):
            runs.append(whole_run(ledger))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    assert len(set(runs)) == len(runs) == 60


def test_a_ledger_opened_for_the_first_time_by_many_at_once_is_one(tmp_path: Path) -> None:
    root = tmp_path / "state"
    writers = [_start(_WRITER, f"w{n}", str(root), "3") for n in range(6)]
    for writer in writers:
        _, err = writer.communicate(timeout=60)
        assert writer.returncode == 0, err
    assert _sound_events(Places(root)) == 18


def test_a_key_made_by_many_at_once_is_one(tmp_path: Path) -> None:
    ids: list[str] = []

    def make() -> None:
        ids.append(Signer.kept_in(tmp_path / "keys").key_id)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert len(ids) == 8
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "checkpoint.key",
        "checkpoint.pub",
    ]


def test_a_lease_outlives_its_process_only_until_somebody_asks(tmp_path: Path) -> None:
    places = Places(tmp_path / "state")
    holder = _start(_HOLDER, str(places.root))
    assert holder.stdout is not None
    run, token = holder.stdout.readline().split()
    ledger = open_ledger(places, SystemClock())
    with pytest.raises(Busy, match=f"{run} .process {holder.pid}"):
        ledger.take("city/web1", this_process("RUN-20261121-009"))
    with open_reader(places.ledger) as reader:
        assert [line.state for line in find_runs(reader)] == ["running"]
    holder.kill()
    holder.wait()
    lease = ledger.take("city/web1", this_process("RUN-20261121-009"))
    assert lease.recovered is not None
    assert (lease.recovered.run, lease.recovered.pid) == (run, holder.pid)
    assert lease.token == int(token) + 1
    with open_reader(places.ledger) as reader:
        assert [line.state for line in find_runs(reader, state="interrupted")] == ["interrupted"]
        record = record_now(reader, run)
    assert record is not None
    assert record["state"] == "interrupted"
    ledger.close()


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"])
    stat = Path(f"/proc/{child.pid}/stat").read_bytes().rpartition(b")")[2].split()
    holder = this_process("R")
    as_child = type(holder)("R", child.pid, int(stat[19]), holder.boot_id)
    assert alive(as_child)
    child.kill()
    while Path(f"/proc/{child.pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z":
        time.sleep(0.01)
    assert not alive(as_child)
    child.wait()
    assert not alive(as_child)


def test_a_reused_process_id_is_not_the_holder(tmp_path: Path) -> None:
    holder = this_process("R")
    assert alive(holder)
    assert not alive(type(holder)("R", holder.pid, holder.started - 1, holder.boot_id))
    assert not alive(type(holder)("R", holder.pid, holder.started, "another boot"))


def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    """On a tmpfs of two megabytes in a mount namespace of its own; afterwards it goes on."""
    root = tmp_path / "small"
    root.mkdir()
    script = (
        'mount -t tmpfs -o size=2m tmpfs "$0" && mkdir -m 700 "$0/state"'
        ' && head -c 900000 /dev/zero > "$0/state/filler" && exec "$1" -c "$2" "$0/state"'
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(root), sys.executable, _FILLER],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    written = int(first.split()[0])
    assert "cannot be written" in first
    assert "Nothing was written" in first
    assert written > 10
    assert second == f"{written + 1} {Level.CONSISTENT.value}"


def test_everything_kept_is_private(tmp_path: Path) -> None:
    former = os.umask(0o000)
    places = Places(tmp_path / "state")
    ledger = open_ledger(places, FakeClock())
    ledger.open_run(DAY, lambda run: [opened(run)])
    ledger.append([finished("RUN-20261121-001", "web1")])
    ledger.checkpoint()
    os.umask(former)
    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777
        for path in [places.root, *places.root.rglob("*")]
    }
    ledger.close()
    wrong = {
        name: oct(mode)
        for name, mode in modes.items()
        if mode != (0o700 if (tmp_path / name).is_dir() else 0o600)
    }
    assert wrong == {}


_ELSEWHERE = """
from opsbook.ledger.process import alive, this_process
from opsbook.ledger.port import Holder
me = this_process("RUN-x")
print(me.pid, me.started, me.boot_id, alive(Holder({run!r}, {pid}, {started}, {boot_id!r})))
import sys
sys.stdout.flush()
sys.stdin.read()
"""


def test_processes_in_different_pid_namespaces_see_each_other_alive() -> None:
    me = this_process("RUN-me")
    code = _ELSEWHERE.format(run=me.run, pid=me.pid, started=me.started, boot_id=me.boot_id)
    process = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    pid, started, boot_id, sees_us = process.stdout.readline().split()
    there = Holder("RUN-there", int(pid), int(started), boot_id)
    assert pid == "1"
    assert sees_us == "True"
    assert alive(there)
    process.communicate(timeout=20)
    assert not alive(there)


def test_connections_that_first_switch_to_the_write_ahead_log_wait_for_each_other(
    tmp_path: Path,
) -> None:
    troubles: list[BaseException] = []
    for number in range(200):
        path, start = tmp_path / f"{number}.db", threading.Barrier(4)

        def connect(path: Path = path, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                sqlite._connect(path).close()
            except BaseException as trouble:
                troubles.append(trouble)

        threads = [threading.Thread(target=connect) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert troubles == []
