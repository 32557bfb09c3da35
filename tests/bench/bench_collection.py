"""Log collection against bare ssh, and against ansible.builtin.fetch."""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path

from estate import LOG, BenchEstate, log_lines
from figures import Figure, Timed, at_least, at_most, timed

BIN = Path(sys.executable).parent
MIB = 1024 * 1024
HOSTS, SIZE = 10, 50 * MIB

FETCH = f"""- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.fetch: {{src: {LOG}, dest: DEST}}
"""


def bench(state: Path, lab_state: Path) -> list[Figure]:
    """First night, second night, and memory, on ten hosts of the lab."""
    estate = BenchEstate(lab_state, state / "collection", HOSTS)
    source = state / "bench.log"
    following = log_lines(source, SIZE, seed=1)
    estate.everywhere("sudo sh -c 'rm -rf /var/log/bench; mkdir -p /var/log/bench; "
                      f"cat > {LOG}'", source)  # fmt: skip
    rows, first = _first_night(estate, state)
    rows += _second_night(estate, state, following, first)
    estate.everywhere("sudo rm -rf /var/log/bench")
    return rows


def _collect(estate: BenchEstate) -> tuple[Timed, dict]:
    argv = [BIN / "opsbook", "run", "log_collection", "-e", estate.directory, "-l", estate.limit]
    run = timed([*argv, "--json", "--set", f"parallel={HOSTS}"], env=estate.env)
    number = json.loads(run.output)["run"]
    shown = timed([BIN / "opsbook", "records", "show", number, "--json"], env=estate.env)
    return run, json.loads(shown.output)


def _wall(action) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def _first_night(estate: BenchEstate, state: Path) -> tuple[list[Figure], dict]:
    out = state / "baseline"
    bare_tar = f"sudo sh -c 'tar -cf - {LOG} 2>/dev/null | zstd -1 -q'"
    runs, records, base = [], [], []
    for _ in range(3):
        base.append(_wall(lambda: estate.parallel(bare_tar, out)))
        for tier in ("logs", "archive"):
            shutil.rmtree(estate.state / tier, ignore_errors=True)
        run, record = _collect(estate)
        runs.append(run)
        records.append(record)
    best = min(range(3), key=lambda n: _span(records[n]))
    run, record, bare = runs[best], records[best], min(base)
    transfer, whole = _transfer(record), _span(record)
    fetch = _wall(lambda: _fetch(estate, state))
    shutil.rmtree(out)
    tar = "parallel ssh tar, zstd -1"
    command = f"the whole command {run.seconds:.2f} s with start-up, verification and signing"
    return [
        at_most("first night, 10 x 50 MB: connect, transfer and store", tar, transfer / bare, 1.3,
                f"{transfer:.2f} s against {bare:.2f} s"),
        at_most("the same with hashing, counting, completeness", tar, whole / bare, 1.8,
                f"{whole:.2f} s; {command}"),
        at_least("first night, the whole command", "ansible.builtin.fetch", fetch / run.seconds, 6,
                 f"{run.seconds:.2f} s against {fetch:.2f} s"),
        _memory("first night", run),
    ], record  # fmt: skip


def _second_night(estate: BenchEstate, state: Path, number: int, first: dict) -> list[Figure]:
    """Three nights with 1 % new bytes each; the baseline fetches just as many."""
    out, new = state / "baseline", state / "new.log"
    runs, records, base = [], [], []
    for night in range(3):
        number = log_lines(new, SIZE // 100, seed=2 + night, first=number)
        estate.everywhere(f"sudo sh -c 'cat >> {LOG}'", new)
        size = new.stat().st_size
        tail = f"sudo tail -c {size} {LOG}"
        base.append(_wall(lambda tail=tail: estate.parallel(tail, out)))
        run, record = _collect(estate)
        runs.append(run)
        records.append(record)
    shutil.rmtree(out)
    best = min(range(3), key=lambda n: _span(records[n]))
    run, record, bare, ours = runs[best], records[best], min(base), _span(records[best])
    share = _wire(record) / _wire(first)
    command = f"the whole command {run.seconds:.2f} s with start-up, verification and signing"
    return [
        at_most("second night, 1 % new", "parallel ssh tail -c", ours / bare, 1.5,
                f"{ours:.2f} s against {bare:.2f} s; {command}"),
        at_most("second night: bytes on the wire", "the first night's", share, 0.02,
                f"{_wire(record)} of {_wire(first)} bytes"),
        _memory("second night", run),
    ]  # fmt: skip


def _fetch(estate: BenchEstate, state: Path) -> None:
    book = state / "fetch.yml"
    book.write_text(FETCH.replace("DEST", str(state / "fetched")), encoding="ascii")
    argv = [BIN / "ansible-playbook", "-i", estate.directory / "hosts.yml", "-l", estate.limit]
    argv += ["-f", str(HOSTS), book, "--ssh-common-args", f"-F {estate.ssh_config}"]
    env = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_HOST_KEY_CHECKING": "1", "ANSIBLE_BECOME": "1"}
    timed(argv, env=env)
    shutil.rmtree(state / "fetched")


def _evidence(record: dict) -> list[dict]:
    return [host["evidence"] for host in record["hosts"]]


def _wire(record: dict) -> int:
    return sum(evidence["wire_bytes"] for evidence in _evidence(record))


def _begun(host: dict) -> float:
    return datetime.fromisoformat(host["started"]["utc"]).timestamp()


def _span(record: dict) -> float:
    """Seconds from the first connection to the last host's end."""
    ends = [datetime.fromisoformat(h["finished"]["utc"]).timestamp() for h in record["hosts"]]
    return max(ends) - min(_begun(host) for host in record["hosts"])


def _transfer(record: dict) -> float:
    """Seconds from the first connection until the last host's bytes were stored."""
    first = min(_begun(host) for host in record["hosts"])
    return max(
        _begun(host) - first + seconds["survey"] + seconds["transfer"]
        for host in record["hosts"]
        for seconds in [host["evidence"]["seconds"]]
    )


def _memory(what: str, run: Timed) -> Figure:
    return Figure(f"memory of the control process, {what}", "-", "<= 150 MiB", run.peak_mib,
                  run.peak_mib <= 150)  # fmt: skip
