"""The view of a record as a page of blocks, for terminals; HTML and Markdown have templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsbook.documents.blocks import (
    Block,
    Commands,
    Facts,
    Grid,
    Page,
    Part,
    Points,
    Prose,
)


def record_page(shown: Mapping[str, Any]) -> Page:
    """``shown`` is what :func:`opsbook.documents.view.view` tells of a record."""
    label = shown["label"]
    parts: list[Part] = [
        Points(label["attention"], _points(shown), empty=label["nothing"], strong=True),
        *_hosts(shown),
        *_tables(shown),
        *_logs(shown),
        *_about(shown),
    ]
    parts += [Block(f"{label['other_evidence']} {host}", json) for host, json in shown["raw"]]
    parts += [
        Facts(label["proof"], shown["proof"], code=True),
        Commands(label["check_yourself"], shown["checks"]),
    ]
    return Page(
        shown["language"],
        label["title"],
        shown["run"],
        shown["estate"],
        shown["result"],
        shown["good"] and not shown["attention"],
        shown["facts"],
        [(word, number) for _, word, number in shown["counts"]],
        parts,
        shown["footer"],
    )


def _points(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(entry["where"], entry["what"]) for entry in shown["attention"]]


def _hosts(shown: Mapping[str, Any]) -> list[Part]:
    label = shown["label"]
    headings = [label[name] for name in ("host", "outcome", "reason", "verified_host", "duration")]
    rows = [
        [host[name] for name in ("name", "outcome", "reason", "verification", "seconds")]
        for host in shown["hosts"]
    ]
    return [Grid(label["hosts"], headings, rows, frozenset({3, 4}))] if rows else []


def _tables(shown: Mapping[str, Any]) -> list[Part]:
    return [
        Grid(table["title"], table["headings"], table["rows"], frozenset(table["figures"]))
        for table in shown["tables"]
    ]


def _logs(shown: Mapping[str, Any]) -> list[Part]:
    label = shown["label"]
    names = ("source", "new_bytes", "lines", "span", "completeness", "gaps")
    rows = [
        [night["host"], source["source"], source["bytes"], source["lines"],
         " ".join(source["span"]), source["completeness"], source["gaps"]]
        for night in shown["logs"]
        for source in night["sources"]
    ]  # fmt: skip
    parts: list[Part] = []
    if rows:
        headings = [label["host"], *(label[name] for name in names)]
        parts.append(Grid(label["logs"], headings, rows, frozenset({2, 3, 5})))
    if shown["skipped"]:
        headings = [label["host"], label["path"], label["why"]]
        parts.append(Grid(label["skipped"], headings, shown["skipped"]))
    return parts


def _about(shown: Mapping[str, Any]) -> list[Part]:
    label = shown["label"]
    parts: list[Part] = []
    if shown["history"]:
        parts.append(Facts(label["history"], shown["history"]))
    if shown["method"]:
        parts.append(Prose(label["method"], shown["method"]))
    if shown["tools"] or shown["about"]:
        title = "" if shown["method"] else label["method"]
        parts.append(Facts(title, [*shown["tools"], *shown["about"]]))
    if shown["parameters"]:
        headings = [label["parameter"], label["value"], label["set_by"]]
        parts.append(Grid(label["parameters"], headings, shown["parameters"]))
    if shown["versions"]:
        parts.append(Facts(label["versions"], shown["versions"]))
    return parts
