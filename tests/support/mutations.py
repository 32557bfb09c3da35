"""Small changes to bytes, JSON and trees of files, made one at a time and put back."""

from __future__ import annotations

import copy
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SEED = 20261121
"""Of every generated attack; a failing case names what was changed as well."""

Where = tuple[str | int, ...]


def spoiled(data: bytes, by: random.Random) -> tuple[str, bytes]:
    """``data`` with one byte flipped, put in, taken out, or cut off, and how; never the same."""
    at = by.randrange(len(data) or 1)
    ways: dict[str, Callable[[], bytes]] = {
        "one bit": lambda: data[:at] + bytes([data[at] ^ 1 << by.randrange(8)]) + data[at + 1 :],
        "byte put in": lambda: data[:at] + bytes([by.randrange(256)]) + data[at:],
        "byte taken out": lambda: data[:at] + data[at + 1 :],
        "cut off": lambda: data[:at],
        "twice": lambda: data + data,
        "a line end more": lambda: data + b"\n",
    }
    for way in by.sample(sorted(ways), len(ways)) if data else ["byte put in"]:
        made = ways[way]()
        if made != data:
            return f"{way} at {at}", made
    raise AssertionError(data)


def leaves(value: Any, at: Where = ()) -> Iterator[tuple[Where, Any]]:
    """Every place of ``value`` without places below it, and what stands there."""
    if not isinstance(value, (dict, list)) or not value:
        yield at, value
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(part, (*at, key))


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1] != "0" else "1") if value else "x"
    if isinstance(value, (int, float)):
        return value + 1
    return {"x": 1} if isinstance(value, dict) else [1] if isinstance(value, list) else "null"


def retyped(value: Any) -> Any:
    """What looks the same and is of another type."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return [value]
    return "" if value is None else str(value)


def with_leaf(whole: Any, at: Where, way: str) -> Any:
    """A copy of ``whole`` in which the leaf ``at`` is changed, retyped, taken out or doubled."""
    made = copy.deepcopy(whole)
    inside = made
    for key in at[:-1]:
        inside = inside[key]
    last: Any = at[-1]
    if way == "changed":
        inside[last] = other(inside[last])
    elif way == "retyped":
        inside[last] = retyped(inside[last])
    elif way == "taken out":
        del inside[last]
    elif isinstance(inside, list):
        inside.insert(last, inside[last])
    else:
        inside[f"{last} "] = inside[last]
    return made


def tree_ways(*, code: bool) -> dict[str, Callable[[Path, random.Random], None]]:
    """What can be done to one file of a tree. ``code`` leaves out what does not count beside
    Python packages: bytecode.
    """
    ways = {
        "spoiled": _spoil,
        "emptied": _empty,
        "taken away": lambda file, by: file.unlink(),
        "renamed": lambda file, by: file.rename(file.with_name(file.name + "x")),
        "other case": lambda file, by: file.rename(file.with_name(file.name.swapcase())),
        "moved up": lambda file, by: file.rename(file.parent.parent / f"moved-{file.name}"),
        "a file more": lambda file, by: _write(file.with_name(".more"), b""),
        "a directory more": lambda file, by: file.with_name("more").mkdir(),
        "executable or not": lambda file, by: file.chmod(file.stat().st_mode ^ 0o100),
        "link to other bytes": _link,
        "link to nowhere more": lambda file, by: file.with_name("nowhere").symlink_to("gone"),
        "bytecode more": lambda file, by: _bytecode(file),
    }
    return {name: way for name, way in ways.items() if name != "bytecode more" or not code}


@contextmanager
def done_to(file: Path, root: Path, way: Callable[[], None]) -> Iterator[None]:
    """Do ``way`` to ``file`` below ``root``; afterwards everything is as before."""
    kept, mode = file.read_bytes(), file.stat().st_mode
    before = set(_all(root))
    way()
    try:
        yield
    finally:
        for path in sorted(set(_all(root)) - before, reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        file.unlink(missing_ok=True)
        _write(file, kept)
        file.chmod(mode)


def copy_of(tree: Path, place: Path) -> Path:
    """A copy of ``tree`` of the same name below ``place``, links followed."""
    left_out = shutil.ignore_patterns("__pycache__", "_content", "*.mo")
    return Path(shutil.copytree(tree, place / tree.name, ignore=left_out))


def files_of(tree: Path) -> list[Path]:
    """Every file of a tree, in one order."""
    return sorted(path for path in tree.rglob("*") if path.is_file())


def _all(root: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(root):
        yield from (Path(place, name) for name in (*directories, *files))


def _spoil(file: Path, by: random.Random) -> None:
    _write(file, spoiled(file.read_bytes(), by)[1])


def _empty(file: Path, by: random.Random) -> None:
    _write(file, b"" if file.stat().st_size else b"x")


def _link(file: Path, by: random.Random) -> None:
    elsewhere = file.with_name(".elsewhere")
    _write(elsewhere, file.read_bytes() + b"#")
    file.unlink()
    file.symlink_to(elsewhere.name)


def _bytecode(file: Path) -> None:
    directory = file.parent / "__pycache__"
    directory.mkdir()
    _write(directory / "x.cpython-311.pyc", b"")


def _write(file: Path, data: bytes) -> None:
    file.write_bytes(data)
