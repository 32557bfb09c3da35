"""What ansible-doc tells of our modules, and the arguments that they take."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from opsbook.execution.declared.declarations import collection

MODULES = sorted(path.stem for path in (collection() / "plugins" / "modules").glob("*_*.py"))
PLUGINS = "ansible_collections.opsbook.runbooks.plugins"
DEFAULTS = {"required": False, "default": None, "elements": None, "choices": None}


def test_modules_take_the_arguments_that_are_documented(tmp_path: Path) -> None:
    told = documentation(tmp_path)
    for name in MODULES:
        options = told[f"opsbook.runbooks.{name}"]["doc"].get("options", {})
        assert facts(options, "suboptions") == facts(arguments(name), "options"), name


def test_every_module_tells_what_check_mode_does_and_where_it_runs(tmp_path: Path) -> None:
    for name, each in documentation(tmp_path).items():
        attributes = each["doc"]["attributes"]
        assert attributes.keys() == {"check_mode", "diff_mode", "platform"}, name
        assert attributes["check_mode"]["support"] == "full", name


def documentation(home: Path) -> dict[str, Any]:
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(collection().parents[2]),
                   "ANSIBLE_HOME": str(home)}  # fmt: skip
    names = [f"opsbook.runbooks.{name}" for name in MODULES]
    command = [Path(sys.executable).with_name("ansible-doc"), "-t", "module", "--json", *names]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert sorted(found) == names, done.stderr.decode()
    return found


def arguments(name: str) -> dict[str, Any]:
    """The argument spec of a module; host_survey has none."""
    content = str(collection().parents[2])
    if content not in sys.path:
        sys.path.append(content)
    return getattr(importlib.import_module(f"{PLUGINS}.modules.{name}"), "ARGUMENTS", {})


def facts(options: dict[str, Any], below: str) -> dict[str, Any]:
    """Of each option: its type, its default, whether it has to be given, and what is below it."""
    return {
        name: {key: option.get(key, other) for key, other in DEFAULTS.items()}
        | {"type": option["type"], "below": facts(option.get(below, {}), below)}
        for name, option in options.items()
    }
