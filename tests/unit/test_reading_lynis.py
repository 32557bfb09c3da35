"""Lynis's report.dat, by the functions of Lynis 3.0.8 that write it."""

from __future__ import annotations

from time import process_time

from opsbook.model.finding import Result, Severity
from support.reading import sample, told

REPORT = sample("lynis-report.dat")


def test_one_test_with_several_suggestions_is_several_rows() -> None:
    tale = told("lynis", REPORT)
    failed = [(row.rule, row.location) for row in tale.rows if row.result is Result.FAIL]
    assert sorted(one for one in failed if failed.count(one) > 1) == [("PKGS-7392", "")] * 2
    assert set(failed) >= {
        ("AUTH-9286/PASS_MIN_DAYS", ""), ("AUTH-9286/PASS_MAX_DAYS", ""),
        ("FILE-6310", "/home"), ("FILE-6310", "/tmp"), ("FILE-6310", "/var"),
        ("NETW-3200/dccp", ""), ("NETW-3200/sctp", ""),
        ("SSH-7408/PermitRootLogin", ""), ("SSH-7408/MaxAuthTries", ""), ("SSH-7408/Port", ""),
        ("KRNL-6000/kernel.kptr_restrict", ""), ("KRNL-6000/net.ipv4.conf.all.send_redirects", ""),
        ("PKGS-7392", "openssh-server"), ("PKGS-7392", "libssl3"),
    }  # fmt: skip


def test_details_carry_the_value_that_is_and_the_one_that_should_be() -> None:
    row = told("lynis", REPORT).of("KRNL-6000/kernel.kptr_restrict")
    assert (row.evidence, row.severity) == ("kernel.kptr_restrict: 0 (2)", Severity.LOW)


def test_what_only_announces_details_is_no_finding() -> None:
    assert told("lynis", REPORT).of("KRNL-6000").result is Result.INFORMATIONAL


def test_a_warning_is_worse_than_a_suggestion() -> None:
    row = told("lynis", REPORT).of("KRNL-5830")
    assert (row.severity, row.told, row.remedy) == (Severity.MEDIUM, "warning", "reboot")


def test_no_pass_is_claimed_and_what_did_not_run_is_told() -> None:
    tale = told("lynis", REPORT)
    assert Result.PASS not in {row.result for row in tale.rows}
    assert tale.of("tests_executed").evidence.split()[:2] == ["AUTH-9204", "AUTH-9286"]
    assert tale.of("PHP-2211").result is Result.NOT_APPLICABLE
    assert tale.of("BOOT-5180").result is Result.ERROR


def test_the_host_has_its_name_with_and_without_domain() -> None:
    (host,) = told("lynis", REPORT).hosts
    assert (host.names, host.addresses) == (("web01", "web01.example.org"), ("10.0.0.11",))


def test_a_report_that_was_not_finished_says_so() -> None:
    tale = told("lynis", REPORT[: REPORT.index(b"tests_executed")])
    assert [one.ends for one in tale.unreadable] == [True]
    assert len(tale.rows) == 22


def test_the_same_suggestion_twice_has_a_place_each() -> None:
    text = (
        "lynis_version=3\nsuggestion[]=X-1|one|-|-|\nsuggestion[]=X-1|two|/etc/b|-|\nfinish=true\n"
    )
    assert [row.location for row in told("lynis", text).rows] == ["", "/etc/b"]


def test_bars_in_a_value_are_part_of_it() -> None:
    row = told("lynis", REPORT).of("SSH-7408/PermitRootLogin")
    assert row.evidence.endswith("(FORCED-COMMANDS-ONLY|NO|PROHIBIT-PASSWORD|WITHOUT-PASSWORD))")


def test_a_report_of_lynis_2_tells_risk_message_and_option() -> None:
    tale = told(
        "lynis",
        "# Lynis Report\nlynis_version=2.1.1\nhostname=web01\n"
        "warning[]=SSH-7412|H|Root can directly login via SSH|\n"
        "warning[]=NETW-2705|L|Couldn't find 2 responsive nameservers|-|\n"
        "suggestion[]=SSH-7408|Consider hardening SSH configuration|MaxAuthTries (6 --> 1)|-|\n"
        "finish=true\n",
    )
    row = tale.of("SSH-7412")
    assert (row.title, row.severity) == ("Root can directly login via SSH", Severity.HIGH)
    assert row.told == "warning H"
    assert tale.of("NETW-2705").severity is Severity.LOW
    assert tale.of("SSH-7408/MaxAuthTries").result is Result.FAIL


def test_details_that_look_like_an_option_over_and_over_end_soon() -> None:
    details = "x (set " + " to " * 16_000 + " --> " * 1_000
    begun = process_time()
    (row,) = told("lynis", f"# Lynis Report\nsuggestion[]=A-1|b|{details}|-|\nfinish=true\n").rows
    assert row.rule == "A-1"
    assert process_time() - begun < 2
