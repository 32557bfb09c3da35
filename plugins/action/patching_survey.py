"""The survey of patching, sent to a host as a script instead of as an Ansible module.

What comes with every Ansible module takes a host 0.2 s to compile each time, more than the whole
survey, and reading needs none of it. The script holds the same files that the module imports.
Whatever is not as usual (Python's place not known yet, no pipelining, arguments that mean
something on the host only, dnf, any trouble at all) is left to the module, which reads again and
says in its own words what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action.normal import ActionModule as OfModule
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.arguments import (
    PATCHING_SURVEY,
)

_FILES = Path(__file__).parents[1] / "module_utils"
_HOME = "ansible_collections.opsbook.runbooks.plugins.module_utils"
_SENT = ("host", "patching")

_SCRIPT = """
import json
import sys
from importlib.machinery import ModuleSpec

FILES = {files!a}

class Sent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return ModuleSpec(name, Sent, is_package=not FILES[name]) if name in FILES else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__
        exec(compile(FILES[name], name, "exec"), module.__dict__)

sys.meta_path.append(Sent)
from {home}.patching.survey import survey
print(json.dumps(survey(json.loads({arguments!a}), may_refresh=False)))
"""


class ActionModule(OfModule):
    """The task ``patching_survey``."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the task."""
        found = self._directly(task_vars or {})
        if found is None:
            found = super().run(tmp, task_vars)
        return found

    def _directly(self, task_vars: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the script answers; None where the module has to do it."""
        python = str(task_vars.get("ansible_python_interpreter", ""))
        arguments = self._arguments()
        if self._task.async_val or arguments is None or not _is_path(python):
            return None
        if not self._connection.is_pipelining_enabled():
            return None
        command = f"{self._compute_environment_string()} {python} -I -S -".strip()
        done = self._low_level_execute_command(command, in_data=script(arguments).encode())
        try:
            answer = json.loads(done["stdout"]) if done["rc"] == 0 else None
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def _arguments(self) -> dict[str, Any] | None:
        """The arguments with their defaults; None where only the module understands them."""
        given = json.dumps(_plain(self._task.args))
        if "~" in given or "$" in given:  # paths of the host's own user
            return None
        _, checked = self.validate_argument_spec(PATCHING_SURVEY)
        arguments: dict[str, Any] = _plain(checked)
        return None if arguments["refresh"] else arguments


def script(arguments: Mapping[str, Any]) -> str:
    """The survey with these ``arguments`` as one program for the host's Python (3.8 or later)."""
    packages = [_HOME.rsplit(".", depth)[0] for depth in range(_HOME.count("."), 0, -1)]
    files = dict.fromkeys([*packages, _HOME, *(f"{_HOME}.{name}" for name in _SENT)], "")
    for package in _SENT:
        for file in sorted((_FILES / package).glob("[!_]*.py")):
            files[f"{_HOME}.{package}.{file.stem}"] = file.read_text(encoding="utf-8")
    return _SCRIPT.format(files=files, home=_HOME, arguments=json.dumps(arguments))


def _is_path(python: str) -> bool:
    """Whether it is a path without anything that a shell or Ansible would read otherwise."""
    return python.startswith("/") and not set(python) & set(" '\"\\{$~;&|<>()*?\n")


def _plain(value: Any) -> Any:
    """Only what JSON has: Ansible's own kinds of texts and lists know more."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, str) else value
