"""XCCDF 1.2 tailoring (NISTIR 7275r4, 6.7): rules that a profile is not to check, each with why.

A tailoring has neither hosts nor an end: it carries a rule only where nothing that the rule found
is open on any of the chosen hosts, and is to be made anew when a waiver ends (the remark says
when). The profile names are those with which the hosts were scanned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from opsbook.domains.hardening.store.model import Sighting
from opsbook.domains.hardening.waivers.export.gathering import (
    STILL_OPEN,
    Exported,
    Gathered,
    Rule,
    Waived,
    last_day,
    remark,
)
from opsbook.model.clock import stamp
from opsbook.model.message import msg

NAMESPACE = "http://checklists.nist.gov/xccdf/1.2"
_SSG = "xccdf_org.ssgproject.content_rule_"
_RULE = re.compile(r"xccdf_[A-Za-z0-9.-]+_rule_[A-Za-z0-9_.-]+")
_PROFILE = re.compile(r"xccdf_[A-Za-z0-9.-]+_profile_([A-Za-z0-9_.-]+)")
_NO_RULE = msg("it was not found by a rule of XCCDF 1.2 within a profile")


def tailoring(gathered: Gathered) -> Exported:
    """The tailoring of all profiles with which the hosts were scanned."""
    made = Exported()
    profiles: dict[str, dict[str, list[str]]] = {}
    for one in gathered.waived:
        rules = one.rules
        places = sorted(set(_places(one, rules)))
        if not places:
            made.leave(one, _NO_RULE)
        elif rules & gathered.open_rules:
            made.leave(one, STILL_OPEN)
        else:
            made.carried += 1
            told = remark(one.accepted, last_day(one.accepted, gathered.estate))
            for profile, rule in places:
                remarks = profiles.setdefault(profile, {}).setdefault(rule, [])
                if told not in remarks:
                    remarks.append(told)
    if profiles:
        made.text = _document(gathered, profiles)
    return made


def _places(one: Waived, rules: frozenset[Rule]) -> Iterator[tuple[str, str]]:
    """(profile, id of the rule) wherever a scanner found it by XCCDF."""
    for sighting in one.finding.sightings:
        rule = _rule(sighting)
        known = (sighting.scanner, sighting.rule) in rules
        if known and _RULE.fullmatch(rule) and _PROFILE.fullmatch(sighting.look.profile):
            yield sighting.look.profile, rule


def _rule(sighting: Sighting) -> str:
    if sighting.scanner == "ssg":
        return _SSG + sighting.rule
    return sighting.rule if sighting.scanner == "xccdf" else ""


def _document(gathered: Gathered, profiles: dict[str, dict[str, list[str]]]) -> str:
    ElementTree.register_namespace("", NAMESPACE)
    name = gathered.estate.name
    root = ElementTree.Element(_tag("Tailoring"), {"id": f"xccdf_opsbook_tailoring_{name}"})
    version = ElementTree.SubElement(root, _tag("version"), {"time": stamp(gathered.at)})
    version.text = "1"
    for profile, rules in sorted(profiles.items()):
        found = _PROFILE.fullmatch(profile)
        short = found[1] if found else ""
        head = {"id": f"xccdf_opsbook_profile_{name}_{short}", "extends": profile}
        element = ElementTree.SubElement(root, _tag("Profile"), head)
        ElementTree.SubElement(element, _tag("title")).text = f"{short} ({name})"
        for rule, remarks in sorted(rules.items()):
            select = {"idref": rule, "selected": "false"}
            chosen = ElementTree.SubElement(element, _tag("select"), select)
            for told in remarks:
                ElementTree.SubElement(chosen, _tag("remark")).text = told
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text + "\n"


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
