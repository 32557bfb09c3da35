"""What rows are about, and which host scanners mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from opsbook.domains.hardening.store.keys import LONGEST, NoControls, cut, keys_of, of_the_host
from opsbook.domains.hardening.store.matching import Matcher
from opsbook.domains.hardening.store.rules import ids_of, ids_text
from opsbook.model.estate import Host
from opsbook.model.finding import Ids

CASES = Path(__file__).with_name("cases") / "findings"
KEYS = YAML(typ="safe").load(CASES / "keys.yml")
MATCHING = YAML(typ="safe").load(CASES / "matching.yml")


class Catalogue:
    """Controls as the file of cases gives them."""

    digest = "cases"

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        return list(KEYS["controls"].get(f"{scanner} {rule}", ()))


@pytest.mark.parametrize("case", KEYS["cases"], ids=lambda case: case["name"])
def test_a_row_has_the_keys_of_the_first_that_knows_it(case: dict[str, Any]) -> None:
    spaces = ("cve", "cnvd", "cnnvd", "cncve", "cce")
    ids = Ids(**{space: tuple(case.get(space, ())) for space in spaces})
    assert list(keys_of(case["scanner"], case["rule"], ids, Catalogue())) == case["keys"]


@pytest.mark.parametrize("case", MATCHING["cases"], ids=lambda case: case["name"])
def test_a_scanner_means_the_one_host_that_fits(case: dict[str, Any]) -> None:
    hosts = [
        Host(name, about["address"], vars={"opsbook_names": about.get("names", [])})
        for name, about in MATCHING["hosts"].items()
    ]
    found = Matcher(hosts).match(case.get("names", ()), case.get("addresses", ()))
    assert (found.host, list(found.several)) == (case.get("host"), case.get("several", []))


@given(st.text(), st.text())
def test_a_key_is_of_a_sane_length_whatever_a_scanner_calls_its_rule(
    scanner: str, rule: str
) -> None:
    (key,) = keys_of(scanner, rule * 50, Ids(), NoControls())
    assert len(key) <= LONGEST
    assert keys_of(scanner, rule * 50, Ids(), NoControls()) == (key,)


@given(st.text(min_size=LONGEST), st.text(min_size=LONGEST))
def test_long_texts_that_differ_at_their_ends_stay_different(one: str, other: str) -> None:
    assert (cut("x" * LONGEST + one) == cut("x" * LONGEST + other)) == (one == other)


def test_a_control_and_a_vulnerability_concern_the_host_itself() -> None:
    assert of_the_host("control:sshd.permitrootlogin")
    assert of_the_host("cve:CVE-2024-6387")
    assert not of_the_host("nessus:10264")


@given(st.builds(Ids, cve=st.lists(st.text(), max_size=3).map(tuple),
                 other=st.lists(st.text(), max_size=2).map(tuple)))  # fmt: skip
def test_ids_are_read_back_as_they_were_kept(ids: Ids) -> None:
    assert ids_of(ids_text(ids)) == ids


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_no_name_that_a_scanner_tells_breaks_matching(
    names: list[str], addresses: list[str]
) -> None:
    found = Matcher([Host("a", "10.0.0.1")]).match(names, addresses)
    assert found.host in (None, "a")
