"""The pages: links lead somewhere, nothing is unlisted, both languages say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import opsbook

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = sorted([*READMES, ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _id(page: object) -> str:
    return str(Path(str(page)).relative_to(ROOT))


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    """As the usual renderers make them of headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", _text(page)), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", _text(page))):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if "://" in link or (target.exists() and (not anchor or anchor in _anchors(target))):
            continue
        broken.append(link)
    assert broken == []


def test_the_index_lists_every_page() -> None:
    listed = {(DOCS / link).resolve() for link in _LINK.findall(_text(DOCS / "index.md"))}
    assert {page for page in DOCS.rglob("*.md") if page.name != "index.md"} - listed == set()


def test_decisions_have_distinct_numbers_and_bear_them_in_their_titles() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        assert _text(page).startswith(f"# {page.name[:4]} "), page.name


def test_both_readmes_have_the_same_parts_commands_and_links() -> None:
    english, chinese = map(_text, READMES)
    assert len(re.findall(r"^## ", english, re.M)) == len(re.findall(r"^## ", chinese, re.M))
    assert _commands(english) == _commands(chinese)
    assert _pages(english) == _pages(chinese)


def _pages(text: str) -> set[str]:
    return {link for link in _LINK.findall(text) if not link.startswith(("README", "#"))}


def _commands(text: str) -> list[str]:
    lines = [line for block in _FENCE.findall(text) for line in block.splitlines()]
    return [
        line.split("  #")[0].rstrip() for line in lines if re.match(r"(opsbook|make|pip) ", line)
    ]


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{opsbook.__version__}]" in _text(ROOT / "CHANGELOG.md")


def test_every_declared_dependency_has_a_decision() -> None:
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    names = {re.split(r"[<>=\[]", text)[0] for text in project["dependencies"]}
    decisions = " ".join(map(_text, (DOCS / "decisions").glob("*.md"))).lower()
    assert {name for name in names if name not in decisions} == set()
