"""The real PlaybookChange on hosts of this machine, for the contract of work that changes hosts.

Not a double: it stands beside them because contract tests take it as one more subject.
``OPSBOOK_RUNBOOKS`` must name the folder ``catalog`` below its directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from doubles.change_subjects import GONE, GOOD, OTHER
from doubles.jobs import make_estate, make_job, make_runbook
from opsbook.execution.ansible.change import PlaybookChange
from opsbook.execution.work import Job
from opsbook.model.plan import HostPlan

HOSTS = """\
all:
  vars:
    ansible_connection: local
    place: '{there}/{{{{ inventory_hostname }}}}'
  hosts:
    good: {{opsbook_lease_directory: {there}/good/marker}}
    other: {{opsbook_lease_directory: {there}/other/marker}}
    gone: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}
"""

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: keep what is there
      keep: {place: '{{ place }}', action: keep}
    - name: first
      ansible.builtin.copy: {content: new, dest: '{{ place }}/first'}
    - name: trouble
      ansible.builtin.fail: {msg: as asked}
      when: (place ~ '/trouble') is exists
    - name: second
      ansible.builtin.copy: {content: new, dest: '{{ place }}/second'}
"""

UNDO = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: bring back
      keep: {place: '{{ place }}', action: restore}
"""

KEEP = """\
#!/usr/bin/python
import json, os
from ansible.module_utils.basic import AnsibleModule

def texts(place):
    found = {}
    for name in ("first", "second"):
        with open(os.path.join(place, name)) as file:
            found[name] = file.read()
    return found

spec = {"place": {"type": "str"}, "action": {"type": "str"}}
module = AnsibleModule(spec, supports_check_mode=True)
place = module.params["place"]
kept = os.path.join(place, "kept.json")
if module.params["action"] == "keep":
    if not os.path.exists(kept) and not module.check_mode:
        with open(kept, "w") as file:
            json.dump(texts(place), file)
    module.exit_json(changed=False, opsbook_prepared={"kept": kept})
if not os.path.exists(kept):
    module.exit_json(changed=False)
with open(kept) as file:
    before = json.load(file)
for name, text in before.items():
    with open(os.path.join(place, name), "w") as file:
        file.write(text)
os.unlink(kept)
module.exit_json(changed=True, opsbook_undone={"files": sorted(before)})
"""


@dataclass(slots=True)
class PlaybookSubject:
    """See :class:`doubles.change_subjects.Subject`."""

    there: Path
    estate: Path
    work: PlaybookChange

    @classmethod
    def new(cls, there: Path) -> PlaybookSubject:
        files = {"undo.yml": UNDO, "library/keep.py": KEEP}
        folder = make_runbook(there / "catalog", "change", PLAYBOOK, **files)
        declared = (folder / "runbook.yml").read_text().replace("class: routine", "class: normal")
        undo = "undo: {kind: playbook, playbook: undo.yml,"
        (folder / "runbook.yml").write_text(declared.replace("undo: {kind: none,", undo))
        for host in (GOOD, OTHER):
            (there / host).mkdir()
            for name in ("first", "second"):
                (there / host / name).write_text("old")
        estate = make_estate(there / "estate", HOSTS.format(there=there))
        return cls(there, estate, PlaybookChange())

    def job(self, plans: Mapping[str, HostPlan] | None = None) -> Job:
        made = make_job(self.estate, "change", self.there / "state")
        tokens = dict.fromkeys((GOOD, OTHER, GONE), 1)
        return replace(made, change="CHG-1", plans=plans or {}, tokens=tokens)

    def state(self, host: str) -> object:
        return {name: (self.there / host / name).read_text() for name in ("first", "second")}

    def disturb(self, host: str) -> None:
        (self.there / host / "second").write_text("strange")

    def leave_midway(self, host: str, job: Job) -> None:
        (self.there / host / "kept.json").write_text('{"first": "old", "second": "old"}')
        (self.there / host / "first").write_text("new")

    def let_fail(self, host: str) -> None:
        (self.there / host / "trouble").touch()
