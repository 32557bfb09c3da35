"""Paragraphs of fields, as dpkg, apt and their archives write them: deb822(5)."""

from __future__ import annotations

import typing as t

Paragraph = t.Dict[str, str]


def paragraphs(text: str) -> t.Iterator[Paragraph]:
    """Each paragraph as a mapping of its fields; folded lines keep their line breaks."""
    for block in text.split("\n\n"):
        found: Paragraph = {}
        name = ""
        for line in block.split("\n"):
            if line[:1] in (" ", "\t"):
                if name:
                    found[name] += "\n" + line
                continue
            name, colon, value = line.partition(":")
            if colon:
                found[name] = value.strip()
        if found:
            yield found


def source_of(fields: t.Mapping[str, str]) -> tuple[str, str]:
    """The source package and its version: ``Source: openssl (3.0.11-1)`` or left out."""
    name, _, rest = fields.get("Source", "").partition(" ")
    version = rest.strip("() ")
    return name or fields.get("Package", ""), version or fields.get("Version", "")
