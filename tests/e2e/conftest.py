"""One lab for the whole session, of its own; its images stay for the next session.

Where a lab cannot run, its tests are skipped with the reason; under CI=true that is a failure.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from opsbook.lab import Lab, requirements
from opsbook.model.places import Places
from support.hardened import Hardened
from support.patched import Patched

STATE = Path(__file__).parents[2] / ".state"
IMAGES = STATE / "lab-images"

Made = TypeVar("Made", bound=Patched)


def _needs_a_lab(directory: Path) -> None:
    missing = [one.english() for one in requirements(directory)]
    if missing and os.environ.get("CI") == "true":
        pytest.fail("a lab cannot run here: " + " ".join(missing))
    if missing:
        pytest.skip("a lab cannot run here: " + " ".join(missing))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The default lab, up; shared by all tests, so leave its hosts as they were found."""
    places = Places(STATE / "e2e")
    _needs_a_lab(places.lab)
    lab = Lab(places, images=IMAGES, say=lambda message: print(message.english()))
    lab.down()
    lab.up()
    yield lab
    lab.down()


@pytest.fixture
def own_lab(lab: Lab) -> Iterator[Lab]:
    """A second, empty lab to be mistreated. Its images are those of the session's lab."""
    with tempfile.TemporaryDirectory(prefix="opsbook-lab-", dir="/var/tmp") as state:
        mine = Lab(Places(Path(state)), images=IMAGES)
        yield mine
        mine.down(purge=True)


@pytest.fixture(scope="session")
def patched() -> Iterator[Patched]:
    """Twenty hosts with pending updates and an approver policy, in a state of their own."""
    with _site(Patched, 20, updates=True) as site:
        yield site


@pytest.fixture(scope="module")
def hardened() -> Iterator[Hardened]:
    """Two hosts as installed and an approver policy, in a state of their own."""
    with _site(Hardened, 2) as site:
        yield site


@contextmanager
def _site(make: Callable[[Lab], Made], hosts: int, *, updates: bool = False) -> Iterator[Made]:
    with tempfile.TemporaryDirectory(prefix="opsbook-lab-", dir="/var/tmp") as state:
        lab = Lab(Places(Path(state)), images=IMAGES)
        _needs_a_lab(lab.directory)
        lab.up(hosts, updates=updates)
        try:
            site = make(lab)
            site.adopt_policy()
            yield site
        finally:
            lab.down(purge=True)
