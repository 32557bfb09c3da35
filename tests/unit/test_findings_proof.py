"""What became of what was found, and when nobody may say that a host is compliant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from opsbook.domains.hardening import proof
from opsbook.domains.hardening.content.fitting import System, fits, system_of, system_of_rules
from opsbook.domains.hardening.proof.claim import Claim, claim_of
from opsbook.domains.hardening.proof.history import done_on_hosts
from opsbook.domains.hardening.proof.judging import prove_host
from opsbook.domains.hardening.proof.model import FOUND, HostProof, Outcome
from opsbook.domains.hardening.proof.rectification import About, rectification
from opsbook.domains.hardening.waivers.port import NoWaivers
from opsbook.model.estate import FindingsPolicy
from opsbook.model.finding import Severity
from support.proofs import BEGUN, ENDED, KEY, NOW, AllWaived, done, told

CASES = YAML(typ="safe").load(Path(__file__).with_name("cases") / "findings" / "proof.yml")
DOSSIER = {
    "change": "CHG-20261120-001", "state": "applied", "planned": {"utc": "u", "local": "l"},
    "approved": {"utc": "u", "local": "l"}, "requested_by": {"user": "li"},
    "statements": [{"counts": True, "name": "Wang", "role": "security", "decision": "approve",
                    "at": {"utc": "u", "local": "l"}}],
    "runs": [{"run": "RUN-20261121-001", "phase": "apply", "at": {"utc": "u", "local": "l"}}],
    "plan": {"reason": "scan of November", "runbook": {"name": "hardening"},
             "estate": {"name": "city", "title": {"zh": "某市", "en": "City"},
                        "timezone": "Asia/Shanghai"}},
}  # fmt: skip


def proven(case: Mapping[str, Any]) -> HostProof:
    finding, looks = told(case["looks"])
    waivers = AllWaived() if case.get("waived") else NoWaivers()
    work = done(case.get("done"), case.get("verdict"))
    return prove_host("web1", [finding], looks, work, waivers, NOW)


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(
        json.loads((Path(proof.__file__).parent / "schema.json").read_text())
    )


def report(*proofs: HostProof, **limits: int) -> dict[str, Any]:
    units = {"sshd.permitrootlogin": ["L3-CES1-06", "L3-CES1-08"]}
    return rectification(About(DOSSIER, proofs, FindingsPolicy(**limits), units, NOW))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_finding_ends_as_its_looks_and_the_work_say(case: dict[str, Any]) -> None:
    found = proven(case).proven
    assert [one.outcome.value for one in found] == ([case["outcome"]] if case["outcome"] else [])
    assert [one.reason.value for one in found] == ([case.get("reason", "")] if found else [])


LOOKS = st.fixed_dictionaries(
    {"when": st.sampled_from(["before", "during", "after"])},
    optional={
        "result": st.sampled_from(["fail", "pass", "error", "unknown", "not_applicable",
                                   "not_checked", "informational"]),
        "scanner": st.sampled_from(["ssg", "nessus", "opsbook"]),
        "format": st.sampled_from(["xccdf", "nessus", "opsbook"]),
        "content": st.sampled_from(["cis", "stig"]),
        "version": st.sampled_from(["1", "2"]),
        "profile": st.sampled_from(["l1", "l2"]),
        "credentialed": st.sampled_from([True, False, None]),
        "passes": st.sampled_from([0, 10]),
        "whole": st.booleans(),
        "idle": st.booleans(),
        "names": st.sampled_from([["web1"], ["other"], []]),
    },
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(LOOKS, max_size=5), st.sampled_from([None, "by", "by_hand"]),
                          st.booleans(), st.sampled_from(list(Severity))), max_size=4))  # fmt: skip
def test_what_was_found_is_the_sum_of_what_became_of_it(hosts: list[Any]) -> None:
    proofs = []
    for number, (looks, how, waived, severity) in enumerate(hosts):
        finding, all_looks = told(looks, severity=severity)
        waivers = AllWaived() if waived else NoWaivers()
        proofs.append(prove_host(f"h{number}", [finding], all_looks, done(how), waivers, NOW))
    found = report(*proofs, critical_days=7, high_days=30)
    validator().validate(found)
    everything = [found, *found["hosts"]]
    for numbers in (*(one["numbers"] for one in everything), *found["by_severity"].values(),
                    *found["by_unit"].values()):  # fmt: skip
        assert numbers["found"] == sum(numbers[one.value] for one in FOUND)
        assert numbers["remaining"] == sum(numbers["left"].values())
    for name in ("found", *(one.value for one in Outcome), "overdue"):
        assert found["numbers"][name] == sum(one["numbers"][name] for one in found["hosts"])
        by_severity = sum(one[name] for one in found["by_severity"].values())
        assert found["numbers"][name] == by_severity
    if found["claim"] == "compliant":
        assert not {entry["outcome"] for host in found["hosts"] for entry in host["findings"]} & {
            "remaining", "not_in_effect", "not_comparable"}  # fmt: skip


GOOD = [{"when": "before", "result": "fail"}, {"when": "after", "result": "pass"}]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"passes": 0, "inapplicable": 50}, "50 of 51 rules do not apply"),
        ({"passes": 47, "inapplicable": 276}, "276 of 324 rules do not apply (at most 50 % may)"),
        ({"errors": 5}, "5 of 16 rules ended in an error"),
        ({"whole": False}, "could not be read to its end"),
    ],
)
def test_compliant_is_refused_with_the_numbers(after: dict[str, Any], words: str) -> None:
    case = {"looks": [GOOD[0], GOOD[1] | after], "done": "by"}
    said = claim_of(proven(case))
    assert said.claim is Claim.REFUSED
    assert any(words in reason.english() for reason in said.reasons)


@pytest.mark.parametrize(
    ("credentialed", "words"), [(False, "had not the rights"), (None, "does not tell whether")]
)
def test_compliant_is_refused_without_credentials(credentialed: bool | None, words: str) -> None:
    looks = [one | {"credentialed": credentialed} for one in GOOD]
    said = claim_of(proven({"looks": looks, "done": "by"}))
    assert said.claim is Claim.REFUSED
    assert words in said.reasons[0].english()


def test_compliant_is_refused_where_rules_are_made_for_another_system() -> None:
    looks = [one | {"content": "xccdf_org.ssgproject.content_benchmark_DEBIAN-11"} for one in GOOD]
    said = claim_of(proven({"looks": looks, "done": "by"}))
    assert "made for debian 11 and the host is debian 12" in said.reasons[0].english()


def test_compliant_is_said_only_of_a_host_that_was_looked_at_well() -> None:
    assert claim_of(proven({"looks": GOOD, "done": "by"})).claim is Claim.COMPLIANT
    nobody = proven({"looks": GOOD[:1], "done": "by"})
    assert claim_of(nobody).claim is Claim.REFUSED
    assert "nobody has looked" in claim_of(nobody).reasons[0].english()
    left = proven({"looks": [GOOD[0], GOOD[0] | {"when": "after"}]})
    assert claim_of(left).claim is Claim.NOT_COMPLIANT


@pytest.mark.parametrize(
    ("rules", "host", "fit"),
    [
        ("xccdf_org.ssgproject.content_benchmark_DEBIAN-12", "debian 12", True),
        ("xccdf_org.ssgproject.content_benchmark_DEBIAN-11", "debian 12", False),
        ("xccdf_content_benchmark_RHEL-9", "cpe:/o:redhat:enterprise_linux:9.4", True),
        ("xccdf_org.ssgproject.content_benchmark_OL-7", "cpe:/o:oracle:linux:7", True),
        ("xccdf_org.ssgproject.content_benchmark_UBUNTU_22-04", "ubuntu 22.04", True),
        ("xccdf_org.ssgproject.content_benchmark_UBUNTU_22-04", "ubuntu 24.04", False),
        ("xccdf_org.ssgproject.content_benchmark_KYLINSERVER10", "kylin V10", True),
        ("xccdf_org.ssgproject.content_benchmark_OPENEULER_2203", "openEuler 22.03", True),
        ("#scap_org.open-scap_cref_ssg-rhel7-xccdf.xml", "rhel 7.9", True),
        ("controls", "debian 12", None),
        ("xccdf_org.ssgproject.content_benchmark_DEBIAN-12", "some Linux", None),
        ("xccdf_org.ssgproject.content_benchmark_DEBIAN-12", "", None),
    ],
)  # fmt: skip
def test_rules_fit_a_host_by_name_and_version(rules: str, host: str, fit: bool | None) -> None:
    assert fits(system_of_rules(rules), system_of(host)) is fit


@given(st.text(max_size=400))
def test_no_name_of_a_system_is_too_strange(told_name: str) -> None:
    for found in (system_of(told_name), system_of_rules(told_name)):
        assert found is None or isinstance(found, System)


def test_the_clock_runs_from_first_seen_and_stops_when_fixed_or_rests_when_waived() -> None:
    fixed = report(proven({"looks": GOOD, "done": "by"}), high_days=7)
    (entry,) = fixed["hosts"][0]["findings"]
    assert entry["clock"] | {"due": None} == {
        "limit_days": 7, "days": 9, "due": None, "overdue": True, "stopped": True}  # fmt: skip
    assert fixed["numbers"]["overdue"] == 1
    in_time = report(proven({"looks": GOOD, "done": "by"}), high_days=30)
    assert in_time["numbers"]["overdue"] == 0
    waived = report(proven({"looks": GOOD[:1], "waived": True}), high_days=7)
    assert waived["numbers"]["overdue"] == 0
    assert report(proven({"looks": GOOD[:1]}))["hosts"][0]["findings"][0]["clock"] is None


def test_a_finding_tells_its_way_its_units_and_its_evidence() -> None:
    found = report(proven({"looks": GOOD, "done": "by"}))
    (entry,) = found["hosts"][0]["findings"]
    assert entry["units"] == ["L3-CES1-06", "L3-CES1-08"]
    assert set(found["by_unit"]) == {"L3-CES1-06", "L3-CES1-08"}
    assert all(entry["stages"].values())
    assert [one["result"] for one in entry["before"] + entry["after"]] == ["fail", "pass"]
    assert found["stages"]["approved"]["by"][0]["name"] == "Wang"
    assert found["scans"]["after"][0]["hosts"] == ["web1"]


def test_only_chosen_files_count_as_looks_after() -> None:
    finding, looks = told([*GOOD, GOOD[0] | {"when": "after"}])
    work = done("by")
    whole = prove_host("web1", [finding], looks, work, NoWaivers(), NOW)
    first = prove_host("web1", [finding], looks, work, NoWaivers(), NOW, {f"{2:064x}"})
    assert whole.proven[0].outcome is Outcome.REMAINING
    assert first.proven[0].outcome is Outcome.FIXED


def entry(outcome: str, **more: Any) -> dict[str, Any]:
    return {"name": "web1", "outcome": outcome, "started": {"utc": "2026-11-21T02:00:00.000000Z"},
            "finished": {"utc": "2026-11-21T02:10:00.000000Z"}} | more  # fmt: skip


def record(phase: str, *hosts: Any, hour: int = 2, closed: bool = True) -> dict[str, Any]:
    end = {"utc": f"2026-11-21T{hour + 1:02}:00:00.000000Z"} if closed else None
    return {"run": f"RUN-{phase}", "phase": phase, "hosts": list(hosts),
            "when": {"opened": {"utc": f"2026-11-21T{hour:02}:00:00.000000Z"},
                     "closed": end}}  # fmt: skip


PLANNED = DOSSIER | {"plan": {"host_plans": {"web1": {
    "items": [{"key": "control:a#1", "before": "yes", "after": "no", "detail": {"control": "a"}},
              {"key": "package:openssl", "detail": {"cves": [{"id": "CVE-2024-1"}]}}],
    "given": {"controls": {"a": {}, "b": {}}, "manual": [{"key": "c"}, {"key": "nessus:1"}]},
}}}}  # fmt: skip


def test_what_was_done_on_a_host_is_read_from_plan_and_record() -> None:
    evidence = {"hardening": {"controls": [{"control": "a", "after": {"configured": True}}]}}
    (host,) = done_on_hosts(PLANNED, [record("apply", entry("changed", evidence=evidence))]).items()
    name, work = host
    assert name == "web1"
    assert set(work.by) == {"control:a", "control:b", "cve:CVE-2024-1"}
    assert {"nessus:1", "control:c"} <= work.by_hand
    assert work.verdicts["a"]["configured"] is True
    assert (work.begun, work.ended) == (BEGUN, ENDED)


@pytest.mark.parametrize(
    "records",
    [
        [record("apply", entry("failed"))],
        [record("apply", entry("changed")), record("undo", entry("changed"), hour=5)],
        [record("apply", entry("not_started", started=None, finished=None))],
    ],
)
def test_what_failed_or_was_undone_is_not_done(records: list[Any]) -> None:
    (work,) = done_on_hosts(PLANNED, records).values()
    assert work.by == {}
    assert work.verdicts == {}


def test_a_change_that_never_came_to_an_end_has_done_nothing() -> None:
    assert done_on_hosts(PLANNED, [record("apply", entry("changed"), closed=False)]) == {}
    assert done_on_hosts(PLANNED, []) == {}


@pytest.mark.parametrize("plan", [None, {"items": [{}], "given": []}, {"items": None}])
def test_records_of_another_version_are_taken_as_they_are(plan: Any) -> None:
    strange = {"plan": {"host_plans": {"web1": plan}}}
    for work in done_on_hosts(strange, [record("apply", entry("changed"))]).values():
        assert work.by == {}


def test_what_other_changes_did_counts_as_done() -> None:
    finding, looks = told(GOOD)
    records = [record("apply", entry("changed"))]
    (work,) = done_on_hosts(PLANNED, records, {"web1": {KEY: "CHG-20261119-007"}}).values()
    (one,) = prove_host("web1", [finding], looks, work, NoWaivers(), NOW).proven
    assert (one.outcome, one.by) == (Outcome.FIXED, "CHG-20261119-007")
