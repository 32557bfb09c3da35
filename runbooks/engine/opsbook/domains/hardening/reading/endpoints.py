"""Hosts and ports as people and scanners write them into one cell."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from pathlib import PurePosixPath

from opsbook.domains.hardening.reading.text import line

NOTHING = {"", "-", "--", "/", "n/a", "无", "none", "null", "nan"}
"""What stands in a cell that is empty."""

_MOST_HOSTS = 10_000
"""Hosts in one cell."""

_PORT = re.compile(
    r"(?:(tcp|udp|sctp)\s*[/:]\s*)?(\d{1,5})(?:\.0)?(?:\s*[/:]\s*(tcp|udp|sctp))?", re.I
)


def port_of(port: str, protocol: str = "") -> str:
    """``443/tcp`` of a port and a protocol as scanners write them; "" for none and for port 0."""
    found = _PORT.fullmatch(unicodedata.normalize("NFKC", port[:64]).strip())
    if not found:
        return "" if port.strip().casefold() in NOTHING else line(port, 64)
    number = int(found[2])
    if not 0 < number < 65_536:
        return ""
    over = (found[1] or found[3] or protocol).strip().lower()
    return f"{number}/{over}" if over in ("tcp", "udp", "sctp") else str(number)


_BETWEEN = re.compile(r"[\s,;，；、|]+")
_ENDPOINT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5})|[(（](\d{1,5})[)）])?")


def split_hosts(told: str) -> list[tuple[str, str]]:
    """The hosts of a cell and the port that stands with each: ``10.0.0.1:22, 10.0.0.2``.

    Only a list of addresses is a list; anything else is one name.
    """
    bare = unicodedata.normalize("NFKC", told).strip()
    if bare.casefold() in NOTHING:
        return []
    pieces = [piece for piece in _BETWEEN.split(bare, _MOST_HOSTS)[:_MOST_HOSTS] if piece]
    found = [_ENDPOINT.fullmatch(piece) for piece in pieces]
    if pieces and all(match and is_address(match[1]) for match in found):
        return [(match[1], match[2] or match[3] or "") for match in found if match]
    if len(pieces) > 1 and all(map(is_address, pieces)):
        return [(piece, "") for piece in pieces]
    name = line(bare, 255)
    return [(name, "")] if name else []


def is_address(text: str) -> bool:
    """Whether ``text`` is an address of IPv4 or IPv6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_IN_NAME = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")


def host_of_file(name: str) -> str:
    """The host a file is named after: its address, else its name without the ending."""
    last = PurePosixPath(name.replace("!", "/").replace("\\", "/")).name
    found = _IN_NAME.search(last)
    if found and is_address(found[0]):
        return found[0]
    return line(re.sub(r"\.(xlsx?|html?|csv|xml|txt)$", "", last, flags=re.I), 255)
