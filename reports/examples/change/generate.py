"""Makes the example pages beside this file from its ``*.json`` (a dossier and its records).

Type ``python reports/examples/change/generate.py`` after a change of templates or translations,
and look at what changed; a test compares the files with what opsbook makes now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsbook.documents import AnyForm, Language, explain, render_change

HERE = Path(__file__).parent
FORMS: dict[AnyForm, str] = {"md": "md", "html": "html", "text": "txt"}
LANGUAGES: tuple[Language, ...] = ("zh_CN", "en")
COLUMNS = 80


def documents() -> Iterator[tuple[Path, str]]:
    """Every example's path and content."""
    for file in sorted(HERE.glob("*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        for form, ending in FORMS.items():
            for language in LANGUAGES:
                path = file.with_name(f"{file.stem}.{language}.{ending}")
                yield path, page(data, form, language).rstrip("\n") + "\n"


def page(data: dict[str, Any], form: AnyForm, language: Language) -> str:
    """The approver's page of a plan, or the page of a change with the records of its runs."""
    if data["page"] == "explain":
        missing = data["missing"]
        return explain(data["dossier"], form, language, missing=missing, width=COLUMNS)
    return render_change(data["dossier"], data["records"], form, language, width=COLUMNS)


if __name__ == "__main__":
    for path, content in documents():
        path.write_text(content, encoding="utf-8")
        print(path)
