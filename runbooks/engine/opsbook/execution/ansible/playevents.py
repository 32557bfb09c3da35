"""What Ansible's events say about each host, told to the sink as they come.

A task that returns ``opsbook_evidence`` (a mapping) adds it to the evidence of its host, one that
returns ``opsbook_undone`` says there under ``undone`` what was brought back. A task that fails with
``opsbook_refused`` says that this change has written nothing on its host: the host is refused, and
has not failed, as long as no other task changed it (one that only prepared does not count).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from opsbook.execution.masking import Masker
from opsbook.execution.work import HostReport, Sink
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome

EVIDENCE = "opsbook_evidence"
UNDONE = "opsbook_undone"
REFUSED = "opsbook_refused"
PREPARED = "opsbook_prepared"

_NO_PYTHON = "The module interpreter"
"""How Ansible's message begins when the interpreter is not there: the module has not run."""

_ENDINGS = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}
_COUNTS = {
    "dark": Outcome.UNREACHABLE,
    "failures": Outcome.FAILED,
    "changed": Outcome.CHANGED,
    "ok": Outcome.OK,
    "skipped": Outcome.SKIPPED,
}


class PlayEvents:
    """Listens to one playbook on ``hosts``. ``pid`` is Ansible's once it has said so,
    ``pythons`` is where it found Python, ``lost`` are hosts where Python is not where it was.
    """

    def __init__(
        self, hosts: Iterable[str], sink: Sink, masker: Masker, phase: str = "apply"
    ) -> None:
        self.pid: int | None = None
        self.pythons: dict[str, Any] = {}
        self.lost: set[str] = set()
        self.stats: Mapping[str, Any] | None = None
        self.begun: set[str] = set()
        self._hosts = set(hosts)
        self._sink = sink
        self._masker = masker
        self._phase = phase
        self._evidence: dict[str, dict[str, Any]] = {}
        self._failures: dict[str, tuple[str, str]] = {}
        self._refused: set[str] = set()
        self._worked: set[str] = set()
        self._seen: dict[str, set[str]] = {}
        self._said: deque[str] = deque(maxlen=12)

    def __call__(self, event: Mapping[str, Any]) -> bool:
        """Take one event of ansible-runner; False so that it writes none of them to disk."""
        kind, data = event.get("event", ""), event.get("event_data") or {}
        if kind == "playbook_on_start":
            self.pid = data.get("pid") or event.get("pid")
        elif kind == "playbook_on_stats":
            self.stats = data
        elif data.get("host") in self._hosts:
            self._of_host(kind, str(data["host"]), data)
        elif kind in ("error", "verbose"):
            self._said.append(str(event.get("stdout", "")).strip())
        return False

    def _of_host(self, kind: str, host: str, data: Mapping[str, Any]) -> None:
        if host not in self.begun:
            self.begun.add(host)
            if self._phase:
                self._sink.started(host, self._phase)
        if kind in _ENDINGS:
            self._ended(_ENDINGS[kind], host, data)

    def _ended(self, status: str, host: str, data: Mapping[str, Any]) -> None:
        result = data.get("res") or {}
        name = self._masker.brief(data.get("task") or "", 200)
        changed = bool(result.get("changed"))
        if status == "ok" and changed:
            status = "changed"
        if status == "failed" and data.get("ignore_errors"):
            status = "ignored"
        seconds = round(float(data.get("duration") or 0), 3)
        detail: dict[str, Any] = {"changed": changed, "seconds": seconds}
        if status not in ("ok", "changed"):
            detail["message"] = self._masker.brief(reason(result))
        if status in ("failed", "unreachable"):
            self._failures[host] = (name, str(detail["message"]))
        self._note_python(host, result)
        self._note_evidence(host, result)
        self._note_refusal(host, status, result)
        self._seen.setdefault(host, set()).add(status)
        self._sink.task(host, name, status, detail)

    def _note_evidence(self, host: str, result: Mapping[str, Any]) -> None:
        evidence = self._evidence.setdefault(host, {})
        if isinstance(result.get(EVIDENCE), dict):
            evidence.update(self._masker.plain(result[EVIDENCE]))
        if isinstance(result.get(UNDONE), dict):
            evidence["undone"] = self._masker.plain(result[UNDONE])

    def _note_refusal(self, host: str, status: str, result: Mapping[str, Any]) -> None:
        """Any other failure, and any change but a preparation, speaks against a refusal."""
        refused = status == "failed" and result.get(REFUSED) is True and self._phase == "apply"
        if refused:
            self._refused.add(host)
        if (result.get("changed") and PREPARED not in result) or (
            status == "failed" and not refused
        ):
            self._worked.add(host)

    def _note_python(self, host: str, result: Mapping[str, Any]) -> None:
        facts = result.get("ansible_facts")
        if isinstance(facts, dict) and "discovered_interpreter_python" in facts:
            self.pythons[host] = facts["discovered_interpreter_python"]
        if str(result.get("msg", "")).startswith(_NO_PYTHON):
            self.lost.add(host)

    def report(self, host: str, stopped: Message | None) -> HostReport:
        """What became of ``host``; ``stopped`` says why Ansible did not come to its end."""
        outcome = self._outcome(host)
        if outcome is None:
            outcome, summary = self._without_end(host, stopped)
        else:
            summary = self._summary(host, outcome)
        return HostReport(host, outcome, summary, self._evidence.get(host, {}))

    def last_words(self) -> str:
        """The end of what Ansible printed beside its events, without secrets."""
        return self._masker.brief(" ".join(line for line in self._said if line), 600)

    def _outcome(self, host: str) -> Outcome | None:
        if self.stats is None:
            return None
        for count, outcome in _COUNTS.items():
            if self.stats.get(count, {}).get(host):
                return self._failed(host) if outcome is Outcome.FAILED else outcome
        return Outcome.NOT_STARTED if host not in self.begun else Outcome.OK

    def _failed(self, host: str) -> Outcome:
        refused = host in self._refused and host not in self._worked
        return Outcome.REFUSED if refused else Outcome.FAILED

    def _without_end(self, host: str, stopped: Message | None) -> tuple[Outcome, Message]:
        seen = self._seen.get(host, set())
        if "unreachable" in seen:
            return Outcome.UNREACHABLE, self._summary(host, Outcome.UNREACHABLE)
        if "failed" in seen:
            return self._failed(host), self._summary(host, self._failed(host))
        if stopped is not None:
            return (Outcome.FAILED if host in self.begun else Outcome.NOT_STARTED), stopped
        words = self.last_words() or "-"
        return Outcome.FAILED, msg("Ansible ended before its time: {reason}", reason=words)

    def _summary(self, host: str, outcome: Outcome) -> Message:
        task, reason_ = self._failures.get(host, ("", ""))
        return {
            Outcome.OK: msg("done, nothing changed"),
            Outcome.CHANGED: msg("done with changes"),
            Outcome.SKIPPED: msg("nothing to do on this host"),
            Outcome.NOT_STARTED: msg("the playbook ended before this host's turn"),
            Outcome.UNREACHABLE: msg("cannot be reached: {reason}", reason=reason_),
            Outcome.REFUSED: msg("task {task} refused: {reason}", task=task, reason=reason_),
            Outcome.FAILED: msg("task {task} failed: {reason}", task=task, reason=reason_),
        }[outcome]


def reason(result: Mapping[str, Any]) -> str:
    """The words of a task's result that say why, most telling first."""
    for key in ("censored", "msg", "stderr", "skip_reason", "reason", "stdout", "module_stderr"):
        value = result.get(key)
        if value:
            return str(value).strip()
    return ""
