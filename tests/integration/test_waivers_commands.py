"""``opsbook waivers`` as it is typed: drafted, signed, counted, ended, written for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from opsbook.domains.hardening.reading.intake import read_file
from opsbook.ledger.listing import open_reader
from opsbook.model.exits import Exit
from opsbook.model.finding import Result, Row
from opsbook.model.places import Places
from support.changes import APPROVER, SECOND, Site, make_site

PROFILE = "xccdf_org.ssgproject.content_profile_cis_level1_server"
RULES = "xccdf_org.ssgproject.content_rule_"
XCCDF = """<?xml version="1.0"?>
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2"
 id="xccdf_org.ssgproject.content_benchmark_X">
<version>0.1.82</version>
<Rule id="{rules}sshd_disable_root_login" severity="high"><title>No root</title></Rule>
<Rule id="{rules}of_nobody" severity="low"><title>Of nobody</title></Rule>
<Rule id="{rules}of_a_cve" severity="high"><title>A CVE</title>
 <ident system="http://cve.mitre.org">CVE-2024-6387</ident></Rule>
{results}
</Benchmark>"""
RESULT = """<TestResult id="xccdf_r_testresult_{host}" end-time="{at}" version="0.1.82"
 test-system="cpe:/a:redhat:openscap:1.3.7"><profile idref="{profile}"/>
<identity authenticated="1" privileged="1">root</identity><target>{host}</target>
{rows}<score system="s" maximum="100">50</score></TestResult>"""
ROW = '<rule-result idref="{rules}{rule}" severity="high"><result>{word}</result></rule-result>'
WRONG = "=cmd|'/c calc'!A0 <b>{{ 7*7 }}</b> ]]> \u2028 $(id)"


def scanned(path: Path, day: int = 1, **hosts: str) -> Path:
    """Results of the three rules on hosts: ``h1="fail fail pass"``."""
    results = "".join(
        RESULT.format(
            host=host, profile=PROFILE, at=f"2026-11-{day:02}T10:00:00+00:00",
            rows="".join(
                ROW.format(rules=RULES, rule=rule, word=word)
                for rule, word in zip(
                    ("sshd_disable_root_login", "of_nobody", "of_a_cve"), words.split(), strict=True
                )
            ),
        )
        for host, words in hosts.items()
    )  # fmt: skip
    path.write_text(XCCDF.format(rules=RULES, results=results), encoding="utf-8")
    return path


@dataclass
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One for all tests here, each with hosts of its own."""
    return make_site(tmp_path_factory.mktemp("site"), hosts=5)


@pytest.fixture
def run() -> Run:
    """Runs a command of a site in this process."""

    def call(site: Site, *words: object, code: int = 0, lang: str = "en") -> Ran:
        ran = site.typed("--lang", lang, *map(str, words))
        assert ran.returncode == code, ran.stdout + ran.stderr
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    return call


def draft(run: Run, site: Site, *words: str, key: str = "sshd.permitrootlogin") -> str:
    given = {"--category": "risk_accepted", "--reason": "the vendor logs in as root",
             "--owner": "Li Si", "--until": "2027-06-30"}  # fmt: skip
    options = [part for name, value in given.items() if name not in words for part in (name, value)]
    made = run(
        site, "waivers", "draft", "-e", site.estate, "--key", key, *options, *words, "--json"
    )
    return str(made.json["change"])


def sign(run: Run, site: Site, change: str) -> None:
    for principal in (APPROVER, SECOND):
        run(site, "approve", change, "--key", site.key(principal), "--yes")


def states(run: Run, site: Site, *words: str) -> dict[tuple[str, str], str]:
    """State of every finding by host and key."""
    listed = run(site, "findings", "list", "-e", site.estate, "--state", "all", "--json", *words)
    return {(one["host"], one["key"].rpartition(":")[2]): one["state"] for one in listed.json}


