"""Hostile values for pages, and what a browser and a Markdown renderer make of a page."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><style>body{display:none}</style>',
    "[click](javascript:alert(1))",
    "![x](http://192.0.2.1/x.png)",
    "<http://192.0.2.1>",
    "http://192.0.2.1/ www.example.org someone@example.org",
    "a | b | c",
    "|---|",
    "`code` *bold* __under__ ~~gone~~ $math$",
    "# heading",
    "- item",
    "1. item",
    "    indented",
    "=====",
    "> quote",
    "&lt;b&gt; &#60;",
    "{{ 7 * 7 }} {% raw %}",
    "two\nlines\n\n# heading",
    "\x1b[31mred\x07 \u202egnp.exe \u2028 \x00",
    "\\",
    "``` \n fence",
    "{text} {0} {host.__class__}",
    "=HYPERLINK(1)",
]


_SHORT = ("class", "word")


class Tags(HTMLParser):
    """The tags, attributes and text of a page; that a short cell is not broken does not count."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += ((key, value) for key, value in attrs if (key, value) != _SHORT)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def markup_of(text: str) -> list[str]:
    """Kinds of everything but text that a Markdown renderer makes of ``text``."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [
        inner.type
        for token in parser.parse(text)
        for inner in (token, *(token.children or ()))
        if inner.type not in ("inline", "text", "paragraph_open", "paragraph_close", "text_special")
    ]
