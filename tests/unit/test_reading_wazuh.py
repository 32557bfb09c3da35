"""Wazuh's documents, by public dumps of its manager and its documented answers."""

from __future__ import annotations

import json

from opsbook.model.finding import Result, Severity
from support.reading import sample, told

STATES = sample("wazuh-states.ndjson")
DOCUMENTS = [one.get("_source", one) for one in (json.loads(line) for line in STATES.splitlines())]


def test_states_line_by_line_have_their_agents_and_policies() -> None:
    tale = told("wazuh", STATES)
    found = {(row.host, row.rule): row.result.value for row in tale.rows}
    assert found == {
        ("web01", "33000"): "fail", ("web01", "33001"): "pass", ("db01", "33002"): "not_applicable",
        ("db01", "33003"): "not_checked", ("db01", "CVE-2022-3715"): "fail",
    }  # fmt: skip
    (scan,) = tale.scans
    assert (scan.content, scan.content_version) == ("cis_debian12", "CIS Debian 12 v1.1.0")
    assert tale.hosts[0].names == ("web01", "web01.example.org")
    row = tale.of("33000")
    assert row.ids.other == ("cis:1.1.2.1.1", "pci_dss:2.2")
    assert row.remedy == "Edit /etc/fstab."
    assert tale.of("CVE-2022-3715").severity is Severity.HIGH


def test_the_same_documents_are_read_in_any_wrapping() -> None:
    rows = told("wazuh", STATES).rows
    hits = {
        "took": 1,
        "hits": {"total": {"value": 5}, "hits": [{"_source": one} for one in DOCUMENTS]},
    }
    items = {"metadata": {"module": "sca"}, "items": [{"seq": 1, "data": one} for one in DOCUMENTS]}
    pretty = "\n".join(json.dumps(one, indent=2) for one in DOCUMENTS)
    for text in (json.dumps(hits), json.dumps(items), json.dumps(DOCUMENTS), pretty):
        assert told("wazuh", text).rows == rows


def test_a_dump_without_agents_is_of_the_host_that_people_say() -> None:
    document = {"check": {"id": "1", "result": "Failed"}, "policy": {"id": "p"}}
    items = {"items": [{"data": document}]}
    assert told("wazuh", json.dumps(items), host="web01").rows[0].host == "web01"
    assert told("wazuh", json.dumps(items)).rows[0].host == "file"


def test_answers_of_the_server_are_read() -> None:
    check = {
        "policy_id": "cis_debian12",
        "id": 33000,
        "title": "t",
        "result": "failed",
        "compliance": [{"key": "cis", "value": "1.1.2"}],
        "rules": [{"rule": "r"}],
    }
    old = {"cve": "CVE-2023-1", "name": "curl", "version": "1", "severity": "Medium",
           "cvss3_score": 6.5, "agent_name": "web02", "agent_ip": "10.0.0.2"}  # fmt: skip
    answer = {"data": {"affected_items": [check, old], "total_affected_items": 2}}
    tale = told("wazuh", json.dumps(answer), host="web01")
    assert [(row.host, row.rule, row.told) for row in tale.rows] == [
        ("web01", "33000", "failed"), ("web02", "CVE-2023-1", "Medium 6.5"),
    ]  # fmt: skip
    assert tale.of("33000").ids.other == ("cis:1.1.2",)


def test_alerts_are_read() -> None:
    check = {"id": "1", "title": "x", "result": "failed"}
    agent = {"id": "7", "name": "web03", "ip": "any"}
    alert = {"agent": agent, "data": {"sca": {"policy": "CIS", "check": check}}}
    (row,) = told("wazuh", json.dumps(alert)).rows
    assert (row.host, row.rule, row.result) == ("web03", "1", Result.FAIL)


def test_other_documents_are_told_as_unreadable() -> None:
    tale = told("wazuh", '{"rule": {"level": 3}}\n' + json.dumps(DOCUMENTS[0]))
    assert [one.why for one in tale.unreadable] == ["neither a check nor a vulnerability"]
    assert len(tale.rows) == 1


def test_policies_mixed_without_end_do_not_make_scans_without_end() -> None:
    many = [{"agent": {"name": "a"}, "check": {"id": str(n), "result": "passed"},
             "policy": {"id": f"p{n % 2}"}} for n in range(1000)]  # fmt: skip
    tale = told("wazuh", json.dumps(many))
    assert len(tale.rows) == 1000
    assert len(tale.scans) < 110
    assert tale.scans[-1].content_version == "several policies"
