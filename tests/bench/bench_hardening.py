"""Our own scan of 20 hosts, and one host with 60 findings set right.

What is fair to compare with:

* The scan: one play with one task, ``sshd -T`` (what the probe of one control asks), on the same
  hosts with as many forks, pipelining and shared connections. Ours is the whole command: start, the
  checks, judging, storing, the record.
* Setting right: the fixes that ``oscap xccdf generate fix`` makes of a real scan, of the type
  ``ansible``, run by plain ansible-playbook with pipelining and a shared connection. That type does
  the same as ours: it comes to the host over SSH, leaves alone what is right already, and says what
  it changed. The type ``bash`` is told beside: a script that somebody starts on the host as root,
  which cannot be repeated (it appends) and says nothing.
  Ours is the whole ``opsbook apply``: signatures, the look at drift, undo material, writing, the
  fresh login, the check of every control, the record.
  Both get the same findings: rules that fail and that both sides have a fix for, of as many
  controls as make 60. Each side has a host of its own, made of the same image; lab hosts have no
  source of packages, so findings that need one are not among them. Afterwards both are scanned
  again.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Figure, at_least, at_most
from openscap import OpenScap, Result
from signed import Signed

HOSTS = 20
ROUNDS = 3
FINDINGS = 60
CHOICES = ("--set", "firewall=nftables", "--set", "time=timesyncd", "--set", "log_pipeline=rsyslog")

ONE_TASK = """- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.command: sshd -T
      changed_when: false
"""


def bench(state: Path, lab_state: Path) -> list[Figure]:
    """The scan on all hosts; then three of them are set right, each in another way."""
    site = Signed(lab_state, state / "hardening", HOSTS)
    scanner = OpenScap(site.estate, state / "openscap")
    return [_scanning(site), *_setting_right(site, scanner)]


def _scanning(site: Signed) -> Figure:
    task = site.write("task.yml", ONE_TASK)
    words = ("findings", "scan", *site.here, "-l", site.estate.limit)
    run = site.told(*words)["run"]
    record = site.told("records", "show", run)
    controls = min(sum(host["evidence"]["numbers"].values()) for host in record["hosts"])
    site.bare(task)
    base, ours = [], []
    for _ in range(ROUNDS):
        base.append(site.bare(task).seconds)
        ours.append(site.opsbook(*words).seconds)
    return at_most(
        f"own scan, {controls} controls on {len(site.estate.hosts)} hosts, the whole command",
        "one bare Ansible task", min(ours) / min(base), 2,
        f"{min(ours):.2f} s against {min(base):.2f} s",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be set right: rules of the scanner, and the controls that they belong to."""

    rules: frozenset[str]
    controls: frozenset[str]


def _setting_right(site: Signed, scanner: OpenScap) -> list[Figure]:
    ours, theirs, script = site.estate.hosts[-3:]
    scanner.install([ours, theirs, script])
    found = scanner.scan(ours)
    task = _common(site, scanner, ours, found)
    given = found.only(task.rules)
    playbook = site.write("fix.yml", scanner.fixes(theirs, given, "ansible"))
    bare = site.bare(playbook, hosts=[theirs], collections=scanner.collections())
    bash = _run_script(site, script, scanner.fixes(script, given, "bash"))
    seconds, items = _apply(site, ours, task)
    left = {host: len(scanner.scan(host).failing() & task.rules) for host in (ours, theirs, script)}
    unnamed = {item["detail"]["control"] for item in items} - task.controls
    count = len(task.rules)
    return [
        at_least(
            f"one host, {count} findings, the whole apply", "fixes of oscap generate fix (ansible)",
            bare.seconds / seconds, 3,
            f"{seconds:.1f} s against {bare.seconds:.1f} s ({_recap(bare.output)}; bash on the"
            f" host {bash:.1f} s); of {count} fail afterwards: ours {left[ours]}, ansible"
            f" {left[theirs]}, bash {left[script]}",
        ),
        Figure("work for controls that were not named", "-", "0", len(unnamed), not unnamed,
               f"{len(items)} items of {len(task.controls)} controls"),
    ]  # fmt: skip


def _common(site: Signed, scanner: OpenScap, host: str, found: Result) -> Task:
    """Rules that fail and that both sides set right, of whole controls, until there are enough."""
    from opsbook.domains.hardening.controls.loader import load_catalogue

    file = site.write("found.xml", found.text)
    site.opsbook("findings", "import", file, *site.here, "--host", host, ok={0, 2})
    planned = {item["detail"]["control"] for item in _plan(site, host)[1]}
    every = scanner.fixes(host, found.text, "ansible")
    fixed = set(re.findall(r"^ +- ([\w.-]+)$", every, re.MULTILINE))
    rules: set[str] = set()
    controls: set[str] = set()
    for key, control in sorted(load_catalogue().controls.items()):
        failing = found.failing() & set(control.references.ssg)
        if key in planned and failing and failing <= fixed and len(rules) < FINDINGS:
            rules |= failing
            controls.add(key)
    if len(rules) < FINDINGS:
        raise RuntimeError(f"only {len(rules)} findings that both sides can set right: {controls}")
    return Task(frozenset(rules), frozenset(controls))


def _plan(site: Signed, host: str, *words: str) -> tuple[str, list[Mapping[str, Any]]]:
    """A change of that host: its number and its items."""
    made = site.told("plan", "hardening", *site.here, "-l", host, "--reason", "bench", *CHOICES,
                     *words)  # fmt: skip
    return made["change"], made["plan"]["host_plans"][host]["items"]


def _apply(site: Signed, host: str, task: Task) -> tuple[float, list[Mapping[str, Any]]]:
    """The least seconds of applying twice, with an undo between; the host stays set right."""
    spent = []
    for turn in range(2):
        change, items = _plan(site, host, "--set", f"include={','.join(sorted(task.controls))}")
        site.approve(change)
        spent.append(site.opsbook("apply", change).seconds)
        if turn == 0:
            site.opsbook("undo", change)
    return min(spent), items


def _run_script(site: Signed, host: str, script: str) -> float:
    """Seconds of a script on a host. Fixes of single rules may fail; the script goes on."""
    begun = time.monotonic()
    subprocess.run(site.estate.ssh(host, "sudo bash -s"), input=script.encode(),
                   capture_output=True, check=False)  # fmt: skip
    return time.monotonic() - begun


def _recap(output: bytes) -> str:
    """``ok=.. changed=..`` of ansible-playbook's last lines."""
    found = re.findall(rb"(?:ok|changed|failed|skipped)=\d+", output.rpartition(b"PLAY RECAP")[2])
    return b" ".join(found).decode()


if __name__ == "__main__":
    print("\n".join(map(str, bench(Path(sys.argv[1]), Path(sys.argv[2])))))
