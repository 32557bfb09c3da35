"""Versions, changelogs and the security tracker; hostile ones, too."""

from __future__ import annotations

import gzip
import json
import lzma
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.clock import START
from doubles.patching import Scene, candidate, survey
from opsbook.domains.patching.knowledge.changelog import (
    closed_between,
    cve_ids,
    read_changelog,
)
from opsbook.domains.patching.knowledge.fixes import Known
from opsbook.domains.patching.knowledge.importing import import_tracker
from opsbook.domains.patching.knowledge.tracker import Tracked, read_tracker
from opsbook.domains.patching.versions import compare, is_version
from opsbook.model import jsonstream, jsonwindow
from opsbook.model.errors import InputFault, Refused

RPM = [
    ("1.0~rc1-1", "1.0-1", -1), ("1.0^git1-1", "1.0-1", 1), ("1:1-1", "2-1", 1),
    ("1.0a", "1.0", 1), ("1.fc4", "1.1", -1), ("10xyz", "10.1xyz", -1), ("1.0^", "1.0.1", -1),
    ("5.5p10", "5.5p1", 1), ("2_0", "2.0", 0), ("1.0~rc1^git1", "1.0~rc1", 1),
    ("1.1.1k-14.el8_6", "1.1.1k-14.el8", 1), ("0:1-1", "1-1", 0), ("1.05-1", "1.5-1", 0),
    ("4.18.0-553.16.1.el8_10", "4.18.0-553.8.1.el8_10", 1),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "order"), RPM)
def test_rpm_versions_compare_as_rpm_does(one: str, other: str, order: int) -> None:
    assert compare(one, other, "rpm") == order
    assert compare(other, one, "rpm") == -order


@pytest.mark.parametrize("text", ["", "-1", "1-", "a", "1 2", "1\n", "x:1", "1:", "1" * 300, "1/2"])
def test_what_is_no_version_is_said_to_be_none(text: str) -> None:
    assert not is_version(text, "deb")
    with pytest.raises(ValueError, match="version"):
        compare(text, "1-1", "deb")


CHANGELOG = """\
openssl (3.0.17-1~deb12u2) bookworm-security; urgency=high

  * Fix CVE-2026-22222 and cve-2026-111111. Closes: #1

 -- Someone <x@y>  Fri, 20 Nov 2026 10:00:00 +0000

openssl (3.0.17-1~deb12u1) bookworm; urgency=medium

  * Mentions XCVE-2026-9999 and CVE-2026-99999999, which are none
    - CVE-2025-4444: a thing

other (9-9) x; urgency=low
  * CVE-2020-0001
openssl (3.0.16-1) bookworm; urgency=medium
  * CVE-2024-5555
"""
RPMLOG = """\
* Fri Nov 20 2026 Some One <x@y> - 1:3.0.7-28
- fix CVE-2026-22222
* Mon Nov 02 2026 Some One <x@y> 1:3.0.7-27
- fix CVE-2025-4444
"""


@pytest.mark.parametrize(("before", "after", "ids"), [
    ("3.0.16-1", "3.0.17-1~deb12u2", ("CVE-2025-4444", "CVE-2026-22222", "CVE-2026-111111")),
    ("3.0.16-1", "3.0.17-1~deb12u1", ("CVE-2025-4444",)),
    ("3.0.17-1~deb12u2", "3.0.17-1~deb12u2", ()),
    ("3.0.18-1", "3.0.17-1~deb12u2", ()),
    ("nonsense here", "3.0.17-1~deb12u2", ()),
])  # fmt: skip
def test_only_ids_between_the_two_versions_count(before: str, after: str, ids: Any) -> None:
    entries = read_changelog(CHANGELOG, "openssl", "deb")
    assert closed_between(entries, before, after, "deb") == ids


