""".trivyignore.yaml: what Trivy is not to report, until when and why.

Source: Trivy's documentation of filtering (``vulnerabilities``, ``misconfigurations``, ``secrets``
with ``id``, ``paths``, ``expired_at``, ``statement``). Trivy counts ``expired_at`` from the
beginning of that day in UTC, so that nothing is ignored after the waiver's end. The file knows no
hosts: it carries only what is open on none of those chosen.
"""

from __future__ import annotations

from datetime import UTC
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from opsbook.domains.hardening.waivers.export.gathering import (
    STILL_OPEN,
    Exported,
    Gathered,
    Waived,
    last_day,
    plain,
    remark,
)
from opsbook.model.message import msg

_PARTS = {
    "cve": "vulnerabilities",
    "trivy": "vulnerabilities",
    "trivy_config": "misconfigurations",
    "trivy_secret": "secrets",
}
"""Name space of a key -> the part of the file."""


def trivyignore(gathered: Gathered) -> Exported:
    """The file for scans of all the chosen hosts."""
    made = Exported()
    parts: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for one in gathered.waived:
        space, _, name = one.finding.key.partition(":")
        if space not in _PARTS:
            made.leave(one, msg("Trivy does not look for it"))
        elif one.finding.key in gathered.open_keys:
            made.leave(one, STILL_OPEN)
        else:
            made.carried += 1
            entries = parts.setdefault(_PARTS[space], {})
            entries.setdefault((name, one.finding.location), _entry(gathered, one, name))
    if parts:
        made.text = _document(parts)
    return made


def _entry(gathered: Gathered, one: Waived, name: str) -> dict[str, Any]:
    accepted, place = one.accepted, one.finding.location
    entry: dict[str, Any] = {"id": plain(name)}
    if place.startswith("pkg:"):
        entry["purls"] = [plain(place)]
    elif place:
        entry["paths"] = [plain(place)]
    return entry | {
        "expired_at": accepted.until.astimezone(UTC).date(),
        "statement": remark(accepted, last_day(accepted, gathered.estate)),
    }


def _document(parts: dict[str, dict[tuple[str, str], dict[str, Any]]]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 4096
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = StringIO()
    yaml.dump({name: list(entries.values()) for name, entries in sorted(parts.items())}, stream)
    return stream.getvalue()
