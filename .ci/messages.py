"""Bring the message catalogues up to the code: ``make messages``.

Every literal given to ``msg`` or ``tr`` in the package becomes an entry; entries the code no
longer has are dropped, nothing is guessed (no fuzzy matches). The files carry no dates, places
or line numbers, so that they change only when a message does.
"""

from __future__ import annotations

import ast
import re
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "runbooks" / "engine" / "opsbook"
SPEAKERS = ("msg", "tr")
LANGUAGES = ("zh_CN",)
_CHANGING = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Language-Team'
    rb"|Report-Msgid-Bugs-To): .*\n",
    re.MULTILINE,
)


def extracted() -> Catalog:
    """Every message of the code, without translations.

    Read from the syntax tree: Babel's own extractor goes by tokens and passes over calls inside
    calls and inside f-strings.
    """
    catalog = Catalog()
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in SPEAKERS:
                text = node.args[0] if node.args else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    catalog.add(text.value)
    return catalog


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def updated(path: Path, language: str, template: Catalog) -> bytes:
    """The catalogue at ``path`` with exactly the messages of ``template``."""
    if path.exists():
        with path.open("rb") as text:
            catalog = read_po(text, locale=language)
    else:
        catalog = Catalog(locale=language)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalog.project, catalog.version, catalog.fuzzy = "opsbook", "", False
    catalog.header_comment = "# opsbook's messages. Changed by `make messages` and by translators."
    written = BytesIO()
    how = {"no_location": True, "sort_output": True, "ignore_obsolete": True}
    write_po(written, catalog, width=0, **how)
    return _CHANGING.sub(b"", written.getvalue())


def main() -> None:
    """Update and compile every catalogue; say how many messages still want a translation."""
    sys.path.insert(0, str(ROOT / "runbooks" / "engine"))
    from build_hook import compiled

    template = extracted()
    for language in LANGUAGES:
        path = PACKAGE / "text" / "locale" / language / "LC_MESSAGES" / "opsbook.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(updated(path, language, template))
        path.with_suffix(".mo").write_bytes(compiled(path))
        with path.open("rb") as text:
            missing = [entry.id for entry in read_po(text) if entry.id and not entry.string]
        print(f"{path.relative_to(ROOT)}: {len(template)} messages, {len(missing)} to translate")


if __name__ == "__main__":
    main()
