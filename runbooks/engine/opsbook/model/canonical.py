"""Canonical JSON (RFC 8785) and SHA-256 digests of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value by RFC 8785. Integers beyond 2**53 must be strings."""
    import rfc8785

    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """``sha256:<hex>`` over :func:`canonical`."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def parse(data: bytes | str) -> Any:
    """Read JSON, refusing duplicate keys and non-finite numbers. Raises ValueError."""
    return json.loads(data, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
