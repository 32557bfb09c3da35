"""Every check is shown a host that is bad for its control, and one that is good."""

from __future__ import annotations

import pytest

from opsbook.domains.hardening.controls.loader import load_catalogue
from opsbook.domains.hardening.controls.schema import Control
from opsbook.model.finding import Result
from support.roots import Root
from support.situations import prepared, situations_of, verdict_of

CONTROLS = load_catalogue().controls


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root as it was installed."""
    return prepared(tmp_path_factory.mktemp("controls") / "root")


def fresh(base: Root, tmp_path_factory: pytest.TempPathFactory) -> Root:
    return Root(tmp_path_factory.mktemp("host") / "root", base.layer())


@pytest.mark.parametrize("key", CONTROLS)
def test_a_check_fails_on_a_bad_host_and_passes_on_a_good_one(
    key: str, base: Root, tmp_path_factory: pytest.TempPathFactory
) -> None:
    control: Control = CONTROLS[key]
    situations = situations_of(control)
    bad = verdict_of(fresh(base, tmp_path_factory), control, situations.fail)
    assert bad.result is Result.FAIL, bad
    good = verdict_of(fresh(base, tmp_path_factory), control, situations.pass_)
    assert good.result is Result.PASS, good
