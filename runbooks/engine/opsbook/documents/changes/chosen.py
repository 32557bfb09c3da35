"""How the packages of a plan were chosen, where they come from, what they close and take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Grid, Part, Points
from opsbook.documents.changes.foreseen import Foreseen, some
from opsbook.documents.findingwords import SEVERITIES
from opsbook.documents.words import Words, amount, count, rows, size, table, text
from opsbook.model.message import Message, msg

_CHOICES: dict[tuple[str, str], Message] = {
    ("classification", "security"): msg("security updates only"),
    ("classification", "all"): msg("all updates"),
    ("reboot", "never"): msg("never rebooted"),
    ("reboot", "if_needed"): msg("rebooted where needed"),
    ("reboot", "always"): msg("always rebooted"),
    ("restart", "affected"): msg("services concerned are restarted"),
    ("restart", "none"): msg("no service is restarted"),
}


def chosen(plan: Foreseen, words: Words) -> Iterator[Part]:
    """The baseline of each host in words; equal ones once."""
    told = plan.alike(
        (name, words.listed(_baseline(table(host, "given", "baseline"), words)))
        for name, host in plan.hosts
        if table(host, "given", "baseline")
    )
    if told:
        yield Points(words.of(msg("How updates are chosen")), told)


def _baseline(baseline: Mapping[str, Any], words: Words) -> Iterator[str]:
    said = {key: text(value) for key, value in baseline.items()}
    names = {key: words.listed(map(text, rows(value))) for key, value in baseline.items()}
    days = amount(baseline.get("soak_days"))
    for key in ("classification", "reboot", "restart"):
        known = _CHOICES.get((key, said.get(key, "")))
        if known:
            yield words.of(known)
    if said.get("severity", "any") != "any":
        yield words.of(msg("severity at least {severity}",
                           severity=words.word(SEVERITIES, said["severity"])))  # fmt: skip
    if names.get("include"):
        yield words.of(msg("only {packages}", packages=names["include"]))
    if names.get("exclude"):
        yield words.of(msg("without {packages}", packages=names["exclude"]))
    if days is not None:
        yield words.of(msg("soak time {days} days", days=f"{days:.0f}"))
    if names.get("override_cves"):
        yield words.of(msg("not waiting for it: {cves}", cves=names["override_cves"]))


def packages(plan: Foreseen, words: Words) -> Iterator[Part]:
    """Each package with its archive, kind of update, size, and since when it is known."""
    told: dict[tuple[str, ...], None] = {}
    for _, item in plan.items():
        detail = table(item, "detail")
        if detail.get("package") and detail.get("origin"):
            told[_line(detail, words)] = None
    headings = (msg("Package"), msg("Archive"), msg("Kind"), msg("Download"), msg("First seen"))
    if told:
        yield Grid(words.of(msg("Where the packages come from")), [words.of(h) for h in headings],
                   sorted(told), frozenset({3}))  # fmt: skip


def _line(detail: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    label = text(detail.get("label")) or text(detail.get("origin"))
    security = detail.get("security") is True
    return (
        text(detail.get("package")),
        f"{label} {text(detail.get('suite'))}".strip(),
        words.of(msg("security update") if security else msg("other update")),
        size(detail.get("size")),
        _soaked(table(detail, "soak"), words),
    )


def _soaked(soak: Mapping[str, Any], words: Words) -> str:
    """Since when the version is known here, and for which CVEs it need not wait."""
    since = words.moment(soak.get("first_seen"))[:10]
    early = words.listed(map(text, rows(soak.get("overridden"))))
    if since and early:
        return words.noted(since, words.of(msg("before its soak time, for {cves}", cves=early)))
    return since or "–"


def closed(plan: Foreseen, words: Words, most: int | None) -> Iterator[Part]:
    """Vulnerabilities that the same packages close on as many hosts stand together.

    Of more than ``most`` in one place the rest is counted.
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, level, by, hosts in plan.cves():
        groups.setdefault((level, words.listed(by), count(len(hosts))), []).append(name)
    ranks = {level: rank for rank, level in enumerate(SEVERITIES)}
    told = [
        [some(names, words, most or len(names)), words.word(SEVERITIES, level) or "–", by, hosts]
        for (level, by, hosts), names in sorted(
            groups.items(), key=lambda group: (ranks.get(group[0][0], len(ranks)), group[0])
        )
    ]
    headings = (msg("Vulnerability"), msg("Severity"), msg("Closed by"), msg("Number of hosts"))
    if told:
        yield Grid(words.of(msg("Vulnerabilities closed")), [words.of(h) for h in headings], told,
                   frozenset({3}))  # fmt: skip


def room(plan: Foreseen, words: Words) -> str:
    """What the host that needs most has to fetch, and what stays on its disk."""
    fetched: dict[str, float] = {}
    kept: dict[str, float] = {}
    for host, item in plan.items():
        detail = table(item, "detail")
        fetched[host] = fetched.get(host, 0) + (amount(detail.get("size")) or 0)
        kept[host] = kept.get(host, 0) + (amount(detail.get("installed_delta")) or 0)
    most = max(fetched.values(), default=0)
    if not most:
        return ""
    return words.of(
        msg("at most {fetched} to fetch on a host, {kept} more on its disk afterwards",
            fetched=size(most), kept=size(max(0, *kept.values())))
    )  # fmt: skip