def test_an_rpm_changelog_is_read_as_well() -> None:
    entries = read_changelog(RPMLOG, "openssl", "rpm")
    assert closed_between(entries, "3.0.7-27.el9_4", "3.0.7-28.el9_4", "rpm") == (
        "CVE-2026-22222",
    )  # fmt: skip
    assert closed_between(entries, "1:3.0.7-27", "1:3.0.7-28", "rpm") == ("CVE-2026-22222",)
    assert closed_between(entries, "1:3.0.7-26", "1:3.0.7-28", "rpm") == (
        "CVE-2025-4444", "CVE-2026-22222",
    )  # fmt: skip


@given(st.text(max_size=2000), st.sampled_from(["deb", "rpm"]))
def test_any_text_can_be_read_as_a_changelog(text: str, family: Any) -> None:
    for version, ids in read_changelog(text, "openssl", family):
        assert version
        assert all(one in cve_ids(one) for one in ids)


def test_a_huge_changelog_costs_little() -> None:
    bomb = "openssl (" * 200_000 + "\n" + ("* " + "-" * 500 + "\n") * 2000
    read_changelog(bomb, "openssl", "deb")
    read_changelog(bomb, "openssl", "rpm")
    assert len(cve_ids(" ".join(f"CVE-2020-{n:05}" for n in range(100_000)))) == 2000


FACTS = [
    Tracked("openssl", "bookworm", "CVE-2026-0001", "3.0.17-1", "high"),
    Tracked("openssl", "bookworm", "CVE-2026-0002", "3.0.18-1", "low"),
    Tracked("openssl", "bookworm", "CVE-2026-0003", "", "medium"),
    Tracked("openssl", "bookworm", "CVE-2026-0004", "0", "high"),
    Tracked("openssl", "bookworm", "CVE-2026-0005", "3.0.10-1", "not yet assigned"),
    Tracked("openssl", "bookworm", "CVE-2026-0006", "not a version", "high"),
]


def test_the_tracker_counts_by_suite_and_source_version() -> None:
    entries = (("3.0.17-1", ("CVE-2026-0001", "CVE-2026-0003", "CVE-2026-0007")),)
    known = Known({"bookworm": {"openssl": FACTS}}, {("deb", "openssl", "3.0.17-1"): entries})
    found = known.fixes("bookworm", "openssl", "3.0.16-1", "3.0.17-1", "deb")
    assert [(fix.cve, fix.severity, fix.by) for fix in found] == [
        ("CVE-2026-0001", "high", ("changelog", "tracker")),
        ("CVE-2026-0003", "medium", ("changelog",)),
        ("CVE-2026-0007", "", ("changelog",)),
    ]
    assert known.fixes("trixie", "openssl", "3.0.16-1", "3.0.16-2", "deb") == ()


def tracker(path: Path, data: Any) -> Path:
    text = data if isinstance(data, str) else json.dumps(data)
    raw = text.encode("utf-8", "surrogatepass")
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(raw))
    return path


def release(status: str = "resolved", **more: str) -> dict[str, str]:
    return {"status": status, "fixed_version": "1-2", "urgency": "high"} | more


SMALL = {
    "openssl": {
        "CVE-2026-0001": {
            "description": 'a "quoted {brace" é 中',
            "releases": {"bookworm": release(), "sid": release("open")},
        },
        "TEMP-123": {"releases": {"bookworm": release()}},
    },
    "vim": {},
}


