"""A small estate on this machine whose changes are real: files written, signed for, undone.

Every host is local and has a directory of its own, so that what was done there can be looked at.
The approver is another person with a key of its own; the one who asks is whoever runs the tests.
"""

from __future__ import annotations

import atexit
import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from support.typed import typed

OPSBOOK = Path(sys.executable).parent / "opsbook"
APPROVER = "client@example.invalid"
SECOND = "lead@example.invalid"

ESTATE = """schema: 1
name: here
title: {zh: 本机, en: This machine}
timezone: Asia/Shanghai
"""

RUNBOOK = """schema: 1
name: notice
title: {zh: 公告, en: Notice}
purpose: {zh: 写公告, en: Writes a notice}
class: normal
risk: {level: low, why: {zh: 只写一个文件, en: Writes one file}}
restore_point: {kind: undo_bundle, why: {zh: 原文件先留存, en: The former file is kept first}}
work: {playbook: playbook.yml}
verification: {suite: verify}
undo: {kind: playbook, why: {zh: 放回原文件, en: The former file is put back}, playbook: undo.yml}
waves: {first: 1, factor: 2, cap: 10, failure_budget: 0}
parameters:
  - name: words
    type: string
    help: {zh: 内容, en: What to write}
    example: hello
    default: hello
predicted_duration: 1m
method: {zh: 试, en: Try}
tools: []
records: []
"""

PLAYBOOK = """- name: Notice
  hosts: all
  gather_facts: false
  tasks:
    - name: Keep the former file
      ansible.builtin.copy:
        remote_src: true
        src: "{{ place }}/notice"
        dest: "{{ place }}/notice.before"
        mode: preserve
    - name: Fail where it was asked for
      ansible.builtin.assert:
        that: not (place ~ '/fail') is exists
      when: not ansible_check_mode
    - name: Write the notice
      ansible.builtin.lineinfile:  # one module, where copy takes three
        path: "{{ place }}/notice"
        regexp: "^"
        line: "{{ words }}"
"""

UNDO = """- name: Undo notice
  hosts: all
  gather_facts: false
  tasks:
    - name: Put the former file back
      ansible.builtin.copy:
        remote_src: true
        src: "{{ place }}/notice.before"
        dest: "{{ place }}/notice"
        mode: preserve
"""

VERIFY = """def test_the_notice_is_there(host):
    assert host.run("true").rc == 0
"""


