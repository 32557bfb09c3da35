"""Why what was found remains: residual, or something that the plan told beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from opsbook.documents.rectification import render_rectification
from opsbook.domains.hardening.proof.history import done_on_hosts
from opsbook.domains.hardening.proof.judging import prove_host
from opsbook.domains.hardening.proof.model import (
    Done,
    HostProof,
    Left,
    Outcome,
    PlanAside,
    Proven,
)
from opsbook.domains.hardening.proof.rectification import About, rectification
from opsbook.domains.hardening.waivers.port import NoWaivers
from opsbook.model.estate import FindingsPolicy
from opsbook.model.message import msg
from support.proofs import BEGUN, ENDED, NOW, told

FAILS = [{"when": "before", "result": "fail"}, {"when": "after", "result": "fail"}]
CLOSED = [{"when": "before", "result": "fail"}, {"when": "after", "result": "pass"}]
CHANGE = "CHG-20261120-001"


def aside(kind: str) -> PlanAside:
    return PlanAside(kind, msg("as the plan said: {kind}", kind=kind))


def work(
    worked: Mapping[str, str] | None = None,
    asides: Mapping[str, str] | None = None,
    outcome: str = "changed",
) -> Done:
    """``worked``: control -> what its check saw at the end; ``asides``: key -> kind."""
    worked, asides = (worked if worked and outcome == "changed" else {}), asides or {}
    return Done(
        BEGUN, ENDED,
        by={f"control:{name}": CHANGE for name in worked},
        verdicts={name: {"result": result, "observed": "0644"} for name, result in worked.items()},
        asides={key: aside(kind) for key, kind in asides.items()},
        outcome=outcome,
    )  # fmt: skip


def proof(done: Done, keys: Mapping[str, Any]) -> HostProof:
    """All ``keys`` are seen by one rule of one scanner."""
    made = {key: told(looks, key) for key, looks in keys.items()}
    _, looks = next(iter(made.values()))
    return prove_host("web1", [one for one, _ in made.values()], looks, done, NoWaivers(), NOW)


def proven(done: Done, keys: Mapping[str, Any]) -> dict[str, Proven]:
    return {one.finding.key: one for one in proof(done, keys).proven}


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("not_applicable", Left.NOT_APPLICABLE),
        ("excluded", Left.CHOSEN_OTHERWISE),
        ("other_choice", Left.CHOSEN_OTHERWISE),
        ("asked", Left.MANUAL),
        ("by_hand", Left.MANUAL),
        ("lockout", Left.MANUAL),
        ("cannot", Left.RESIDUAL),
        ("no_effect", Left.RESIDUAL),
        ("a word of another version", Left.RESIDUAL),
    ],
)
def test_what_the_plan_said_tells_why_it_remains(kind: str, left: Left) -> None:
    (one,) = proven(work(asides={"control:a": kind}), {"control:a": FAILS}).values()
    assert one.remains is not None
    assert (one.remains.left, one.remains.reason) == (left, aside(kind).reason)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (work({"a": "pass"}), "its own check passes, and ssg r fails"),
        (work({"a": "fail"}), "still not as it should be: 0644"),
        (replace(work({"a": "fail"}), reboots=frozenset({"a"})), "only after the next reboot"),
        (work({"a": "pass"}, outcome="failed"), "does not stand: failed"),
        (work({"b": "pass"}), "the plan did not know of it"),
    ],
)
def test_what_a_change_could_not_close_is_residual_with_its_reason(done: Done, words: str) -> None:
    (one,) = proven(done, {"control:a": FAILS}).values()
    assert one.remains is not None
    assert one.remains.left is Left.RESIDUAL
    assert words in one.remains.reason.english()


def test_a_rule_that_sums_several_names_the_controls_still_open() -> None:
    done = work({"a": "pass"}, {"control:b": "not_applicable", "control:c": "as_wanted"})
    found = proven(done, dict.fromkeys(("control:a", "control:b", "control:c"), FAILS))
    left = {key: one.remains.left for key, one in found.items() if one.remains}
    assert left == {"control:a": Left.PARTLY, "control:b": Left.NOT_APPLICABLE,
                    "control:c": Left.PARTLY}  # fmt: skip
    why = found["control:a"].remains
    assert why is not None
    assert why.waiting == ("b",)
    assert "ssg r sums several and waits for b" in why.reason.english()


def test_this_plan_s_word_counts_more_than_what_another_change_did_before() -> None:
    done = replace(work(asides={"control:a": "not_applicable"}), by={"control:a": "CHG-1"})
    (one,) = proven(done, {"control:a": FAILS}).values()
    assert one.remains is not None
    assert one.remains.left is Left.NOT_APPLICABLE


def test_what_was_as_wanted_when_planned_and_fails_at_the_end_says_what_was_seen() -> None:
    done = work({"a": "fail"}, {"control:a": "as_wanted"})
    (one,) = proven(done, {"control:a": FAILS}).values()
    assert one.remains is not None
    assert "still not as it should be: 0644" in one.remains.reason.english()


def test_our_own_later_scan_counts_more_than_what_the_change_saw() -> None:
    own = {"when": "after", "format": "opsbook", "scanner": "opsbook", "result": "fail"}
    keys = {"control:a": [*FAILS, own], "control:b": FAILS}
    found = proven(work({"a": "pass"}, {"control:b": "by_hand"}), keys)
    assert found["control:a"].remains is not None
    assert found["control:a"].remains.left is Left.RESIDUAL


def test_what_one_rule_closed_together_is_fixed_and_not_a_riddle() -> None:
    done = work({"a": "pass"}, {"control:b": "as_wanted"})
    found = proven(done, {"control:a": CLOSED, "control:b": CLOSED})
    assert {(one.outcome, one.by) for one in found.values()} == {(Outcome.FIXED, CHANGE)}


def test_findings_without_a_control_are_left_to_people_by_what_the_plan_said() -> None:
    asides = {"cve": "cve", "more": "not_covered", "nessus:1": "not_covered"}
    done = work(asides=asides)
    found = proven(done, dict.fromkeys(("cve:CVE-2024-1", "nessus:1", "nessus:2"), FAILS))
    assert {one.remains.left for one in found.values() if one.remains} == {Left.MANUAL}


def test_asides_and_reboots_are_read_from_the_plan_whatever_their_shape() -> None:
    reason = msg("a container has no kernel of its own").to_json()
    given = {"manual": [{"key": "m", "kind": "by_hand", "reason": reason}, "strange", {"key": 7}],
             "left_out": [{"key": "n", "kind": "not_applicable", "reason": reason},
                          {"key": "m", "kind": "excluded"}]}  # fmt: skip
    items = [{"key": "control:r#1", "detail": {"control": "r", "reboot": True}}]
    plan = {"host_plans": {"web1": {"items": items, "given": given}}}
    moment = {"utc": "2026-11-21T02:00:00.000000Z"}
    record = {"phase": "apply", "hosts": [{"name": "web1", "outcome": "changed"}],
              "when": {"opened": moment, "closed": moment}}  # fmt: skip
    done = done_on_hosts({"change": CHANGE, "plan": plan}, [record])["web1"]
    kinds = {key: one.kind for key, one in done.asides.items() if key.startswith("control:")}
    assert kinds == {"control:m": "by_hand", "control:n": "not_applicable", "control:7": ""}
    assert done.asides["control:n"].reason.english() == "a container has no kernel of its own"
    assert done.by_hand == {"m", "control:m", "7", "control:7"}
    assert done.reboots == {"r"}


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ["residual 1", "remaining (residual): 1", "remaining (done, its rule waits for"]),
     ("zh", ["残留 1", "不适用 1"])],
)  # fmt: skip
def test_a_reader_sees_at_one_look_what_is_residual(lang: Any, words: list[str]) -> None:
    done = work({"a": "pass", "d": "fail"}, {"control:b": "not_applicable"})
    keys = dict.fromkeys(("control:a", "control:b", "control:d"), FAILS)
    data = rectification(About({}, [proof(done, keys)], FindingsPolicy(), {}, NOW))
    assert data["numbers"]["left"] == {"residual": 1, "partly": 1, "manual": 0,
                                       "chosen_otherwise": 0, "not_applicable": 1}  # fmt: skip
    text = render_rectification(data, "text", lang, width=200)
    assert all(word in text for word in words), text