@pytest.mark.parametrize("name", ["t.json", "t.json.gz", "t.json.xz"])
def test_a_tracker_is_read_plain_and_packed(name: str, tmp_path: Path) -> None:
    assert list(read_tracker(tracker(tmp_path / name, SMALL))) == [
        Tracked("openssl", "bookworm", "CVE-2026-0001", "1-2", "high"),
        Tracked("openssl", "sid", "CVE-2026-0001", "", "high"),
    ]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_it_does_not_matter_where_reading_was_cut(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(read_tracker(tracker(tmp_path / "t.json", SMALL)))
    monkeypatch.setattr(jsonwindow, "_CHUNK", chunk)
    assert list(read_tracker(tmp_path / "t.json")) == whole


HOSTILE: dict[str, Any] = {
    "empty": "", "a list": [], "a number": "1", "cut": json.dumps(SMALL)[:-9],
    "no value": '{"a"', "more behind": "{} {}", "comma": '{"a": {},}', "no object": '{"a": 1}',
    "deep": '{"a": ' + '{"a": ' * 5000, "deep list": '{"a": {"b": ' + "[" * 5000,
    "endless name": '{"' + "a" * 3_000_000, "not UTF-8": b"\xff\xfe{}", "nothing in it": {},
    "only other things": {"a": {"b": 1}}, "bad escape": '{"\\x": {}}',
}  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_tracker_is_refused_and_the_old_one_stays(data: Any, tmp_path: Path) -> None:
    scene = Scene(tmp_path / "state")
    take(scene, tracker(tmp_path / "good.json", SMALL))
    bad = tmp_path / "bad.json"
    bad.write_bytes(data) if isinstance(data, bytes) else tracker(bad, data)
    with pytest.raises(InputFault):
        take(scene, bad)
    assert [extract.name for extract in scene.knowledge.extracts()] == ["good.json"]
    assert len(scene.knowledge.tracked("bookworm", ["openssl"])["openssl"]) == 1


@pytest.mark.parametrize("name", ["t.gz", "t.xz"])
def test_a_damaged_packed_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tracker(tmp_path / name, SMALL)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputFault):
        list(read_tracker(path))


def test_a_bomb_is_refused_before_it_fills_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonstream, "MOST_CHARACTERS", 8 * 2**20)
    monkeypatch.setattr(jsonstream, "MOST_OF_ONE_MEMBER", 2 * 2**20)
    for text in (" " * 16_000_000, '{"a": {"b": "' + "x" * 6_000_000):
        with pytest.raises(InputFault, match="too large"):
            list(read_tracker(tracker(tmp_path / "bomb.gz", text)))


def test_strange_facts_are_passed_over(tmp_path: Path) -> None:
    data = {
        "../x": {"CVE-2026-0001": {"releases": {"bookworm": release()}}},
        "a": {"CVE-2026-0001": [], "CVE-2026-0002": {"releases": []},
              "CVE-2026-0003": {"releases": {"../": release(), "bookworm": 1}},
              "CVE-2026-0004": {"releases": {"bookworm": {"fixed_version": [1], "urgency": {},
                                                          "status": "resolved"}}}},
    }  # fmt: skip
    assert list(read_tracker(tracker(tmp_path / "t.json", data))) == [
        Tracked("a", "bookworm", "CVE-2026-0004", "", "")
    ]


def take(scene: Scene, path: Path, **more: Any) -> Any:
    os.utime(path, (START.timestamp(), START.timestamp()))
    return import_tracker(
        path, store=scene.knowledge, ledger=scene.ledger, now=scene.clock.now(), **more
    )


