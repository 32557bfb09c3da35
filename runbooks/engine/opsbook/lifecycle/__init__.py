"""The life of a run: plan, approve, apply, verify, close; resume after a crash.

The rules, which :mod:`opsbook.lifecycle.conduct` follows and the ledger witnesses:

1. Nothing happens on a host before ``run.opened`` is durable with the whole plan in it; nothing is
   written on one before ``host.prepared`` is.
2. Every host of the plan ends in exactly one ``host.finished``; none is forgotten, none is
   done twice. A host that had begun when the process died is examined before it is done again.
   A change takes a host again only when a person resumes it after a stop.
3. Events about a host are written under the fence of its lease: a process that lost the lease
   can no longer write.
4. A run ends in ``run.closed``, or stays open as interrupted and can be resumed.
5. A checkpoint follows every ending and goes to the estate's witnesses.

Decides what happens next and records it; input and output happen behind the ports of the
rooms below. May import ``domains`` and everything beneath.
"""

from opsbook.lifecycle.request import RunRequest, RunResult, Watcher
from opsbook.lifecycle.service import resume_run, run_runbook

__all__ = ["RunRequest", "RunResult", "Watcher", "resume_run", "run_runbook"]
