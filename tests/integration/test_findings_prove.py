"""``opsbook findings prove`` as it is typed: a real change, scanners' files before and after."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from opsbook.domains.hardening import proof
from support.changes import APPROVER, SECOND, Site, make_site

RESULTS = (Path(__file__).parents[1] / "data" / "content" / "small-results.xml").read_text()
SCHEMA = json.loads((Path(proof.__file__).parent / "schema.json").read_text())
RULES = {"gone": "fail", "there": "pass"}


def result(site: Site, name: str, when: datetime, host: str = "h1", **rules: str) -> Path:
    """A result of OpenSCAP about ``host``; ``rules`` say which fail and which pass."""
    text = RESULTS.replace("@HOST@", host).replace("2026-11-21T17:06:40+00:00", f"{when:%FT%TZ}")
    for rule, said in (RULES | rules).items():
        at = text.index("<result>", text.index(f'idref="xccdf_org.example_rule_{rule}" role'))
        text = text[:at] + f"<result>{said}<" + text[text.index("/result>", at) :]
    file: Path = site.root / name
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str]:
    """A change of h1 that was carried out, with a scan of the day before."""
    site = make_site(tmp_path_factory.mktemp("prove"), hosts=1)
    before = result(site, "before.xml", datetime.now(UTC) - timedelta(days=1))
    site.good("findings", "import", before, "-e", site.estate)
    (site.estate / "estate.yml").write_text(
        (site.estate / "estate.yml").read_text() + "policies: {findings: {low_days: 30}}\n"
    )
    change = site.approved()
    site.good("apply", change)
    return site, change


def outcomes(data: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["outcome"] for host in data["hosts"] for one in host["findings"]}


def test_before_a_retest_nothing_is_claimed(proven: tuple[Site, str]) -> None:
    site, change = proven
    data = json.loads(site.good("findings", "prove", change, "--form", "json"))
    jsonschema.validate(data, SCHEMA)
    assert outcomes(data) == {"xccdf:xccdf_org.example_rule_gone": "not_comparable"}
    assert data["claim"] == "refused"
    assert data["hosts"][0]["findings"][0]["clock"]["limit_days"] == 30


def test_a_retest_is_taken_in_and_compared(proven: tuple[Site, str]) -> None:
    site, change = proven
    after = result(site, "after.xml", datetime.now(UTC), gone="pass", there="fail")
    told = site.good("findings", "prove", change, "--after", after, "--form", "json")
    data = json.loads(told)
    jsonschema.validate(data, SCHEMA)
    assert outcomes(data) == {
        "xccdf:xccdf_org.example_rule_gone": "not_reproducible",  # the change did nothing about it
        "xccdf:xccdf_org.example_rule_there": "new",
    }
    assert data["claim"] == "not_compliant"
    assert [one["file"] for one in data["scans"]["after"]] == ["after.xml"]
    again = json.loads(site.good("findings", "prove", change, "--after", "after.xml",
                                 "--form", "json"))  # fmt: skip
    assert again["numbers"] == data["numbers"]


@pytest.mark.parametrize("form", ["text", "md", "html"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_report_can_be_read(proven: tuple[Site, str], form: str, lang: str) -> None:
    site, change = proven
    page = site.good("findings", "prove", change, "--form", form, "--lang", lang)
    for word in (change, "安全整改报告" if lang == "zh" else "Security rectification report"):
        assert word in page
    assert form == "html" or "{" not in page


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["CHG-20200101-001"], 64, "There is no change"),
        (["CHG-20200101-001", "--form", "pdf"], 64, "not as pdf"),
    ],
)
def test_what_cannot_be_proven_is_said(
    proven: tuple[Site, str], words: list[str], code: int, said: str
) -> None:
    site, _ = proven
    done = site.typed("findings", "prove", *words)
    assert done.returncode == code
    assert said in done.stderr


def test_a_change_that_was_not_carried_out_has_nothing_to_prove(proven: tuple[Site, str]) -> None:
    site, _ = proven
    done = site.typed("findings", "prove", site.plan())
    assert done.returncode == 64
    assert "was not carried out yet" in done.stderr
    unknown = site.typed("findings", "prove", proven[1], "--after", "nothing.xml")
    assert "There is no import nothing.xml" in unknown.stderr


def test_what_is_waived_is_told_as_waived(proven: tuple[Site, str]) -> None:
    site, change = proven
    key = "xccdf:xccdf_org.example_rule_gone"
    waiver = site.json("waivers", "draft", "-e", site.estate, "--key", key, "--reason", "a test",
                       "--category", "risk_accepted", "--owner", "Li", "--until", "2027-06-30",
                       "-l", "h1")["change"]  # fmt: skip
    for principal in (APPROVER, SECOND):
        site.approve(waiver, principal)
    told = site.good("findings", "prove", change, "--after", "before.xml", "--form", "json")
    data = json.loads(told)
    (found,) = [one for one in data["hosts"][0]["findings"] if one["key"] == key]
    assert (found["outcome"], found["waiver"]["change"]) == ("waived", waiver)
    jsonschema.validate(data, SCHEMA)
