"""What a package URL says of a package (purl-spec: ``pkg:type/namespace/name@version``)."""

from __future__ import annotations

from urllib.parse import unquote

_OF_A_SYSTEM = ("pkg:deb/", "pkg:rpm/", "pkg:apk/", "pkg:alpm/")


def package_of(url: str) -> tuple[str, str]:
    """Name and version of the package; of what is no package URL the text itself."""
    if not url.startswith("pkg:"):
        return url, ""
    path = url[4:].split("?")[0].split("#")[0].partition("/")[2]
    name, _, version = path.rpartition("/")[2].partition("@")
    return unquote(name), unquote(version)


def artifact_of(url: str) -> str:
    """The product itself; nothing for a package of an operating system, which is the host's."""
    return "" if not url or url.startswith(_OF_A_SYSTEM) else url.split("?")[0]
