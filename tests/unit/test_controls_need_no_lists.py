"""Small hosts have no /etc/protocols and no /etc/services: nft refuses names it cannot resolve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CONTROLS = Path(__file__).parents[2] / "roles" / "hardening" / "controls"
BY_NAME = re.compile(r"(l4proto|protocol|nexthdr|dport|sport)\s+\{?\s*[a-z]")


@pytest.mark.parametrize("file", sorted(CONTROLS.glob("firewall*/control.yml")), ids=str)
def test_rules_of_a_firewall_name_protocols_and_ports_by_number(file: Path) -> None:
    assert BY_NAME.findall(file.read_text(encoding="utf-8")) == []
