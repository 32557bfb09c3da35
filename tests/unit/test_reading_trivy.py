"""Trivy's reports, by the documented structure and the shape of public real files."""

from __future__ import annotations

import json

import pytest

from opsbook.model.finding import Result, Severity
from support.reading import sample, told

ROOTFS = sample("trivy-rootfs.json")


def test_a_vulnerable_package_of_the_system_is_of_the_host_itself() -> None:
    row = told("trivy", ROOTFS).of("CVE-2024-6387")
    assert (row.result, row.severity, row.told) == (Result.FAIL, Severity.HIGH, "HIGH (debian)")
    assert (row.package, row.installed, row.fixed) == (
        "openssh-server", "1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u3",
    )  # fmt: skip
    assert (row.location, "artifact" in row.more) == ("", False)
    assert row.ids.cve == ("CVE-2024-6387",)
    assert row.ids.other == ("DSA-5724-1", "CWE-364")


def test_a_status_decides_only_where_it_says_that_nothing_is_wrong() -> None:
    tale = told("trivy", ROOTFS)
    found = {row.rule: row.result.value for row in tale.rows if row.more.get("class") == "os-pkgs"}
    assert found == {
        "CVE-2024-6387": "fail", "CVE-2011-3374": "fail",
        "CVE-2023-0001": "not_applicable", "CVE-2023-0002": "unknown",
    }  # fmt: skip
    assert tale.of("CVE-2011-3374").more["status"] == "will_not_fix"


def test_a_package_of_a_language_is_of_its_artifact() -> None:
    row = told("trivy", ROOTFS).of("GHSA-jfh8-c2jp-5v3q")
    assert row.location == row.more["artifact"] == "opt/app/log4j-core-2.14.1.jar"
    assert row.ids.other == ("GHSA-jfh8-c2jp-5v3q",)


def test_what_an_ignore_file_took_out_is_a_finding_with_the_reason() -> None:
    row = told("trivy", ROOTFS).of("CVE-2021-45046")
    assert row.result is Result.FAIL
    assert row.more["suppressed"] == "ignored not reachable .trivyignore.yaml"


def test_misconfigurations_secrets_and_licenses_are_read() -> None:
    tale = told("trivy", ROOTFS)
    row = tale.of("DS002")
    assert (row.result, row.location) == (Result.FAIL, "opt/app/Dockerfile")
    assert row.evidence == "Specify at least 1 USER command (lines 3-5)"
    assert tale.of("DS001").result is Result.PASS
    assert tale.of("github-pat").evidence == "GITHUB_PAT=***** (line 1)"
    assert tale.of("GPL-3.0").result is Result.INFORMATIONAL


def test_the_host_is_the_one_that_people_say_else_what_trivy_calls_the_artifact() -> None:
    assert told("trivy", ROOTFS).hosts[0].id == "/"
    (host,) = told("trivy", ROOTFS, host="web01").hosts
    assert (host.id, host.names, host.os) == ("web01", ("web01", "/"), "debian 12.5")
    assert {row.host for row in told("trivy", ROOTFS, host="web01").rows} == {"web01"}


def test_an_image_is_an_artifact() -> None:
    report = json.loads(ROOTFS) | {"ArtifactType": "container_image", "ArtifactName": "app:1"}
    tale = told("trivy", json.dumps(report))
    assert tale.of("CVE-2024-6387").more["artifact"] == "app:1"
    assert tale.of("GHSA-jfh8-c2jp-5v3q").location == "app:1: opt/app/log4j-core-2.14.1.jar"


def test_the_bare_list_of_old_versions_is_read() -> None:
    report = json.loads(ROOTFS)["Results"]
    tale = told("trivy", json.dumps(report), host="web01")
    assert len(tale.rows) == 10
    assert tale.hosts[0].id == "web01"


def test_resources_of_a_cluster_are_kept_apart() -> None:
    tale = told("trivy", sample("trivy-cluster.json"))
    assert {row.location for row in tale.rows} == {
        "default/Deployment/redis", "default/Deployment/web",
    }  # fmt: skip
    old = sample("trivy-cluster.json").replace(b'"Resources"', b'"Vulnerabilities"')
    assert told("trivy", old).rows == tale.rows


def test_the_order_of_members_does_not_matter() -> None:
    backwards = json.loads(ROOTFS, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    rows = told("trivy", json.dumps(backwards), host="web01").rows
    key = repr
    assert sorted(rows, key=key) == sorted(told("trivy", ROOTFS, host="web01").rows, key=key)


def test_a_report_redirected_by_windows_is_read() -> None:
    text = ROOTFS.decode()
    for encoding in ("utf-16", "utf-8-sig"):
        assert told("trivy", text.encode(encoding)).rows == told("trivy", ROOTFS).rows


def report(host: str) -> str:
    """One vulnerability of the system of ``host``."""
    one = {"VulnerabilityID": "CVE-2024-6387", "PkgName": "openssh-server", "Severity": "HIGH"}
    result = {"Target": host, "Class": "os-pkgs", "Vulnerabilities": [one]}
    return json.dumps({"SchemaVersion": 2, "ArtifactName": host, "Results": [result]})


@pytest.mark.parametrize("form", ["[{}, {}]", "{}\n{}\n"], ids=["a list", "one on each line"])
def test_several_reports_in_one_file_are_each_of_its_own_host(form: str) -> None:
    tale = told("trivy", form.format(report("web01"), report("web02")))
    assert [row.host for row in tale.rows] == ["web01", "web02"]
    assert [seen.id for seen in tale.hosts] == ["web01", "web02"]
    assert tale.unreadable == []


def test_a_list_of_reports_cut_in_the_second_says_so_and_has_the_first() -> None:
    whole = f"[{report('web01')},{report('web02')}]"
    tale = told("trivy", whole[:-40])
    assert [row.host for row in tale.rows] == ["web01"]
    assert [fault.ends for fault in tale.unreadable] == [True]


def test_a_resource_of_a_cluster_that_could_not_be_scanned_is_an_error() -> None:
    broken = {"Namespace": "default", "Kind": "Pod", "Name": "web", "Error": "no such image"}
    (row,) = told("trivy", json.dumps({"ClusterName": "c", "Resources": [broken]})).rows
    assert (row.result, row.location) == (Result.ERROR, "default/Pod/web")
    assert row.evidence == "no such image"
