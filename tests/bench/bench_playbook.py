"""A one-task routine run through the engine against the bare playbook."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

from estate import BenchEstate
from figures import Figure, at_most, timed

BIN = Path(sys.executable).parent
HOSTS = 20


def bench(state: Path, lab_state: Path) -> list[Figure]:
    """``host_survey`` on 20 hosts, through ``opsbook run`` and through ``ansible-playbook``."""
    from opsbook.execution.declared.declarations import content, runbook_directory

    estate = BenchEstate(lab_state, state / "playbook", HOSTS)
    env = {
        "ANSIBLE_COLLECTIONS_PATH": str(content()),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_SSH_ARGS": f"-F {estate.ssh_config} -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_BECOME": "1",
    }
    bare = [BIN / "ansible-playbook", "-i", estate.directory / "hosts.yml", "-l", estate.limit,
            "-f", str(HOSTS), runbook_directory("host_survey") / "playbook.yml"]  # fmt: skip
    ours = [BIN / "opsbook", "run", "host_survey", "-e", estate.directory, "-l", estate.limit,
            "--json"]  # fmt: skip
    timed(bare, env=env)
    base, run, verify = [], [], []
    for _ in range(3):
        base.append(timed(bare, env=env).seconds)
        whole = timed(ours, env=estate.env)
        beside = _verification(estate, json.loads(whole.output)["run"])
        run.append(whole.seconds - beside)
        verify.append(beside)
    detail = (
        f"{min(run):.2f} s against {min(base):.2f} s; verification beside it {min(verify):.2f} s"
    )
    ratio = min(run) / min(base)
    return [at_most("one-task routine run, 20 hosts", "bare ansible-playbook", ratio, 1.15, detail)]


def _verification(estate: BenchEstate, number: str) -> float:
    """Seconds from the last host's end to the closing of the run."""
    shown = timed([BIN / "opsbook", "records", "show", number, "--json"], env=estate.env)
    record = json.loads(shown.output)
    finished = max(datetime.fromisoformat(h["finished"]["utc"]) for h in record["hosts"])
    return (datetime.fromisoformat(record["when"]["closed"]["utc"]) - finished).total_seconds()
