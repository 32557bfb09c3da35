"""What carrying out any run needs around it: its lease, signals, verification, its number's day."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from types import FrameType

from opsbook.ledger.port import Ledger
from opsbook.ledger.store import this_process
from opsbook.lifecycle.conduct.verifying import Verifier
from opsbook.model.estate import Estate
from opsbook.model.runbook import Runbook


@contextmanager
def held(ledger: Ledger, resource: str, number: str) -> Iterator[None]:
    """Only one process at a time holds ``resource``. Raises Busy while another one does."""
    lease = ledger.take(resource, this_process(number))
    try:
        yield
    finally:
        ledger.release(lease)


def verifier_of(runbook: Runbook) -> Verifier | None:
    """The runbook's verification suite; None where none is declared."""
    if runbook.verification is None:
        return None
    from opsbook.execution.verify.verification import verify

    return partial(verify, runbook)


def day_of(estate: Estate, at: datetime) -> date:
    """The estate's date, which numbers of runs and changes carry."""
    return at.astimezone(estate.zone).date()


@contextmanager
def stop_on_signals(cancelled: threading.Event) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP asks the run to stop cleanly, the second one kills."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.getsignal(number) for number in numbers}

    def stop(number: int, frame: FrameType | None) -> None:
        cancelled.set()
        for each in numbers:
            signal.signal(each, former[each])

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, former[number])
