"""``opsbook findings`` as it is typed, with files of real scanners where a case is of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from opsbook.cli.main import run as opsbook
from opsbook.ledger.listing import open_reader
from opsbook.model.places import Places

RESULTS = (Path(__file__).parents[1] / "data" / "content" / "small-results.xml").read_text()
ESTATE = """schema: 1
name: city
title: {zh: 某市, en: City}
timezone: Asia/Shanghai
"""
HOSTS = "all:\n  hosts:\n    web1: {ansible_host: 10.0.0.1}\n    db1: {ansible_host: 10.0.0.2}\n"
ITEM = """<ReportItem port="{port}" svc_name="ssh" protocol="tcp" severity="{severity}"
 pluginID="{plugin}" pluginName="{name}" pluginFamily="General"><description>d</description>
<solution>do it</solution><plugin_output>{output}</plugin_output>{cve}</ReportItem>"""
INFORMATION = """Nessus version : 10.7.2 (build 1)
Plugin feed version : {feed}
Scan policy used : all
Credentialed checks : yes
"""


def item(plugin: int, severity: int = 3, output: str = "", cve: str = "", port: int = 22) -> str:
    told = f"<cve>{cve}</cve>" if cve else ""
    return ITEM.format(plugin=plugin, name=f"Plugin {plugin}", severity=severity, output=output,
                       cve=told, port=port)  # fmt: skip


def nessus(path: Path, hosts: dict[str, list[str]], day: int = 10, feed: str = "2026") -> Path:
    """A report of Nessus about ``hosts``: address -> items."""
    told = []
    for address, items in hosts.items():
        about = item(19506, 0, INFORMATION.format(feed=feed), port=0)
        tags = f'<tag name="host-ip">{address}</tag>' + "".join(
            f'<tag name="HOST_{end}">Tue Nov {day:2} 10:0{n}:00 2026</tag>'
            for n, end in enumerate(("START", "END"))
        )
        told.append(
            f'<ReportHost name="{address}"><HostProperties>{tags}</HostProperties>'
            f"{about}{''.join(items)}</ReportHost>"
        )
    path.write_text(
        '<?xml version="1.0" ?><NessusClientData_v2><Policy><policyName>all</policyName></Policy>'
        f'<Report name="r">{"".join(told)}</Report></NessusClientData_v2>'
    )
    return path


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    directory = tmp_path / "city"
    directory.mkdir()
    (directory / "estate.yml").write_text(ESTATE)
    (directory / "hosts.yml").write_text(HOSTS)
    return str(directory)


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """What a command says in JSON."""
    assert opsbook(["--lang", "en", "findings", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0, lang: str = "en") -> str:
    """What a command says to people, on both streams."""
    assert opsbook(["--lang", lang, "findings", *words]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_file_is_taken_in_listed_shown_and_in_the_ledger(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = nessus(tmp_path / "a.nessus", {
        "10.0.0.1": [item(10, 4, "is old", "CVE-2024-6387"), item(11, 1)],
        "192.0.2.7": [item(10, 4, "", "CVE-2024-6387")],
    })  # fmt: skip
    page = said(capsys, "import", str(file), "-e", estate)
    for word in ("Nessus 10.7.2", "Nessus plugins 2026", "192.0.2.7",
                 'opsbook_names: ["192.0.2.7"]',
                 "3 new", "fails:", "critical:"):  # fmt: skip
        assert word in page
    listed = told(capsys, "list", "-e", estate)
    assert [(one["host"], one["key"], one["known"]) for one in listed] == [
        ("web1", "cve:CVE-2024-6387", True),
        ("web1", "nessus:11", True),
        ("192.0.2.7", "cve:CVE-2024-6387", False),
    ]
    shown = said(capsys, "show", "web1", "cve-2024-6387", "-e", estate)
    assert "is old" in shown
    assert "do it" in shown
    with open_reader(Places(tmp_path / "state").ledger) as reader:
        (event,) = reader.events(kinds=("findings.imported",))
    assert event.payload is not None
    assert event.payload["rows"]["failed"] == {"critical": 2, "low": 1}


def test_the_same_file_again_is_said_and_adds_nothing(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = nessus(tmp_path / "a.nessus", {"10.0.0.1": [item(10)]})
    said(capsys, "import", str(file), "-e", estate)
    other = file.rename(tmp_path / "b.nessus")
    assert "was imported before, as a.nessus" in said(capsys, "import", str(other), "-e", estate)
    assert "此前已以 a.nessus 之名导入" in said(
        capsys, "import", str(other), "-e", estate, lang="zh"
    )
    assert len(told(capsys, "files", "-e", estate)) == 1


MAPPING = """scanner: ours
columns: {host: Host, rule: Id, title: What, severity: How bad}
"""


def test_columns_that_are_described_are_those_of_a_table(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.yml").write_text(MAPPING)
    file = tmp_path / "t.csv"
    file.write_text("Host,Id,What,How bad\nweb1,7,Old,high\n")
    words = ("import", str(file), "-e", estate, "--mapping", str(tmp_path / "m.yml"))
    assert "does not go with the format nessus" in said(
        capsys, *words, "--format", "nessus", code=64
    )
    assert told(capsys, *words)[0]["findings"]["new"] == 1
    assert [one["key"] for one in told(capsys, "list", "-e", estate)] == ["ours:7"]


def test_a_report_of_somebody_else_can_be_forgotten(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, day in (("1", 10), ("2", 12)):
        said(capsys, "import", str(nessus(tmp_path / name, {"10.0.0.1": [item(int(name))]}, day)),
             "-e", estate)  # fmt: skip
    digest = told(capsys, "files", "-e", estate)[1]["sha256"]
    words = ("forget", digest[:12], "-e", estate, "--reason")
    assert "A reason is needed" in said(capsys, *words, " ", code=64)
    assert "2 is forgotten; open findings: 1 more, 1 fewer." in said(
        capsys, *words, "of another site"
    )
    assert "There is no single import" in said(capsys, *words, "again", code=64)
    assert [one["file"] for one in told(capsys, "files", "-e", estate)] == ["1"]
    with open_reader(Places(tmp_path / "state").ledger) as reader:
        (event,) = reader.events(kinds=("findings.forgotten",))
    assert event.payload is not None
    assert (event.payload["reason"], event.payload["sha256"]) == ("of another site", digest)
    assert event.payload["by"]["user"]


def test_whoever_knows_that_the_scanner_was_root_says_so(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = RESULTS.replace("@HOST@", "web1").replace(">root</identity>", ">zhang</identity>")
    for name, words, rights in (("1", (), (0, 0)), ("2", ("--as-root",), (1, 0))):
        (tmp_path / name).write_text(silent + f"<!-- {name} -->")
        (kept,) = told(capsys, "import", str(tmp_path / name), "-e", estate, *words)
        (scan,) = kept["scans"]["each"]
        assert (scan["hosts_credentialed"], scan["hosts_not_credentialed"]) == rights
        assert kept.get("as_root") is (True if words else None)


def test_one_bad_file_does_not_hold_up_the_others(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = nessus(tmp_path / "a.nessus", {"10.0.0.1": [item(10)]})
    cut = nessus(tmp_path / "cut.nessus", {"10.0.0.2": [item(10), item(11), item(12)]})
    cut.write_text(cut.read_text()[:-120])
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + bytes(range(256)))
    files = [str(tmp_path / name) for name in ("photo.jpg", "missing", "cut.nessus")]
    found = told(capsys, "import", *files, str(good), "-e", estate, code=65)
    assert [("problem" in one, one.get("exit")) for one in found] == [
        (True, 65), (True, 65), (False, None), (False, None)]  # fmt: skip
    assert any(one["ends"] for one in found[2]["unreadable"])
    assert found[3]["findings"]["new"] == 1
    assert len(told(capsys, "files", "-e", estate)) == 2


def test_a_retest_closes_and_diff_tells_it(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nessus(tmp_path / "1", {"10.0.0.1": [item(10), item(11)]}, day=10)
    nessus(tmp_path / "2", {"10.0.0.1": [item(11), item(12)]}, day=12)
    nessus(tmp_path / "3", {"10.0.0.1": []}, day=13, feed="2027")
    for name in "123":
        said(capsys, "import", str(tmp_path / name), "-e", estate)
    found = told(capsys, "diff", "1", "2", "-e", estate)
    assert {one["key"]: one["outcome"] for one in found} == {
        "nessus:10": "fixed", "nessus:11": "remaining", "nessus:12": "new"}  # fmt: skip
    page = said(capsys, "diff", "2", "3", "-e", estate)
    assert "not comparable: 2" in page
    assert "other version of the content: 2" in page
    states = {one["key"]: one["state"] for one in told(capsys, "list", "-e", estate,
                                                       "--state", "all")}  # fmt: skip
    assert states["nessus:10"] == "fixed"
    assert states["nessus:11"] == "not_reproducible"
    assert told(capsys, "list", "-e", estate) == []
    assert len(told(capsys, "diff", "--since", "2026-11-11", "-e", estate)) == 2


def test_hosts_are_listed_with_those_that_nobody_is_and_those_never_seen(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = nessus(tmp_path / "a", {"10.0.0.1": [item(10)], "192.0.2.7": [item(10)]})
    said(capsys, "import", str(file), "-e", estate)
    found = told(capsys, "hosts", "-e", estate)
    assert [(one["host"], one["known"], one["open"]) for one in found["hosts"]] == [
        ("web1", True, {"high": 1}), ("192.0.2.7", False, {"high": 1})]  # fmt: skip
    assert found["never_seen"] == ["db1"]
    Path(estate, "host_vars").mkdir()
    Path(estate, "host_vars", "db1.yml").write_text('opsbook_names: ["192.0.2.7"]\n')
    found = told(capsys, "hosts", "-e", estate)
    assert [(one["host"], one["known"]) for one in found["hosts"]] == [
        ("db1", True),
        ("web1", True),
    ]
    assert [one["host"] for one in told(capsys, "list", "-e", estate, "-l", "db1")] == ["db1"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["list", "--severity", "urgent"], "does not know urgent"),
        (["list", "--state", "closed"], "does not know closed"),
        (["show", "web1", "nessus:1"], "no finding nessus:1 of web1"),
        (["diff", "1", "2"], "no import 1"),
        (["diff"], "two imports or --since"),
        (["import", "x", "--format", "nosuch"], "no format nosuch"),
        (["import", "x", "--host", "nobody"], "no host nobody"),
    ],
)
def test_what_does_not_exist_is_a_fault_of_usage(
    estate: str, capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    assert problem in said(capsys, *words, "-e", estate, code=64)


def test_an_estate_without_findings_has_empty_lists(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "list", "-e", estate) == []
    assert told(capsys, "files", "-e", estate) == []
    assert told(capsys, "hosts", "-e", estate)["never_seen"] == ["db1", "web1"]
    assert not (tmp_path / "state" / "findings").exists()


def test_hostile_names_are_shown_and_never_obeyed(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = item(10, output="\x9b31m{{ 7*7 }} $(id) \u202e").replace(
        "Plugin 10", "=cmd|' /c calc'!A0"
    )
    file = nessus(tmp_path / "a", {"10.0.0.1": [bad], "$(id)\u202e&#x9b;31m": [item(11)]})
    for words in (["import", str(file)], ["list"], ["hosts"], ["show", "web1", "nessus:10"]):
        page = said(capsys, *words, "-e", estate, lang="zh")
        assert not {"\x9b", "\x1b", "\u202e"} & set(page)


def test_a_name_that_is_a_template_is_never_offered_for_the_inventory(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = nessus(tmp_path / "a", {"{{ lookup('pipe', 'id') }}": [item(10)]})
    for words in (["import", str(file)], ["hosts"]):
        page = said(capsys, *words, "-e", estate)
        assert "opsbook_names: [" not in page
        assert "import it with --host" in page


def test_a_finding_of_a_control_bears_its_title_in_the_language_of_the_reader(
    estate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.dat").write_text(
        "# Lynis Report\nreport_version_major=1\nreport_version_minor=0\nlynis_version=3.0.8\n"
        "hostname=web1\nos=Linux\n"
        "suggestion[]=SSH-7408|Consider hardening SSH configuration|"
        "PermitRootLogin (set YES to NO)|-|\n"
        "details[]=SSH-7408|sshd|desc:sshd option PermitRootLogin;"
        "field:PermitRootLogin;prefval:NO;value:YES;|\nfinish=true\n"
    )
    said(capsys, "import", str(tmp_path / "report.dat"), "-e", estate)
    key = "control:sshd.permitrootlogin"
    for words in (["list"], ["show", "web1", key]):
        assert "禁止 root 直接通过 SSH 登录" in said(capsys, *words, "-e", estate, lang="zh")
        assert "No direct login of root over SSH" in said(capsys, *words, "-e", estate)
    (one,) = [one for one in told(capsys, "list", "-e", estate) if one["key"] == key]
    assert one["title"] == "sshd option PermitRootLogin"
