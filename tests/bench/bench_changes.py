"""A change on 20 hosts with pending security updates: its planning, its applying, its memory.

What is fair to compare with:

* Planning: one play with one task, ``apt-get -s dist-upgrade``, on the same hosts with as many
  forks, pipelining and shared connections. Ours reads far more, binds it and writes the plan. The
  first plan is not counted: it reads changelogs, which are then known.
* Applying: the runbook's own tasks by plain ansible-playbook in one process, on the same host plans
  (given as the engine gives them) and the same waves (``serial``), with the same forks, pipelining
  and shared connections. So both sides do the same on hosts: undo bundle, download, upgrade,
  restarts. What differs is ours: one process and one pair of lease markers per wave, standing still
  until undo material is durable, events. Counted is the phase ``apply`` of all waves by the record;
  the drift check, verification and the whole command are told beside it.
* Between the two, hosts are brought back by the runbook's undo, so that both meet the same
  versions. Each side has a change number of its own: what is fetched and kept is so per change.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from figures import Figure, Timed, at_most
from signed import Signed

HOSTS = 20
ROUNDS_OF_PLANNING = 3
ROUNDS_OF_APPLYING = 2
MOST_MIB = 250
SERIAL = [1, 2, 4, 8, 16]
"""The ramp of the runbook: first 1, factor 2."""

SIMULATE = """- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.command: apt-get -s dist-upgrade
      changed_when: false
"""


class Changes(Signed):
    """Patch changes of all hosts."""

    def plan(self) -> tuple[Timed, Any]:
        """A plan of all hosts: what making it cost, and its content."""
        done = self.opsbook("plan", "patching", *self.here, "-l", self.estate.limit,
                            "--reason", "bench", "--json")  # fmt: skip
        plan = json.loads(done.output)["plan"]
        changing = Counter(entry["outlook"] for entry in plan["host_plans"].values())
        if changing["change"] != HOSTS:
            raise RuntimeError(f"not every host has pending updates: {changing}")
        return done, plan

    def apply_barely(self, plan: Any) -> float:
        """Seconds of the runbook's playbook in the waves of the plan; then hosts are as before."""
        given = ("-e", f"@{self.write('variables.json', _given(plan))}")
        done = self.bare(self.write("apply.yml", _play("playbook.yml")), *given)
        self.bare(self.write("undo.yml", _play("undo.yml")), *given)
        return done.seconds

    def apply(self, change: str) -> tuple[Timed, Counter[str]]:
        """The whole command, and seconds of each phase of its waves; then hosts are as before."""
        done = self.opsbook("apply", change, "--json")
        run = json.loads(done.output)["run"]
        record = json.loads(self.opsbook("records", "show", run, "--json").output)
        spent: Counter[str] = Counter()
        for wave in record["waves"]:
            spent.update(wave["seconds"])
        self.opsbook("undo", change)
        return done, spent


def bench(state: Path, lab_state: Path) -> list[Figure]:
    """Plan, then apply and undo on all hosts, each against plain Ansible."""
    changes = Changes(lab_state, state / "changes", HOSTS)
    return [_planning(changes), *_applying(changes)]


def _planning(changes: Changes) -> Figure:
    simulate = changes.write("simulate.yml", SIMULATE)
    changes.plan()
    changes.bare(simulate)
    base, ours = [], []
    for _ in range(ROUNDS_OF_PLANNING):
        base.append(changes.bare(simulate).seconds)
        ours.append(changes.plan()[0].seconds)
    detail = f"{min(ours):.2f} s against {min(base):.2f} s"
    ratio = min(ours) / min(base)
    return at_most(f"planning {HOSTS} hosts", "one task apt-get -s", ratio, 1.3, detail)


def _applying(changes: Changes) -> list[Figure]:
    base, ours, beside, peak = [], [], [], 0.0
    for _ in range(ROUNDS_OF_APPLYING):
        _, plan = changes.plan()
        changes.approve(plan["change"])
        base.append(changes.apply_barely(plan))
        whole, spent = changes.apply(plan["change"])
        ours.append(spent["apply"])
        told = ", ".join(f"{name} {spent[name]:.1f} s" for name in ("drift", "verify"))
        beside.append(
            (spent["apply"], f"beside it {told}; the whole command {whole.seconds:.1f} s")
        )
        peak = max(peak, whole.peak_mib)
    what = f"apply phase, {HOSTS} hosts in {len(SERIAL)} waves"
    detail = f"{min(ours):.1f} s against {min(base):.1f} s; {min(beside)[1]}"
    return [
        at_most(what, "bare ansible-playbook, serial", min(ours) / min(base), 1.1, detail),
        Figure("memory of the control process, applying", "-", f"<= {MOST_MIB} MiB", peak,
               peak <= MOST_MIB, "the largest of it and the processes it started"),
    ]  # fmt: skip


def _given(plan: Any) -> dict[str, Any]:
    """The variables that the engine gives, under the number of a change of their own: nothing that
    one side left on a host is of use to the other.
    """
    given = {name: setting["value"] for name, setting in plan["parameters"].items()}
    return given | {
        "opsbook_change": "CHG-19700101" + plan["change"][-4:],
        "opsbook_run": "",
        "opsbook_plans": plan["host_plans"],
        "opsbook_plan": "{{ opsbook_plans[inventory_hostname] | default({}) }}",
    }


def _play(file: str) -> str:
    """A playbook of the runbook, in waves; from a file beside ours it is still that one."""
    from opsbook.execution.declared.declarations import runbook_directory

    text = (runbook_directory("patching") / file).read_text(encoding="utf-8")
    return text.replace("  gather_facts: false\n", f"  gather_facts: false\n  serial: {SERIAL}\n")
