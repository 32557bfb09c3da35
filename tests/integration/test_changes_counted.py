"""``changes list`` and ``changes stats`` over a ledger that the real commands wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opsbook.model.exits import Exit
from support.changes import Site, make_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = make_site(tmp_path_factory.mktemp("site"), hosts=1)
    site.good("reject", site.plan("--set", "words=a"), "--reason", "no", "--yes", "--key",
              site.key("client@example.invalid"))  # fmt: skip
    site.good("cancel", site.plan("--set", "words=b"), "--reason", "no")
    refused = site.plan("--set", "words=c")
    assert site.typed("apply", refused).returncode == Exit.REFUSED
    return site


def test_changes_are_counted_by_kind_and_state(site: Site) -> None:
    found = site.json("changes", "stats", "-e", site.estate)
    assert found["changes"]["total"] == 4
    assert found["changes"]["by_kind"] == {"policy": 1, "runbook": 3}
    assert (found["changes"]["rejected"], found["changes"]["cancelled"]) == (1, 1)
    assert found["refused"] == 1
    assert found["unapproved"] == {"number": 0, "share": 0.0, "runs": []}
    said = site.good("--lang", "zh", "changes", "stats", "-e", site.estate)
    assert "其中未经审批的" in said


def test_changes_are_listed_newest_first_and_narrowed(site: Site) -> None:
    rows = site.json("changes", "list", "-e", site.estate)
    assert [row["change"][-3:] for row in rows] == ["004", "003", "002", "001"]
    assert [row["state"] for row in rows[:3]] == ["planned", "cancelled", "rejected"]
    assert len(site.json("changes", "list", "--state", "rejected")) == 1
    listed = site.good("changes", "list")
    assert "notice" in listed
    assert re.search(r"  \d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d  ", listed), (
        "a time without an offset"
    )
    assert all(row["planned"].endswith("Z") for row in rows)


def test_a_span_of_another_day_is_empty(site: Site) -> None:
    before = ("--from", "2020-01-01", "--to", "2020-01-31")
    assert site.json("changes", "stats", "-e", site.estate, *before)["changes"]["total"] == 0
    assert site.json("changes", "list", *before) == []


@pytest.mark.parametrize(
    "words",
    [("--from", "someday"), ("--from", "2026-03-02", "--to", "2026-03-01"), ("--state", "odd")],
)
def test_a_question_that_is_none_is_a_usage_fault(site: Site, words: tuple[str, ...]) -> None:
    done = site.typed("changes", "list", "-e", site.estate, *words)
    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr


def test_the_days_of_a_span_are_days_of_the_estate(site: Site, tmp_path: Path) -> None:
    found = site.json("changes", "stats", "-e", site.estate, "--from", "2026-10-01", "--to",
                      "2026-10-31")  # fmt: skip
    assert found["from"] == "2026-09-30T16:00:00.000000Z"
    assert found["to"] == "2026-10-31T16:00:00.000000Z"
