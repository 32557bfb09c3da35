"""Runs as the lifecycle writes them, for tests of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from opsbook.ledger.port import Holder, Ledger
from opsbook.model.event import NewEvent

DAY = date(2026, 11, 21)
WHO = {"user": "lin", "uid": 1000, "sudo_user": "", "origin": "terminal", "control_host": "ops1"}
DEAD = Holder("RUN-20261120-001", 4_000_000, 1, "another boot")


def plan(hosts: Sequence[str] = ("web1", "web2")) -> dict[str, Any]:
    """A plan in the shape the lifecycle makes."""
    return {
        "schema": "opsbook.plan/1",
        "estate": {
            "name": "city",
            "title": {"zh": "市政务云", "en": "City cloud"},
            "timezone": "Asia/Shanghai",
        },
        "runbook": {
            "name": "log_collection",
            "title": {"zh": "日志收集", "en": "Log collection"},
            "class": "routine",
            "method": {"zh": "读取新增字节", "en": "Reads new bytes"},
            "tools": [{"name": "ssh", "use": {"zh": "连接", "en": "connect"}}],
        },
        "code_digest": "sha256:" + "a" * 64,
        "versions": {"opsbook": "0.1.0"},
        "inventory_digest": "sha256:" + "b" * 64,
        "limit": "web",
        "hosts": list(hosts),
        "parameters": {"depth": {"value": 3, "source": "command line"}},
    }


def opened(run: str, hosts: Sequence[str] = ("web1", "web2")) -> NewEvent:
    """``run.opened``, by a process that is dead."""
    holder = {"run": run, "pid": 4_000_000, "started": 1, "boot_id": "another boot"}
    payload = {
        "plan": plan(hosts),
        "plan_digest": "sha256:" + "c" * 64,
        "requested_by": WHO,
        "holder": holder,
    }
    return NewEvent("run.opened", "city", run, payload=payload)


def finished(run: str, host: str, outcome: str = "ok") -> NewEvent:
    """``host.finished``."""
    payload = {
        "outcome": outcome,
        "summary": {"text": "{bytes} bytes collected", "params": {"bytes": 42}},
        "evidence": {"streams": 2},
        "deviations": [],
        "seconds": 1.5,
    }
    return NewEvent("host.finished", "city", run, host, payload)


def closed(run: str, exit_code: int = 0) -> NewEvent:
    """``run.closed``."""
    payload = {
        "state": "closed",
        "exit": exit_code,
        "counts": {"ok": 2},
        "seconds": 3.25,
        "versions": {"opsbook": "0.1.0"},
    }
    return NewEvent("run.closed", "city", run, payload=payload)


def whole_run(ledger: Ledger, day: date = DAY) -> str:
    """A run with two hosts, from its opening to its end."""
    run = ledger.open_run(day, lambda run: [opened(run)])
    ledger.append([finished(run, "web1"), finished(run, "web2")])
    ledger.append([closed(run)])
    return run
