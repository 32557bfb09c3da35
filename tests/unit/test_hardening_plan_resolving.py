"""Steps become plain data: values of the site, what was seen, the family; hostile parts refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from opsbook.domains.hardening.planning.resolving import Given, Unresolved, resolved

SET = "set {} {{ type {}; flags interval; auto-merge; elements = {{ {} }}; }}"
VALUES = {"days": 90, "servers": ["ntp1", "10.0.0.1"],
          "sources": ["10.0.0.5/24", "fd00::/8", "::1"],
          "ports": ["22", "8000-8010"], "unset": None, "none": [], "words": "Keep out",
          "text": "x"}  # fmt: skip


def saw(name: str) -> Sequence[str]:
    """What the checks of these tests saw."""
    return {
        "effective.users": ["zhang", "li", "zhang"],
        "effective.evil": ["/a b", "/c"],
        "effective.control": ["/x\ny"],
        "effective.none": [],
    }[name]


GIVEN = Given(VALUES, saw, "debian")
PLAIN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a value": ({"value": {"value": "days"}}, {"value": 90}),
    "a list of values": ({"lines": {"value": "servers"}}, {"lines": ["ntp1", "10.0.0.1"]}),
    "what was seen, each once": (
        {"paths": {"observed": "effective.users"}}, {"paths": ["zhang", "li"]},
    ),
    "accounts by name": ({"users_from": "effective.users"}, {"users": ["zhang", "li"]}),
    "nobody": ({"users_from": "effective.none"}, {"users": []}),
    "paths with blanks stay one each": (
        {"paths": {"observed": "effective.evil"}}, {"paths": ["/a b", "/c"]},
    ),
    "the family": ({"unit": {"debian": "ssh", "rhel": "sshd"}}, {"unit": "ssh"}),
    "the family, then a value": ({"v": {"debian": {"value": "text"}, "rhel": "y"}}, {"v": "x"}),
    "a line for each": (
        {"lines": ["a", {"each": {"value": "servers"}, "form": "server {} iburst"}, "z"]},
        {"lines": ["a", "server ntp1 iburst", "server 10.0.0.1 iburst", "z"]},
    ),
    "a line for each, filled in once": (
        {"lines": [{"each": {"value": "text"}, "form": "{} {}"}]}, {"lines": ["x {}"]},
    ),
    "a line alone": ({"line": {"each": {"value": "text"}, "form": "a={}"}}, {"line": "a=x"}),
    "a site's own words": (
        {"lines": [{"each": {"value": "words"}, "form": "- {}"}]}, {"lines": ["- Keep out"]},
    ),
    "addresses of one family": (
        {"lines": [{"set": "s", "type": "ipv4_addr", "elements": {"value": "sources"}}]},
        {"lines": [SET.format("s", "ipv4_addr", "10.0.0.0/24")]},
    ),
    "addresses of the other": (
        {"lines": [{"set": "s", "type": "ipv6_addr", "elements": {"value": "sources"}}]},
        {"lines": [SET.format("s", "ipv6_addr", "fd00::/8, ::1/128")]},
    ),
    "ports": (
        {"lines": [{"set": "p", "type": "inet_service", "elements": {"value": "ports"}}]},
        {"lines": [SET.format("p", "inet_service", "22, 8000-8010")]},
    ),
    "a list within a list": (
        {"names": ["x", {"value": "servers"}]}, {"names": ["x", "ntp1", "10.0.0.1"]},
    ),
    "a list that is empty": (
        {"lines": ["a", {"each": {"value": "none"}, "form": "{}"}]}, {"lines": ["a"]},
    ),
    "deep inside": ({"activate": {"unit": {"value": "text"}}}, {"activate": {"unit": "x"}}),
    "nothing stated": ({"value": None, "a": False}, {"a": False}),
}  # fmt: skip


@pytest.mark.parametrize(("step", "wanted"), PLAIN.values(), ids=PLAIN)
def test_a_step_becomes_plain(step: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert resolved({"kind": "x", **step}, GIVEN) == {"kind": "x", **wanted}


NOT_SO: dict[str, tuple[dict[str, Any], str]] = {
    "a value that nobody has set": ({"v": {"value": "unset"}}, "has not said its value unset"),
    "a value that is none": ({"v": {"value": "no"}}, "has not said its value no"),
    "a name over several lines": ({"v": {"observed": "effective.control"}}, "cannot be written"),
    "a name of several words in a line": (
        {"lines": [{"each": {"observed": "effective.evil"}, "form": "-w {}"}]}, "as one word",
    ),
    "two where one can stand": (
        {"line": {"each": {"value": "servers"}, "form": "{}"}}, "room for one thing and 2",
    ),
    "a host of no known family": ({"v": {"rhel": "x"}}, "on a host of this system"),
    "no address": (
        {"lines": [{"set": "s", "type": "ipv4_addr", "elements": ["0.0.0.0/0; }"]}]}, "neither",
    ),
    "no port": (
        {"lines": [{"set": "s", "type": "inet_service", "elements": ["99999"]}]}, "neither a port",
    ),
    "a range of ports that runs backwards": (
        {"lines": [{"set": "s", "type": "inet_service", "elements": ["90-80"]}]}, "neither a port",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("step", "why"), NOT_SO.values(), ids=NOT_SO)
def test_a_step_that_cannot_be_plain_says_why(step: dict[str, Any], why: str) -> None:
    with pytest.raises(Unresolved) as caught:
        resolved({"kind": "x", **step}, GIVEN)
    assert why in caught.value.why.english()


def test_more_things_than_any_host_should_have_are_not_written_down() -> None:
    many = Given({}, lambda _: [str(number) for number in range(6000)])
    with pytest.raises(Unresolved, match="more than 5000"):
        resolved({"kind": "mode", "paths": {"observed": "effective.x"}}, many)
