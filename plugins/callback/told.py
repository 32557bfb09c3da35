# Copyright: opsbook. Runs inside ansible-playbook on the control host, never on targets.
"""Tells opsbook over a socket what Ansible's events leave out, and waits for its answer."""

from __future__ import annotations

DOCUMENTATION = """
name: told
type: aggregate
short_description: tells opsbook of tasks, and stands still until undo material is recorded
description:
  - One line of JSON per ended task goes to the socket that E(OPSBOOK_TOLD) names.
  - After a task that returned C(opsbook_prepared), Ansible goes on only when opsbook has
    written that fact durably. When opsbook is gone, Ansible ends before it writes anything.
requirements:
  - enabled by opsbook, for plays that change hosts
"""

import json
import os
import re
import signal
import socket
import time

from ansible.parsing.plugin_docs import read_docstring
from ansible.playbook.handler import Handler
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import module_loader

MOST_DIFF = 262144
"""The most characters of each side of a difference that are told."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class CallbackModule(CallbackBase):
    """See the documentation above."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "opsbook.runbooks.told"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._about = {}
        self._support = {}
        self._handlers = {}
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.connect(os.environ["OPSBOOK_TOLD"])
            self._answers = self._socket.makefile("rb")
        except (OSError, KeyError):
            _end()

    def v2_playbook_on_play_start(self, play):
        for block in play.handlers:
            for handler in block.block:
                for name in {handler.get_name(), handler.name, *_listed(handler.listen)}:
                    self._handlers.setdefault(name, []).append(_title(handler))

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._about.setdefault(task._uuid, self._describe(task))

    def v2_playbook_on_handler_task_start(self, task):
        self._about.setdefault(task._uuid, self._describe(task))

    def v2_runner_on_ok(self, result):
        self._tell(result, "ok")

    def v2_runner_on_skipped(self, result):
        self._tell(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._tell(result, "unreachable")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._tell(result, "ignored" if ignore_errors else "failed")

    def _tell(self, result, status):
        task, found, host = result.task, result.result, result.host.get_name()
        about = self._about.get(task._uuid)
        if about is None:
            about = self._about[task._uuid] = self._describe(task)
        hidden = bool(found.get("_ansible_no_log") or "censored" in found)
        self._send(
            {
                **about,
                "name": _title(task),
                "host": host,
                "status": status,
                "changed": bool(found.get("changed")),
                "by_check": _skipped_by_check_mode(found, status == "skipped"),
                "hidden": hidden,
                "diff": [] if hidden else _differences(found),
                "message": "" if hidden else _reason(found),
                "target": "" if hidden else _target(found),
            }
        )
        material = found.get("opsbook_prepared")
        if isinstance(material, dict):
            self._send({"host": host, "prepared": material})
            if self._answers.readline() != b"recorded\n":
                _end()

    def _send(self, line):
        try:
            self._socket.sendall(json.dumps(line, default=str).encode() + b"\n")
        except OSError:
            _end()

    def _describe(self, task):
        """What is the same for every host; at the task's start its templates are still there."""
        action = task.resolved_action or task.action
        asked = [task.when, task.failed_when, task.changed_when, task.loop, task.until]
        return {
            "action": action,
            "handler": isinstance(task, Handler),
            "always": task.check_mode is False,
            "changed_when": bool(task.changed_when),
            "reads": sorted(set(_NAME.findall(_text(asked))) | _templated(task.args, task.vars)),
            "sets": [task.register] if task.register else [],
            "facts": sorted(task.args) if action.endswith("set_fact") else [],
            "notify": sorted({h for name in _listed(task.notify) for h in self._named(name)}),
            "support": self._supported(action),
        }

    def _named(self, name):
        return self._handlers.get(name, [str(name)])

    def _supported(self, action):
        """How far a module says that it supports check mode; empty when it does not say."""
        if action not in self._support:
            self._support[action] = _documented(action)
        return self._support[action]


def _listed(value):
    """A keyword that takes one name or several, as it stands before it is finalized."""
    return [value] if isinstance(value, str) else value or []


def _end():
    """Opsbook is gone or does not want this to go on: end before anything else is written."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
    os._exit(1)


def _title(task):
    return str(task.name or task.action)


def _text(value):
    return json.dumps(value, default=str, ensure_ascii=False)


def _templated(*values):
    return {
        name
        for part in _TEMPLATE.findall(_text(values))
        for name in _NAME.findall(part.replace("\\n", " "))
    }


def _documented(action):
    try:
        found = module_loader.find_plugin_with_context(action, collection_list=[])
        doc = read_docstring(found.plugin_resolved_path, verbose=False)["doc"]
        return str(doc["attributes"]["check_mode"]["support"])
    except Exception:
        return ""


def _skipped_by_check_mode(found, skipped):
    """Whether something was left out only because nothing may be changed."""
    parts = found.get("results")
    if isinstance(parts, list) and parts:
        return any(
            _skipped_by_check_mode(part, skipped or bool(part.get("skipped")))
            for part in parts
            if isinstance(part, dict)
        )
    by_condition = {"false_condition", "skip_reason", "skipped_reason"} & set(found)
    return skipped and not by_condition


def _differences(found):
    parts = found.get("results")
    whole = parts if isinstance(parts, list) else [found]
    diffs = []
    for part in whole:
        diff = part.get("diff") if isinstance(part, dict) else None
        diffs += diff if isinstance(diff, list) else [diff]
    return [_bounded(diff) for diff in diffs if isinstance(diff, dict) and diff]


def _bounded(diff):
    """Texts cut to size; ``after_header`` often names a file in a temporary directory."""
    kept = {}
    for key in ("before_header", "before", "after", "prepared", "src_binary", "dst_binary",
                "src_larger", "dst_larger"):  # fmt: skip
        value = diff.get(key)
        if value is not None:
            kept[key] = value[:MOST_DIFF] if isinstance(value, str) else value
    return kept


def _reason(found):
    for key in ("msg", "stderr", "reason", "stdout", "module_stderr"):
        if found.get(key):
            return str(found[key])[:MOST_DIFF]
    return ""


def _target(found):
    """What the task is about, as its arguments name it."""
    arguments = (found.get("invocation") or {}).get("module_args") or {}
    for source in (found, arguments):
        for key in ("dest", "path", "name", "key", "unit"):
            value = source.get(key) if isinstance(source, dict) else None
            if isinstance(value, str) and value:
                return value[:500]
    return ""