@dataclass(frozen=True)
class Site:
    """Where everything is, and the commands in the environment of this site alone."""

    root: Path
    hosts: tuple[str, ...]

    @property
    def estate(self) -> Path:
        return self.root / "here"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "OPSBOOK_STATE": str(self.state),
            "OPSBOOK_RUNBOOKS": str(self.root / "catalog"),
            "LC_ALL": "C.UTF-8",
        }

    def key(self, principal: str) -> Path:
        return self.root / "keys" / principal

    def place(self, host: str) -> Path:
        return self.root / "hosts" / host

    def notice(self, host: str) -> str:
        return (self.place(host) / "notice").read_text(encoding="utf-8").strip()

    def notices(self) -> list[str]:
        return [self.notice(host) for host in self.hosts]

    @property
    def former(self) -> list[str]:
        """What the notices say as long as nothing was touched."""
        return ["former"] * len(self.hosts)

    @property
    def new(self) -> list[str]:
        """What they say when ``words=new`` was carried out everywhere."""
        return ["new"] * len(self.hosts)

    def keep(self) -> None:
        """Remember everything as it is now: files, hosts, ledger. No command may be at work."""
        shutil.copytree(self.root, self._kept, symlinks=True)

    def rewind(self) -> None:
        """Everything as it was when it was kept, whatever a test did to it."""
        shutil.rmtree(self.root)
        shutil.copytree(self._kept, self.root, symlinks=True)

    @property
    def _kept(self) -> Path:
        return self.root.with_name(self.root.name + ".kept")

    def run(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """A command in a process of its own."""
        return subprocess.run(
            [OPSBOOK, *words], env=self.environment | env, capture_output=True, text=True,
            check=False, timeout=300, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def typed(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """The same in this process, which takes a second less."""
        return typed(self.environment | env, *words)

    def good(self, *words: str | Path) -> str:
        """What a command printed that must succeed."""
        done = self.typed(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words: str | Path) -> Any:
        return json.loads(self.good(*words, "--json"))

    def plan(self, *words: str) -> str:
        """The number of a new change."""
        made = self.json("plan", "notice", "-e", self.estate, "--reason", "a test", *words)
        return str(made["change"])

    def approve(self, change: str, principal: str = APPROVER) -> str:
        return self.good("approve", change, "--key", self.key(principal), "--yes")

    def approved(self, *words: str) -> str:
        """The number of a new change that may be applied."""
        change = self.plan(*words)
        self.approve(change)
        return change


def make_site(root: Path, hosts: int = 3) -> Site:
    """An estate with its policy in force, and hosts whose notice says ``former``."""
    site = Site(root, tuple(f"h{n}" for n in range(1, hosts + 1)))
    shutil.copytree(_with_policy(), root, dirs_exist_ok=True)
    (site.estate / "hosts.yml").write_text(_hosts(site), encoding="utf-8")
    for host in site.hosts:
        site.place(host).mkdir(parents=True)
        for name in ("notice", "notice.before"):
            (site.place(host) / name).write_text("former\n", encoding="utf-8")
    return site


@cache
def _with_policy() -> Path:
    """A site without hosts to copy from: its policy takes five commands."""
    root = Path(tempfile.mkdtemp(prefix="opsbook-site-"))
    atexit.register(shutil.rmtree, root)
    site = Site(root, ("h1",))
    for directory in (site.estate, root / "keys", root / "catalog" / "notice" / "verify"):
        directory.mkdir(parents=True)
    _write_runbook(root / "catalog" / "notice")
    (site.estate / "estate.yml").write_text(ESTATE, encoding="utf-8")
    (site.estate / "hosts.yml").write_text(_hosts(site), encoding="utf-8")
    _write_policy(site)
    asked = ("policy", "propose", "-e", site.estate, "--reason", "the first")
    change = site.json(*asked)["change"]
    for principal in (APPROVER, SECOND):
        site.approve(change, principal)
    site.good("apply", change)
    return root


def _write_runbook(directory: Path) -> None:
    for name, text in (
        ("runbook.yml", RUNBOOK),
        ("playbook.yml", PLAYBOOK),
        ("undo.yml", UNDO),
        ("verify/test_notice.py", VERIFY),
    ):
        (directory / name).write_text(text, encoding="utf-8")


def _hosts(site: Site) -> str:
    lines = [
        f"    {host}: {{ansible_connection: local, place: {site.place(host)},"
        f" opsbook_lease_directory: {site.place(host)}}}\n"
        for host in site.hosts
    ]
    return "all:\n  hosts:\n" + "".join(lines)


def _write_policy(site: Site) -> None:
    signers = []
    for principal in (APPROVER, SECOND):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", principal,
             "-f", site.key(principal)],
            check=True,
        )  # fmt: skip
        public = site.key(principal).with_name(principal + ".pub").read_text(encoding="utf-8")
        signers.append(f'{principal} namespaces="opsbook-approval" {public}')
    (site.estate / "allowed_signers").write_text("".join(signers), encoding="utf-8")
    (site.estate / "approvers.yml").write_text(
        "schema: 1\n"
        "approvers:\n"
        f"  - {{principal: {APPROVER}, name: 甲方, groups: [client], accounts: []}}\n"
        f"  - {{principal: {SECOND}, name: 负责人, groups: [operator], accounts: []}}\n",
        encoding="utf-8",
    )


def account() -> str:
    """The account under which these tests ask for changes."""
    return getpass.getuser()
