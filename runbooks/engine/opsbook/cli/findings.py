"""Commands: findings import, scan, list, show, diff, forget, prove, hosts, files, content."""

from __future__ import annotations

import typer

from opsbook.cli import (
    findings_asked,
    findings_content,
    findings_diff,
    findings_forget,
    findings_import,
    findings_prove,
    findings_scan,
)
from opsbook.text import tr


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Findings: what scanners found on hosts, and how it stands."),
        no_args_is_help=True, add_completion=False,
    )  # fmt: skip
    for module in (findings_import, findings_scan, findings_asked, findings_diff,
                   findings_forget, findings_prove, findings_content):  # fmt: skip
        module.register_in(group)
    app.add_typer(group, name="findings")
