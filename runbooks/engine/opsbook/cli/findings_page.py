"""Pages of findings on a terminal: what an import brought, one finding with all its evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.calendars.wallclock import shown
from opsbook.cli.findings_common import CREDENTIALED, STATES
from opsbook.cli.findings_reasons import reason
from opsbook.cli.words import listed, word
from opsbook.documents.blocks import (
    Block,
    Commands,
    Facts,
    Grid,
    Heading,
    Page,
    Part,
    Points,
    Prose,
)
from opsbook.documents.changes.labels import CATEGORIES
from opsbook.documents.findingwords import RESULTS, SEVERITIES
from opsbook.documents.terminal import columns, lay_out
from opsbook.documents.words import Words
from opsbook.domains.hardening.store.keeping import moment_told
from opsbook.domains.hardening.store.matching import telling
from opsbook.domains.hardening.store.model import Finding, Sighting
from opsbook.model.estate import Estate
from opsbook.text import current, tr, translate

MOST_STRANGERS = 20
"""Hosts that were not matched are named on the page up to this number; JSON has more."""
_MOST_SCANS = 10
_MOST_NAMES = 6


def print_page(page: Page, estate: Estate) -> None:
    """Lay ``page`` out for this terminal."""
    print(lay_out(page, Words(current(), estate.zone), columns()))


def import_page(told: Mapping[str, Any], estate: Estate) -> Page:
    """What one file brought: ``told`` is the payload of its event."""
    rows, hosts, findings = told["rows"], told["hosts"], told["findings"]
    unreadable = told["unreadable"]
    total = sum(rows["results"].values())
    return Page(
        language=current(),
        title=told["file"],
        number=tr("Import"),
        estate=estate.name,
        result=tr(
            "Rows: {rows}. Hosts: {hosts}."
            " Findings: {new} new, {again} as before, {closed} closed.",
            rows=f"{total:,}", hosts=hosts["matched"] + hosts["not_matched"],
            new=f"{findings['new']:,}", again=f"{findings['again']:,}",
            closed=f"{findings['closed']:,}",
        ),
        good=not unreadable and not hosts["not_matched"],
        facts=[("SHA-256", told["sha256"])],
        parts=[
            *_scans(told["scans"], estate),
            _counts(tr("Rows"), rows["results"], RESULTS),
            _counts(tr("Failures by severity"), rows["failed"], SEVERITIES),
            *_hosts(hosts),
            *_unreadable(unreadable),
        ],
    )  # fmt: skip


def _scans(scans: Mapping[str, Any], estate: Estate) -> Iterator[Part]:
    for scan in scans["each"][:_MOST_SCANS]:
        yield Facts(scan["file"] or tr("Scan"), list(_scan(scan, estate)))
    more = scans["number"] - min(len(scans["each"]), _MOST_SCANS)
    if more > 0:
        yield Prose("", tr("and {number} scans more; --json has them.", number=more))


def _scan(scan: Mapping[str, Any], estate: Estate) -> Iterator[tuple[str, str]]:
    yield tr("format"), scan["format"]
    yield tr("tool"), _both(scan["tool"], scan["tool_version"])
    yield tr("content"), _both(scan["content"], scan["content_version"]) or tr("not told")
    if scan["profile"]:
        yield tr("profile"), scan["profile"]
    yield tr("scanned"), _when(scan["ended"] or scan["started"], estate)
    yield tr("with credentials"), _rights(scan)


def _when(told: str, estate: Estate) -> str:
    moment = moment_told(told, estate.zone)
    return shown(moment, estate.zone) if moment else told or tr("not told")


def _rights(scan: Mapping[str, Any]) -> str:
    yes, no = scan["hosts_credentialed"], scan["hosts_not_credentialed"]
    if yes or no:
        return tr("yes on {yes} hosts, no on {no}", yes=yes, no=no)
    return word(CREDENTIALED, scan["credentialed"])


def _both(name: str, version: str) -> str:
    return " ".join(filter(None, (name, version)))


def _counts(title: str, numbers: Mapping[str, int], words: Mapping[str, Any]) -> Part:
    told = [(word(words, name), f"{numbers[name]:,}") for name in words if numbers.get(name)]
    return Facts(title, told) if told else Prose(title, tr("none"))


def _hosts(hosts: Mapping[str, Any]) -> Iterator[Part]:
    names = hosts["names"][:MOST_STRANGERS]
    more = hosts["matched"] - len(names)
    text = listed(names) + (tr(", and {number} more", number=more) if more > 0 else "")
    yield Prose(tr("Hosts of the inventory: {number}", number=hosts["matched"]), text or tr("none"))
    if hosts["not_matched"]:
        yield from _strangers(hosts)


def _strangers(hosts: Mapping[str, Any]) -> Iterator[Part]:
    """What the scanner calls them, and the line by which the inventory would know them."""
    shown_hosts = hosts["unknown"][:MOST_STRANGERS]
    more = hosts["not_matched"] - len(shown_hosts)
    yield Points(
        tr("Hosts that no host of the inventory is: {number}", number=hosts["not_matched"]),
        [(one["host"], _stranger(one)) for one in shown_hosts],
        strong=True,
    )
    if more > 0:
        yield Prose("", tr("and {number} more; opsbook findings hosts lists them.", number=more))
    yield Commands(
        tr("If a host of yours is meant, give it the name in its host_vars"),
        [(naming_line(one), "") for one in shown_hosts],
    )


def naming_line(host: Mapping[str, Any]) -> str:
    """``opsbook_names: [...]`` as YAML; every text in it is quoted as JSON, which YAML reads. What
    Ansible would take for a template is never offered: it is to be put among its variables.
    """
    told = [one for one in telling(host["names"], host["addresses"]) if "{" not in one][:1]
    if not told:
        return tr("(the file does not say which host it is; import it with --host)")
    return "opsbook_names: " + json.dumps(told, ensure_ascii=True)


def _stranger(host: Mapping[str, Any]) -> str:
    names = [name for name in (*host["names"], *host["addresses"]) if name != host["host"]]
    text = listed(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")
    if host["several"]:
        could = tr("could be {hosts}", hosts=listed(host["several"]))
        return tr("; ").join(filter(None, (text, could)))
    return text or tr("not in the inventory")


def _unreadable(unreadable: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    if unreadable:
        yield Points(
            tr("Could not be read"),
            [
                (f"{one['number']:,} × {translate(reason(one['why']))}", _where(one))
                for one in unreadable
            ],
            strong=True,
        )


def _where(one: Mapping[str, Any]) -> str:
    first = tr("first at {place}", place=one["where"]) if one["where"] else ""
    rest = tr("nothing behind it was read") if one["ends"] else ""
    return tr("; ").join(filter(None, (first, rest)))


def finding_page(finding: Finding, estate: Estate) -> Page:
    """One finding: what each scanner says of it now, side by side, and what was said before."""
    newest = {(one.scanner, one.rule, one.location): one for one in finding.sightings}
    return Page(
        language=current(),
        title=finding.title,
        number=finding.host,
        estate=estate.name,
        result=tr(
            "{state}, severity {severity}", state=word(STATES, finding.state),
            severity=word(SEVERITIES, finding.severity),
        ),
        good=finding.state in ("fixed", "noted"),
        facts=list(_facts(finding, estate)),
        parts=[
            *(part for one in newest.values() for part in _evidence(one, estate)),
            Grid(tr("Everything that was said of it, oldest first"), _history(),
                 [_line(one, estate) for one in finding.sightings]),
        ],
    )  # fmt: skip


def _facts(finding: Finding, estate: Estate) -> Iterator[tuple[str, str]]:
    yield tr("finding"), finding.key
    if finding.location:
        yield tr("location"), finding.location
    if not finding.known:
        yield tr("host"), tr("{host}, as the scanner calls it; not in the inventory",
                             host=finding.host)  # fmt: skip
    yield tr("first seen"), shown(finding.first_seen, estate.zone)
    yield tr("last seen"), shown(finding.last_seen, estate.zone)
    yield from _accepted(finding, estate)
    ids = finding.ids
    told = (*ids.cve, *ids.cnvd, *ids.cnnvd, *ids.cncve, *ids.cce, *ids.other)
    if told:
        yield tr("identifiers"), listed(told)


def _accepted(finding: Finding, estate: Estate) -> Iterator[tuple[str, str]]:
    """By which waiver it is accepted; or was, since when it is open again, and why."""
    one = finding.accepted
    if one is None:
        return
    until = shown(one.until, estate.zone)
    if one.why is None:
        yield tr("waived by"), tr("{change} until {until}", change=one.change, until=until)
    else:
        over = shown(one.over, estate.zone) if one.over else ""
        why = translate(one.why)
        yield tr("open again"), _both(tr("{change}: {reason}", change=one.change, reason=why), over)
    yield tr("category"), word(CATEGORIES, one.category)
    yield tr("why"), one.reason
    yield tr("owner"), one.owner
    if one.compensating:
        yield tr("done instead"), one.compensating


def _evidence(one: Sighting, estate: Estate) -> Iterator[Part]:
    yield Heading(f"{one.scanner} {one.rule}")
    yield Facts("", list(_about(one, estate)))
    if one.evidence:
        yield Block(tr("Evidence"), one.evidence)
    if one.remedy:
        yield Block(tr("What the scanner advises"), one.remedy)


def _about(one: Sighting, estate: Estate) -> Iterator[tuple[str, str]]:
    yield tr("says"), listed([word(RESULTS, one.result), word(SEVERITIES, one.severity)])
    if one.told:
        yield tr("in its own words"), one.told
    if one.title:
        yield tr("title"), one.title
    if one.location:
        yield tr("location"), one.location
    if one.package:
        version = " -> ".join(filter(None, (one.installed, one.fixed)))
        yield tr("package"), _both(one.package, version)
    yield tr("scanned"), shown(one.look.at, estate.zone)
    yield tr("with credentials"), word(CREDENTIALED, one.look.credentialed)
    yield from sorted(one.more.items())


def _history() -> tuple[str, ...]:
    return (tr("scanned"), tr("scanner"), tr("result"), tr("severity"), tr("content"), tr("file"))


def _line(one: Sighting, estate: Estate) -> tuple[str, ...]:
    return (
        shown(one.look.at, estate.zone),
        f"{one.scanner} {one.rule}",
        word(RESULTS, one.result),
        word(SEVERITIES, one.severity),
        _both(one.look.content, one.look.content_version),
        one.look.file,
    )
