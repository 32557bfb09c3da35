"""Vuls's results, by the structures of its source; no real file is public."""

from __future__ import annotations

import json

from opsbook.model.finding import Result, Severity
from support.reading import recognised, sample, told

VULS = sample("vuls.json")


def test_each_affected_package_is_a_row_with_what_must_restart() -> None:
    tale = told("vuls", VULS)
    first, second = (row for row in tale.rows if row.rule == "CVE-2024-6387")
    assert (first.package, first.installed, first.fixed) == (
        "openssh-server", "1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u3",
    )  # fmt: skip
    assert first.more["restart"] == "ssh.service (812)"
    assert first.more["affected_processes"] == "sshd (812)"
    assert first.evidence == "openssh-server-1:9.2p1-2+deb12u2 -> 1:9.2p1-2+deb12u3"
    assert (second.evidence, second.more["status"]) == ("openssh-client-1:9.2p1-2 -> open", "open")
    assert first.ids.other == ("DSA-5724-1",)
    assert first.more["exploited"] == "yes"


def test_the_distribution_knows_best_how_bad_it_is() -> None:
    row = next(row for row in told("vuls", VULS).rows if row.rule == "CVE-2024-6387")
    assert (row.severity, row.told) == (Severity.MEDIUM, "medium (debian_security_tracker)")


def test_the_form_of_old_versions_is_read_and_what_went_away_passes() -> None:
    row = told("vuls", VULS).of("CVE-2023-9999")
    assert (row.result, row.severity, row.told) == (Result.PASS, Severity.MEDIUM, "CVSS 5.0 (nvd)")


def test_a_library_is_of_its_artifact_and_a_product_without_a_package_is_told() -> None:
    tale = told("vuls", VULS)
    assert tale.of("CVE-2021-44228").more["artifact"] == "/opt/app/app.jar"
    assert tale.of("CVE-2022-0001").severity is Severity.UNKNOWN


def test_the_host_and_the_errors_of_the_scan_are_told() -> None:
    tale = told("vuls", VULS)
    (host,) = tale.hosts
    assert (host.id, host.addresses) == ("web01", ("10.0.0.11", "2001:db8::11"))
    assert tale.of("scan").result is Result.ERROR
    assert tale.scans[0].credentialed is True


def test_a_container_is_not_its_server() -> None:
    data = json.loads(VULS) | {"container": {"containerID": "c1", "name": "db"}}
    (host,) = told("vuls", json.dumps(data)).hosts
    assert (host.id, host.addresses) == ("db@web01", ())


def test_a_vulnerability_without_an_id_is_told_and_no_row() -> None:
    data = json.loads(VULS)
    key = next(name for name in data if name.lower() in ("scannedcves", "vulns"))
    data[key][""] = None
    tale = told("vuls", json.dumps(data))
    assert len(tale.rows) == len(told("vuls", VULS).rows)
    assert [one.why for one in tale.unreadable] == ["without an id"]


def test_results_of_before_version_0_5_are_read_by_their_capital_names() -> None:
    view = {"Type": "debian", "Title": "buffer overflow", "Severity": "low", "Cvss2Score": 4.3}
    cve = {
        "CveID": "CVE-2014-8127",
        "AffectedPackages": [{"Name": "libtiff5", "NotFixedYet": True}],
        "CveContents": {"debian": view},
    }
    result = {
        "ScannedAt": "2017-08-25T12:54:07+09:00",
        "JSONVersion": 2,
        "ServerUUID": "",
        "ServerName": "web01",
        "Family": "debian",
        "Release": "8.8",
        "ScannedCves": {"CVE-2014-8127": cve},
        "Packages": {"libtiff5": {"Name": "libtiff5", "Version": "4.0.3", "Release": "12"}},
        "Errors": ["no changelog"],
    }
    data = json.dumps(result)
    assert recognised("x", data.encode()) == "vuls"
    tale = told("vuls", data)
    assert (tale.hosts[0].names, tale.hosts[0].os) == (("web01",), "debian 8.8")
    row = tale.of("CVE-2014-8127")
    assert (row.severity, row.installed) == (Severity.LOW, "4.0.3-12")
    assert (row.title, row.more["status"]) == ("buffer overflow", "not fixed yet")
    assert tale.of("scan").evidence == "no changelog"