def test_a_waiver_from_draft_to_revocation(run: Run, site: Site, tmp_path: Path) -> None:
    root = "sshd.permitrootlogin"
    file = scanned(tmp_path / "1.xml", h1="fail fail fail", h2="fail pass pass")
    run(site, "findings", "import", file, "-e", site.estate)
    change = draft(run, site, "-l", "h1", "--compensating", "only from the jump host")
    page = run(site, "plan", "explain", change).out
    for word in ("1 open findings of 1 hosts would be accepted", "h1", "only from the jump host",
                 "Li Si", "control:sshd.permitrootlogin", "grave findings among them: high 1",
                 "still to approve: 2 of any group"):  # fmt: skip
        assert word in page
    assert (
        "拟豁免 1 台主机上的 1 个未整改问题项"
        in run(site, "plan", "explain", change, lang="zh").out
    )
    assert states(run, site)["h1", root] == "open"

    sign(run, site, change)
    assert states(run, site)["h1", root] == "waived"
    assert states(run, site)["h2", root] == "open"
    table = run(site, "findings", "list", "-e", site.estate).out
    assert f"{change} until 2027-06-30" in table
    shown = run(site, "findings", "show", "h1", root, "-e", site.estate).out
    assert "the vendor logs in as root" in shown
    assert "the risk is borne" in shown
    hosts = run(site, "findings", "hosts", "-e", site.estate, "--json").json["hosts"]
    assert [(row["host"], row["states"]) for row in hosts if row["host"] in ("h1", "h2")] == [
        ("h1", {"open": 2, "waived": 1}), ("h2", {"open": 1}),
    ]  # fmt: skip
    listed = run(site, "waivers", "list", "-e", site.estate, "--json").json
    numbers = [sum(listed[name].values()) for name in ("open_without_waivers", "open")]
    assert numbers[0] - numbers[1] == sum(row["findings"] for row in listed["waivers"])
    assert (change, 1) in [(row["change"], row["findings"]) for row in listed["waivers"]]
    table = run(site, "waivers", "list", "-e", site.estate).out
    assert f"Open findings without waivers: {numbers[0]} (" in table
    assert f"Open findings with waivers: {numbers[1]} (" in table
    run(site, "apply", change, code=Exit.USAGE)

    later = scanned(tmp_path / "2.xml", 2, h1="fail fail pass", h2="fail pass pass")
    run(site, "findings", "import", later, "-e", site.estate)
    diff = ("findings", "diff", "1.xml", "2.xml", "-e", site.estate)
    compared = {(one["host"], one["key"].rpartition(":")[2]): (one["outcome"], one["waiver"])
                for one in run(site, *diff, "--json").json}  # fmt: skip
    assert compared == {
        ("h1", root): ("remaining", change), ("h2", root): ("remaining", None),
        ("h1", "of_nobody"): ("remaining", None),
        ("h1", "CVE-2024-6387"): ("fixed", None),
    }  # fmt: skip
    page = run(site, *diff).out
    assert "remaining: 3\n  waived: 1\n" in page
    assert f"{change} until 2027-06-30" in page

    run(site, "waivers", "revoke", change, "--reason", "the vendor has an account now")
    assert states(run, site)["h1", root] == "open"
    again = run(site, "findings", "show", "h1", root, "-e", site.estate).out
    assert "it was revoked: the vendor has an account now" in again
    assert f"{change} no more" in run(site, "findings", "list", "-e", site.estate).out
    run(site, "waivers", "revoke", change, "--reason", "again", code=Exit.REFUSED)
    assert change in run(site, "records", "show", change).out
    run(site, "records", "verify")


def test_what_was_set_right_is_fixed_and_its_waiver_no_longer_needed(
    run: Run, site: Site, tmp_path: Path
) -> None:
    run(
        site,
        "findings",
        "import",
        scanned(tmp_path / "1.xml", h3="fail pass pass"),
        "-e",
        site.estate,
    )
    change = draft(run, site, "-l", "h3")
    sign(run, site, change)
    assert states(run, site)["h3", "sshd.permitrootlogin"] == "waived"
    later = scanned(tmp_path / "2.xml", day=9, h3="pass pass pass")
    run(site, "findings", "import", later, "-e", site.estate)
    assert states(run, site)["h3", "sshd.permitrootlogin"] == "fixed"
    listed = run(site, "waivers", "list", "-e", site.estate, "--json").json["waivers"]
    assert [row["needless"] for row in listed if row["change"] == change] == [True]
    assert "no longer needed" in run(site, "waivers", "show", change).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "2026-01-01"), "is over already"),
        (("--until", "2099-01-01"), "later than the approver policy allows"),
        (("--until", "some day"), "neither a day"),
        (("--category", "any"), "There is no category any"),
        (("--owner", "  "), "--owner must not be empty"),
        (("--reason", ""), "--reason must not be empty"),
        (("--everything",), "--key '*' and --everything"),
        (("--note", "x" * 501), "longer than 500"),
    ],
)
def test_what_is_not_right_is_refused_before_anything_is_recorded(
    run: Run, site: Site, words: tuple[str, ...], said: str
) -> None:
    given = {"--key": "sshd.permitrootlogin", "--category": "environment", "--reason": "because",
             "--owner": "o", "--until": "2027-01-01"}  # fmt: skip
    options = [part for name, value in given.items() if name not in words for part in (name, value)]
    draft = ("waivers", "draft", "-e", site.estate)
    ran = run(site, *draft, *options, *words, code=Exit.USAGE)
    assert said in ran.err
    with open_reader(Places(site.state).ledger) as reader:
        planned = list(reader.events(kinds=("change.planned",)))
    assert not any("because" in str(event.payload) for event in planned)


