"""Texts of scanners' rules, kept once, and the keys that each of them has."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import astuple, fields

from opsbook.domains.hardening.store.keys import Controls, keys_of, of_the_host
from opsbook.model.finding import Ids, Row

_REMEMBERED = 8_192
_REMEMBERED_CHARACTERS = 6_000_000
_NAMES = tuple(one.name for one in fields(Ids))


class Rules:
    """Gives rules their numbers within one transaction; remembers a bounded number of them."""

    def __init__(self, db: sqlite3.Connection, controls: Controls) -> None:
        self._db = db
        self._controls = controls
        self._known: dict[tuple[str, str, str, str, Ids], int] = {}
        self._characters = 0

    def number(self, row: Row) -> int:
        """The number of the rule that ``row`` is of, which is kept when it is a new one."""
        about = (row.scanner, row.rule, row.title, row.remedy, row.ids)
        found = self._known.get(about)
        if found is None:
            found = self._kept(row, _digest(about))
            self._remember(about, found)
        return found

    def _remember(self, about: tuple[str, str, str, str, Ids], number: int) -> None:
        self._characters += len(about[2]) + len(about[3]) + 500
        if len(self._known) >= _REMEMBERED or self._characters > _REMEMBERED_CHARACTERS:
            self._known.clear()
            self._characters = 0
        self._known[about] = number

    def _kept(self, row: Row, digest: bytes) -> int:
        found = self._db.execute("SELECT id FROM rules WHERE digest = ?", (digest,)).fetchone()
        if found:
            return int(found[0])
        scanner, rule = sound(row.scanner), sound(row.rule)
        number = self._db.execute(
            "INSERT INTO rules (digest, scanner, rule, title, remedy, ids)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (digest, scanner, rule, sound(row.title), sound(row.remedy), ids_text(row.ids)),
        ).lastrowid
        assert number is not None
        keep_keys(self._db, number, scanner, rule, row.ids, self._controls)
        return number


def keep_keys(
    db: sqlite3.Connection, number: int, scanner: str, rule: str, ids: Ids, controls: Controls
) -> None:
    """Put down the keys of rule ``number``."""
    keys = keys_of(scanner, rule, ids, controls)
    db.executemany(
        "INSERT OR IGNORE INTO rule_keys (rule, key, scanner, of_host) VALUES (?, ?, ?, ?)",
        [(number, sound(key), scanner, of_the_host(key)) for key in keys],
    )


def renew_keys(db: sqlite3.Connection, controls: Controls) -> set[int]:
    """Derive all keys again, as another catalogue has them; numbers of rules whose keys differ."""
    differing = set()
    for number, scanner, rule, ids in db.execute("SELECT id, scanner, rule, ids FROM rules"):
        now = {sound(key) for key in keys_of(scanner, rule, ids_of(ids), controls)}
        rows = db.execute("SELECT key FROM rule_keys WHERE rule = ?", (number,))
        if now != {key for (key,) in rows}:
            db.execute("DELETE FROM rule_keys WHERE rule = ?", (number,))
            keep_keys(db, number, scanner, rule, ids_of(ids), controls)
            differing.add(number)
    return differing


def ids_text(ids: Ids) -> str:
    """``ids`` as kept; "" for none."""
    told = {name: value for name, value in zip(_NAMES, astuple(ids), strict=True) if value}
    return json.dumps(told) if told else ""


def ids_of(text: str) -> Ids:
    """Read back what :func:`ids_text` wrote."""
    return (
        Ids(**{name: tuple(value) for name, value in json.loads(text).items()}) if text else Ids()
    )


def sound(text: str) -> str:
    """``text`` with what is no character (lone surrogates) made visible: it can be stored."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _digest(about: tuple[str, str, str, str, Ids]) -> bytes:
    plain = json.dumps([*about[:4], astuple(about[4])])
    return hashlib.sha256(plain.encode()).digest()
