"""Canonical JSON (RFC 8785) and SHA-256 digests of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_EXACT = 2**53
_SORTED = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value by RFC 8785. Integers beyond 2**53 must be strings.

    Raises ValueError for what that form cannot carry, such as lone surrogates.
    """
    if _plain(value):
        return _SORTED.encode(value).encode()
    import rfc8785

    return rfc8785.dumps(value)


def _plain(value: Any) -> bool:
    """Whether the standard library, which is written in C, gives the same bytes: keys that sort
    alike as code points and in UTF-16 (section 3.2.3), exact integers, no other numbers.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        sorts = all(type(key) is str and (key.isascii() or max(key) < "\ud800") for key in value)
        return sorts and all(map(_plain, value.values()))
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    return kind is int and -_EXACT < value < _EXACT


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
