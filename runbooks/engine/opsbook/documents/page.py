"""Records and changes as pages: HTML for reading and printing, Markdown for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

import opsbook
from opsbook.documents.blocks import Heading, Page, Part
from opsbook.documents.escape import Ready, code_block, code_span, markdown
from opsbook.documents.labels import COLON
from opsbook.documents.record_page import record_page, words_of
from opsbook.documents.words import Words
from opsbook.model.message import printable
from opsbook.text.width import width_of

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

SHORT = 14
"""Columns (a Chinese character has two) up to which a cell of a table stays on one line."""

Form = Literal["md", "html"]
Language = Literal["zh_CN", "en"]


def render(record: Mapping[str, Any], form: Form, language: Language) -> str:
    """``record`` (schema ``opsbook.record``, also an older or newer one) as a page.

    Every value is escaped where it is put in; nothing on the page is fetched or executed.
    """
    words = words_of(record, language)
    return render_page(record_page(record, words), form)


def render_page(page: Page, form: Form) -> str:
    """A page of blocks as HTML or Markdown, every value escaped where it is put in."""
    words = Words("zh_CN" if page.language.startswith("zh") else "en", ZoneInfo("UTC"))
    colon = Ready(words.of(COLON))
    values = {"page": page, "parts": list(_levelled(page)), "colon": colon}
    template = _environment(form).get_template(f"page.{form}.j2")
    return template.render(values).rstrip("\n") + "\n"


def _levelled(page: Page) -> Iterator[tuple[Part, int]]:
    """Parts with the level of their titles: below a heading one deeper."""
    level = 2
    for part in page.parts:
        yield part, level
        level = 3 if isinstance(part, Heading) else level


@lru_cache(maxsize=2)
def _environment(form: Form) -> ImmutableSandboxedEnvironment:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    folder = Path(opsbook.__file__).parent / "_content" / "templates"
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=form == "html",
        finalize=_visible if form == "html" else markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    block, span = (_html_block, _html_span) if form == "html" else (code_block, code_span)
    environment.filters.update(block=block, code=span)
    environment.tests["short"] = _short
    return environment


def _short(cell: str) -> bool:
    """Whether a cell of a table is so short that it is never broken into lines."""
    return width_of(cell) <= SHORT


def _visible(value: object) -> object:
    """Control and bidirectional characters shown instead of obeyed; markup of ours as it is."""
    return value if isinstance(value, Markup) else printable(str(value))


def _html_block(text: str) -> Markup:
    return Markup("\n").join(escape(printable(line)) for line in text.split("\n"))


def _html_span(text: str) -> Markup:
    return Markup("<code>{}</code>").format(printable(text))
