"""What leases are taken on; no two kinds can have the same name."""

from __future__ import annotations


def of_host(estate: str, host: str) -> str:
    """The right to work on a host."""
    return f"{estate}/host/{host}"


def of_run(estate: str, run: str) -> str:
    """The right to carry out a run."""
    return f"{estate}/run/{run}"


def of_change(estate: str, change: str) -> str:
    """The right to sign for, begin or end a change."""
    return f"{estate}/change/{change}"


def of_policy(estate: str) -> str:
    """The right to adopt an approver policy."""
    return f"{estate}/policy"


def of_job(estate: str, job: str) -> str:
    """The right to start a night job."""
    return f"{estate}/job/{job}"


def of_schedules(estate: str) -> str:
    """The right to look for missed night jobs."""
    return f"{estate}/schedules"
