"""Every step of every control of the catalogue is one that hosts know, with every field of it."""

from __future__ import annotations

from typing import Any

import pytest

from opsbook.domains.hardening.controls.loader import load_catalogue
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.planning.resolving import Given, Unresolved, resolved
from support.module_utils import hardening, on_host

CATALOGUE = load_catalogue()
FAMILIES = ("debian", "rhel")
STATED = {
    "url": "https://log.example:443",
    "loghost": "log.example:514",
    "management_sources": ["10.0.8.0/24", "fd00::/8"],
}
SEEN = (["keeper"], ["/etc/f"], ["22"])
"""What observations are about: users or packages, paths, ports."""


def accepted(control: Control, number: int, family: str) -> list[str]:
    """Why hosts refuse a step, for each of ``SEEN``; nothing as soon as one is taken."""
    step, refusals = control.steps[number], []
    needed: dict[str, Any] = {
        name: STATED.get(name, "x") for name, one in control.values.items() if one.required
    }
    for seen in SEEN:
        given = Given(control.site_values(needed), lambda _, found=seen: found, family)
        try:
            plain: dict[str, Any] = resolved({"kind": step.kind, **step.stated}, given)
            hardening("steps").step_of({"id": "a#1", "control": control.key, **plain}, family)
        except (Unresolved, on_host("commands").Refused) as error:
            refusals.append(str(error))
        else:
            return []
    return refusals


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("control", CATALOGUE.controls.values(), ids=list(CATALOGUE.controls))
def test_hosts_know_every_step_of_the_catalogue(control: Control, family: str) -> None:
    own = control.of_family(family)
    for number in range(len(own.steps)):
        assert accepted(own, number, family) == []
