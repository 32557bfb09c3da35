"""Waivers: what a signed acceptance of findings says. Pure.

A waiver is the plan of a change of kind ``waiver``; its reason is the plan's, the rest stands under
``waiver``::

    key           the finding's whole key, or "*" for every one
    hosts         [{"name", "address"}] the hosts, as they were when it was drafted; null: all of
                  the estate, also those that come later
    location      where on the host; null: wherever
    category      one of CATEGORIES
    owner         who answers for it
    compensating  what is done instead, may be empty
    note          what a review of it found, may be empty
    until         RFC 3339: its end
    covers        what it accepts of what was open when it was drafted, for the approver: ``total``,
                  ``hosts``, ``severities`` (severity -> number), ``first`` (some of them)

A host of a waiver that has another address now is another host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.model.clock import unstamp

KIND = "waiver"
EVERYTHING = "*"
"""The key that stands for every finding; such a waiver also needs one of group ``security``."""
SECURITY = "security"
CATEGORIES = (
    "false_positive",
    "risk_accepted",
    "environment",
    "breaks_workload",
    "superseded",
    "install_time",
)
"""Why a finding is accepted: it is wrong; the risk is borne; it means nothing in this environment;
setting it right would break what runs there; another control does it; it is only to be had when a
host is installed anew.
"""
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver as it was signed; ``hosts`` are addresses by name, None all of the estate."""

    change: str
    key: str
    hosts: Mapping[str, str] | None
    location: str | None
    category: str
    reason: str
    owner: str
    compensating: str
    note: str
    made: datetime
    until: datetime

    @classmethod
    def from_plan(cls, plan: Mapping[str, Any]) -> Waiver:
        """As the plan says. Raises KeyError, TypeError or ValueError where it is no waiver's."""
        said = plan[KIND]
        hosts = said["hosts"]
        location = said["location"]
        if plan["kind"] != KIND or said["category"] not in CATEGORIES or not said["key"]:
            raise ValueError("no waiver")
        return cls(
            change=str(plan["change"]),
            key=str(said["key"]),
            hosts=None if hosts is None else {one["name"]: one["address"] for one in hosts},
            location=None if location is None else str(location),
            category=str(said["category"]),
            reason=str(plan["reason"]),
            owner=str(said["owner"]),
            compensating=str(said["compensating"]),
            note=str(said["note"]),
            made=unstamp(plan["made"]),
            until=unstamp(said["until"]),
        )

    def covers(self, host: str, address: str, key: str, location: str) -> bool:
        """Whether the finding is one of those it speaks of."""
        return (
            self.key in (EVERYTHING, key)
            and (self.location is None or self.location == location)
            and (self.hosts is None or self.hosts.get(host) == address)
        )


def sweeping(plan: Mapping[str, Any]) -> bool:
    """Whether a plan is a waiver that accepts every finding, whatever it is."""
    said = plan.get(KIND)
    return isinstance(said, Mapping) and said.get("key") == EVERYTHING
