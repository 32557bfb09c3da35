"""Small XLSX files part by part, so that every part can be made wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def sheet_xml(rows: Sequence[Sequence[str]], merged: Sequence[str] = ()) -> str:
    """Inline texts; a cell that begins with ``<`` is taken as markup of its own."""
    body = "".join(
        f'<row r="{at}">' + "".join(_cell(value, at, column) for column, value in enumerate(row))
        + "</row>" for at, row in enumerate(rows, 1)
    )  # fmt: skip
    areas = "".join(f'<mergeCell ref="{area}"/>' for area in merged)
    merges = f'<mergeCells count="{len(merged)}">{areas}</mergeCells>' if merged else ""
    return f"<worksheet {_MAIN}><sheetData>{body}</sheetData>{merges}</worksheet>"


def _cell(value: str, row: int, column: int) -> str:
    if value.startswith("<c"):
        return value
    if value == "":
        return ""
    place = f"{chr(65 + column)}{row}" if column < 26 else ""
    at = f' r="{place}"' if place else ""
    return f'<c{at} t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def xlsx(sheets: Mapping[str, str], **parts: str) -> bytes:
    """A workbook of ``sheets`` (name -> XML); ``parts`` replace or add files of ``xl/``."""
    names = "".join(
        f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"/>'
        for at, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{at}" Type="{_REL}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at in range(1, len(sheets) + 1)
    )
    files = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_REL}"><sheets>{names}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships>{related}</Relationships>",
        **{f"xl/worksheets/sheet{at}.xml": xml for at, xml in enumerate(sheets.values(), 1)},
        **{f"xl/{name}.xml": xml for name, xml in parts.items()},
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return stream.getvalue()