def test_everything_cannot_be_accepted_without_anybody_of_security(run: Run, site: Site) -> None:
    words = ["waivers", "draft", "-e", site.estate, "--key", "*", "--category", "environment",
             "--reason", "r", "--owner", "o", "--until", "2027-01-01"]  # fmt: skip
    assert "asked for with --key '*'" in run(site, *words, code=Exit.USAGE).err
    ran = run(site, *words, "--everything", code=Exit.REFUSED)
    assert "1 x security" in ran.err


@pytest.mark.parametrize("key", ["sshd.permitrootlogn", "control:nothing", "x" * 300, "a b"])
def test_a_key_that_no_finding_can_have_is_refused(run: Run, site: Site, key: str) -> None:
    words = ["waivers", "draft", "-e", site.estate, "--key", key, "--category", "environment",
             "--reason", "r", "--owner", "o", "--until", "2027-01-01"]  # fmt: skip
    ran = run(site, *words, code=Exit.USAGE)
    assert "is no control, no CVE id and no key of a finding" in ran.err


def exported(run: Run, site: Site, form: str, path: Path, *words: str) -> str:
    ran = run(site, "waivers", "export", "-e", site.estate, "--form", form, "-o", path, *words)
    return ran.err


def rows(file: Path) -> list[Row]:
    """What our own reader makes of a file."""
    return [told for told in read_file(file) if isinstance(told, Row)]


def test_other_tools_get_what_their_form_can_carry_and_are_told_what_not(
    run: Run, site: Site, tmp_path: Path
) -> None:
    file = scanned(tmp_path / "1.xml", h4="fail fail fail", h5="fail pass fail")
    run(site, "findings", "import", file, "-e", site.estate)
    both = ("-l", "h4,h5")
    vex, xml = tmp_path / "vex.json", tmp_path / "tailoring.xml"
    run(site, "waivers", "export", "-e", site.estate, "--form", "openvex", *both, code=Exit.REFUSED)
    for words, key in (
        (("--reason", WRONG, "-l", "h4"), "ssg:of_nobody"),
        (("-l", "h4",), "sshd.permitrootlogin"),
        (("--category", "false_positive", *both), "cve-2024-6387"),
    ):  # fmt: skip
        sign(run, site, draft(run, site, *words, key=key))

    told = exported(run, site, "tailoring", xml, *both)
    assert "h4 control:sshd.permitrootlogin is not carried: it is open on another" in told
    root = ElementTree.fromstring(xml.read_text(encoding="utf-8"))
    space = {"x": "http://checklists.nist.gov/xccdf/1.2"}
    (profile,) = root.findall("x:Profile", space)
    assert profile.get("extends") == PROFILE
    selects = {one.get("idref"): one for one in profile.findall("x:select", space)}
    assert set(selects) == {f"{RULES}of_nobody", f"{RULES}of_a_cve"}
    assert {one.get("selected") for one in selects.values()} == {"false"}
    remark = selects[f"{RULES}of_nobody"].findtext("x:remark", "", space)
    assert "<b>{{ 7*7 }}</b> ]]>" in remark
    assert "Li Si" in remark
    assert "\u2028" not in remark
    exported(run, site, "tailoring", xml, "-l", "h4")
    assert "sshd_disable_root_login" in xml.read_text(encoding="utf-8")

    assert "ssg:of_nobody is not carried: it is no known" in exported(
        run, site, "openvex", vex, *both
    )
    assert {(row.rule, row.result) for row in rows(vex)} == {("CVE-2024-6387", Result.PASS)}
    assert len(rows(vex)) == 2
    exported(run, site, "cyclonedx", vex, *both)
    assert {(row.rule, row.result) for row in rows(vex)} == {("CVE-2024-6387", Result.PASS)}
    exported(run, site, "trivyignore", tmp_path / "i.yaml", *both)
    ignored = YAML(typ="safe").load((tmp_path / "i.yaml").read_text(encoding="utf-8"))
    (entry,) = ignored["vulnerabilities"]
    assert (entry["id"], str(entry["expired_at"])) == ("CVE-2024-6387", "2027-06-30")
    assert "false_positive" in entry["statement"]
