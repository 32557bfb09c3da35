"""Makes the example documents beside this file from its ``*.json`` records.

Type ``python reports/examples/record/generate.py`` after a change of templates or translations,
and look at what changed; a test compares the files with what opsbook makes now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from opsbook.documents import Form, Language, render

HERE = Path(__file__).parent
FORMS: tuple[Form, ...] = ("md", "html")
LANGUAGES: tuple[Language, ...] = ("zh_CN", "en")


def documents() -> Iterator[tuple[Path, str]]:
    """Every example's path and content."""
    for record in sorted(HERE.glob("*.json")):
        data = json.loads(record.read_text(encoding="utf-8"))
        for form in FORMS:
            for language in LANGUAGES:
                path = record.with_name(f"{record.stem}.{language}.{form}")
                yield path, render(data, form, language)


if __name__ == "__main__":
    for path, content in documents():
        path.write_text(content, encoding="utf-8")
        print(path)
