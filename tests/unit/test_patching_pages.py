"""What the pages of a patching change tell besides versions: choice, origin, old code, undo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from opsbook.documents import explain, render, render_change
from opsbook.documents.record_page import words_of
from opsbook.documents.telling import happened

EXAMPLES = Path(__file__).parents[2] / "reports" / "examples" / "change"


def example(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return data


def page(data: dict[str, Any]) -> str:
    return render_change(data["dossier"], data["records"], "md", "en")


def test_the_plan_tells_how_updates_are_chosen_where_they_come_from_and_what_room_they_take() -> (
    None
):
    told = page(example("applied"))
    assert "security updates only, rebooted where needed" in told
    assert "soak time 3 days, not waiting for it: CVE-2025-4575" in told
    assert "| Debian-Security stable-security | security update | 1.9 MiB |" in told
    assert "before its soak time, for CVE-2025-4575" in told
    assert "at most 21.3 MiB to fetch on a host, 60.0 KiB more on its disk afterwards" in told


def test_vulnerabilities_that_the_same_packages_close_stand_on_one_line_the_gravest_first() -> None:
    told = page(example("applied")).partition("### Vulnerabilities closed")[2]
    lines = [line for line in told.splitlines() if line.startswith("| CVE")]
    assert lines[0] == "| CVE-2025-4575, CVE-2025-9230 | high | libssl3, openssl | 8 |"
    assert "| low |" in lines[3]


def test_what_runs_old_code_is_named_by_unit_program_and_package() -> None:
    data = example("applied")
    assert "| session-41.scope | sshd | libssl3\\:amd64 | web1, web2, web3 and 3 more |" in page(
        data
    )
    for host in data["records"][0]["hosts"]:
        host["evidence"].get("patching", {})["still_old"] = []
    assert "### Still running old code\n\n- none\n" in page(data)


def test_an_undo_tells_what_it_brought_back_on_both_pages() -> None:
    data = example("emergency")
    line = "| Package | openssl\\:amd64 | 3.0.17-1\\~deb12u2 → 3.0.15-1\\~deb12u1 | web1, web2 |"
    assert line in page(data)
    assert line in render(data["records"][1], "md", "en")
    assert "| Configuration file | /etc/nginx/nginx.conf | – | web1, web2 |" in page(data)


def test_a_wave_that_was_undone_tells_what_came_back_there() -> None:
    data = example("undone_wave")
    host = data["records"][0]["hosts"][1]
    host["undone"] = {"outcome": "changed", "evidence": {"undone": {"files": ["/etc/x"]}}}
    assert f"| File | /etc/x | – | {host['name']} |" in page(data)


@pytest.mark.parametrize("strange", [None, 7, "text", [1], {"a": 1}, [{"a": {}}]])
def test_strange_baselines_and_evidence_are_shown_or_left_out(strange: Any) -> None:
    data = example("applied")
    for host in data["dossier"]["plan"]["host_plans"].values():
        host["given"]["baseline"] = {"soak_days": strange, "include": strange, "reboot": strange}
        for item in host["items"]:
            item["detail"] |= {"soak": strange, "size": strange, "label": strange}
    for host in data["records"][0]["hosts"]:
        host["evidence"] = {"undone": strange, "patching": {"still_old": strange}}
    assert page(data)


def test_parameters_without_a_value_are_not_told() -> None:
    plan = example("planned")["dossier"]["plan"]
    plan["parameters"] = {"include": {"value": None, "source": "default"},
                          "reboot": {"value": "never", "source": "command line"}}  # fmt: skip
    told = explain(plan, "md", "en", full=True)
    assert "| reboot | never | command line |" in told
    assert "| include |" not in told


def test_signatures_stand_on_the_record_and_not_on_the_page_to_decide_by() -> None:
    data = example("applied")
    assert "BEGIN SSH SIGNATURE" in page(data)
    assert "BEGIN SSH SIGNATURE" not in explain(data["dossier"], "md", "en")
    assert "BEGIN SSH SIGNATURE" in explain(data["dossier"], "md", "en", full=True)


def test_of_an_undo_no_time_is_told_as_predicted() -> None:
    record = example("emergency")["records"][1]
    for host in record["hosts"]:
        host["planned"] = {"seconds": 9000}
    assert "2 h 30 min" not in render(record, "md", "en")
    assert "2 h 30 min" in render(record | {"phase": "apply"}, "md", "en")


def test_what_came_as_planned_is_not_written_a_second_time() -> None:
    data = example("applied")
    before, after = "3.0.15-1\\~deb12u1", "3.0.17-1\\~deb12u2"
    assert f"{before} → {after} | the same | as planned |" in page(data)
    for host in data["records"][0]["hosts"]:
        for item in (host["planned"] or {}).get("items", ()):
            item["after"] = "9"
    assert f"{before} → 9 | {before} → {after} | otherwise than planned |" in page(data)


def failed_verification() -> dict[str, Any]:
    """A change of which one host did not pass its verification and was brought back."""
    data = example("undone_wave")
    data["records"][0]["hosts"][1] |= {
        "outcome": "failed", "verification": {"passed": 7, "failed": 2, "tests": []},
    }  # fmt: skip
    return data


def test_a_host_that_failed_its_verification_says_so_under_what_happened() -> None:
    data = failed_verification()
    said = "done with changes; 2 of 9 checks of its verification failed; brought back"
    assert f"| web2 | failed | {said} | 7 / 2 |" in page(data)
    assert f"failed: {said} (" in page(data)
    assert f"| web2 | failed | {said} | 7 / 2 |" in render(data["records"][0], "md", "en")
    told = render_change(data["dossier"], data["records"], "md", "zh_CN")
    assert "完成，有变更；9 项验证中有 2 项未通过；已回退" in told
    host = data["records"][0]["hosts"][1] | {"undone": None}
    assert happened(host, words_of({}, "en")).endswith("checks of its verification failed")


def test_tools_of_other_package_managers_are_not_told() -> None:
    data = example("applied")
    plan = data["dossier"]["plan"]
    plan["runbook"]["tools"] = [{"name": name, "use": {"en": f"use of {name}"}}
                                for name in ("ansible-core", "apt, dpkg", "dnf, rpm")]  # fmt: skip
    assert "use of apt" in explain(plan, "md", "en")
    assert "use of dnf" not in explain(plan, "md", "en")
    for host in plan["host_plans"].values():
        host["given"].pop("manager", None)
    assert "use of dnf" in explain(plan, "md", "en")
    record = data["records"][0] | {"runbook": plan["runbook"]}
    assert "use of dnf" not in render(record, "md", "en")
    assert "use of ansible-core" in render(record, "md", "en")
