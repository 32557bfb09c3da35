"""Versions compare as dpkg itself says."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.domains.patching.versions import compare, is_version
from support.module_utils import patching

part = st.text("0123456789abzAZ.+~", max_size=6)
parts = st.text("019aZ.+~", min_size=1, max_size=5)
versions = st.builds(
    lambda epoch, first, rest, revision: (
        epoch + first + rest + (f"-{revision}" if revision else "")
    ),
    st.sampled_from(["", "0:", "1:", "00:", "12:"]),
    st.sampled_from("0123"),
    part,
    st.none() | parts,
)
tails = st.sampled_from(["", "~", "+b1", "0", "a", ".", "-1", "~rc1", "+deb12u1"])
pairs = st.tuples(versions, versions) | st.builds(
    lambda version, tail: (version, version + tail), versions, tails
)


def _dpkg(one: str, relation: str, other: str) -> bool:
    command = ["dpkg", "--compare-versions", one, relation, other]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


@settings(deadline=None, max_examples=300)
@given(pairs)
def test_versions_compare_as_dpkg_says(pair: tuple[str, str]) -> None:
    one, other = pair
    if not (is_version(one, "deb") and is_version(other, "deb")):
        return
    wanted = _dpkg(one, "gt", other) - _dpkg(one, "lt", other)
    assert compare(one, other, "deb") == wanted
    assert compare(other, one, "deb") == -wanted


@settings(deadline=None, max_examples=100)
@given(pairs)
def test_hosts_compare_as_dpkg_says_too(pair: tuple[str, str]) -> None:
    one, other = pair
    if is_version(one, "deb") and is_version(other, "deb"):
        wanted = _dpkg(one, "gt", other) - _dpkg(one, "lt", other)
        assert patching("debversions").compare(one, other) == wanted
