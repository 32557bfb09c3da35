"""What hosts write to read a repository: sources in deb822 form (sources.list(5)). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opsbook.domains.patching.bundle.chain import DISTRIBUTION_KEYRING
from opsbook.domains.patching.bundle.manifest import Archive


def sources(
    archives: Iterable[Archive],
    base: str,
    *,
    keyrings: Mapping[str, str] | None = None,
    stale: bool = False,
) -> str:
    """One paragraph per suite, below the address ``base`` (``http://ADDRESS:PORT``).

    ``keyrings``: archive -> file on the host, where it is not the distribution's. ``stale``: the
    Release files have passed their date, which was accepted and recorded at the import.
    """
    parts = []
    for one in archives:
        keyring = (keyrings or {}).get(one.root, str(DISTRIBUTION_KEYRING))
        lines = [
            "Types: deb",
            f"URIs: {base}/{one.root}",
            f"Suites: {one.suite}",
            f"Components: {' '.join(one.components)}",
            f"Architectures: {' '.join(one.archs)}",
            f"Signed-By: {keyring}",
            "Languages: none",
            *(["Check-Valid-Until: no"] if stale else []),
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