def test_an_import_is_in_the_ledger_with_its_digest(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    path = tracker(tmp_path / "t.json", SMALL)
    extract = take(scene, path)
    (event,) = scene.ledger.events(kinds=("patching.tracker_imported",))
    assert (event.payload or {})["sha256"] == extract.sha256
    assert (extract.facts, extract.suites) == (2, ("bookworm", "sid"))
    assert take(scene, path, sha256="sha256:" + extract.sha256.upper()[:64]).in_force
    assert [one.in_force for one in scene.knowledge.extracts()] == [False, True]


@pytest.mark.parametrize("wanted", ["", "xyz", "0" * 63, "0" * 64])
def test_another_digest_is_refused(wanted: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with pytest.raises(InputFault):
        take(scene, tracker(tmp_path / "t.json", SMALL), sha256=wanted)
    assert scene.knowledge.extracts() == []


def test_an_older_extract_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    path = tracker(tmp_path / "t.json", SMALL)
    take(scene, path)
    with pytest.raises(Refused):
        take(scene, path, made=START - timedelta(days=1))
    future = take(scene, path, made=datetime(2199, 1, 1, tzinfo=UTC))
    assert future.made == scene.clock.now()


def answer(source: str, version: str, text: str) -> dict[str, Any]:
    row = {"source": source, "source_version": version, "text": text}
    return {"schema": "opsbook.patching-changelogs/1", "changelogs": [row]}


OPENSSL = candidate("openssl", "3.0.16-1", "3.0.17-1~deb12u2", size=900)
LIBSSL = candidate("libssl3", "3.0.16-1", "3.0.17-1~deb12u2", source="openssl", size=100)


def test_one_host_is_asked_once_per_source_version_and_never_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    hosts: dict[str, dict[str, Any]] = {f"web{n}": {} for n in range(20)}
    surveys = {host: survey(OPENSSL, LIBSSL, candidate("vim", "9-1", "9-2")) for host in hosts}
    job = scene.job(hosts)
    asked = scene.planner.asks(surveys, job)
    rows = {host: found["packages"] for host, found in asked.items()}
    assert sorted(row["package"] for found in rows.values() for row in found) == ["libssl3", "vim"]
    assert [len(found) for found in rows.values()] == [1, 1]
    answers = {
        host: answer(found[0]["source"], found[0]["source_version"], CHANGELOG)
        for host, found in rows.items()
    }
    scene.planner.learn(answers, job)
    assert scene.planner.asks(surveys, job) == {}
    plan = scene.planner.settle(surveys, job)["web7"]
    cves = {item.detail["package"]: item.detail["cves"] for item in plan.items}  # type: ignore[union-attr]
    assert cves["openssl"][0]["id"] == "CVE-2025-4444"
    assert cves["vim"] == []


def test_a_package_that_was_only_rebuilt_is_not_asked_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    rebuilt = candidate("vim", "9-1", "9-1+b1", source_version="9-1", from_source_version="9-1")
    assert scene.planner.asks({"web1": survey(rebuilt)}, scene.job({"web1": {}})) == {}


def test_a_host_can_only_answer_what_it_was_asked(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    job = scene.job({"web1": {}})
    scene.planner.asks({"web1": survey(OPENSSL)}, job)
    scene.planner.learn({"web1": answer("vim", "9-2", CHANGELOG), "web2": {}}, job)
    scene.planner.learn({"web1": {"schema": "x"}}, job)
    scene.planner.learn({"web1": answer("openssl", "3.0.17-1~deb12u2", 7)}, job)  # type: ignore[arg-type]
    wanted = [("vim", "9-2"), ("openssl", "3.0.17-1~deb12u2")]
    assert scene.knowledge.changelogs("deb", wanted) == {}


def test_a_missing_changelog_is_asked_for_again_after_a_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    job, surveys = scene.job({"web1": {}}), {"web1": survey(OPENSSL)}
    scene.planner.asks(surveys, job)
    row = {"source": "openssl", "source_version": "3.0.17-1~deb12u2", "why": "no network"}
    missing = {"schema": "opsbook.patching-changelogs/1", "changelogs": [], "missing": [row]}
    scene.planner.learn({"web1": missing}, job)
    assert scene.planner.asks(surveys, job) == {}
    scene.clock.advance(86401)
    assert scene.planner.asks(surveys, job) != {}
    entries = read_changelog(CHANGELOG, "openssl", "deb")
    scene.knowledge.keep_changelogs("deb", {("openssl", "3.0.17-1~deb12u2"): entries})
    assert scene.planner.asks(surveys, job) == {}


def test_knowledge_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.plan(survey(OPENSSL))
    file = tmp_path / "patching" / "knowledge.db"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"x" * 5000)
    with pytest.raises(InputFault, match="cannot be used"):
        scene.knowledge.extracts()
