"""Texts of scanners' rules, kept once, and the keys that each of them has."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import fields
from operator import attrgetter
from typing import NamedTuple

from opsbook.domains.hardening.store.keys import ARTIFACT, Controls, cut, keys_of, of_the_host
from opsbook.model.finding import Ids, Row

_REMEMBERED = 8_192
_REMEMBERED_CHARACTERS = 6_000_000
_Texts = tuple[str, str, str, str, Ids]
_NAMES = tuple(one.name for one in fields(Ids))
_lists = attrgetter(*_NAMES)


class About(NamedTuple):
    """What rows of a rule share: the number of the rule, and what else was told, as kept."""

    number: int
    more: str
    artifact: str


class Rules:
    """Gives rules their numbers within one transaction; remembers a bounded number of them."""

    def __init__(self, db: sqlite3.Connection, controls: Controls) -> None:
        self._db = db
        self._controls = controls
        self._known: dict[_Texts, int] = {}
        self._about: dict[tuple[object, ...], About] = {}
        self._characters = 0

    def about(self, row: Row) -> About:
        """The rule that ``row`` is of, which is kept when it is a new one."""
        texts = (row.scanner, row.rule, row.title, row.remedy, row.ids)
        more = row.more
        whole = (*texts, *more.items())
        found = self._about.get(whole)
        if found is None:
            number = self._known.get(texts)
            if number is None:
                number = self._kept(row, _digest(texts))
            artifact = sound(cut(more.get(ARTIFACT, "")))
            found = About(number, json.dumps(dict(more)) if more else "", artifact)
            self._remember(texts, whole, found)
        return found

    def _remember(self, texts: _Texts, whole: tuple[object, ...], found: About) -> None:
        self._characters += len(texts[2]) + len(texts[3]) + 2 * len(found.more) + 500
        if len(self._about) >= _REMEMBERED or self._characters > _REMEMBERED_CHARACTERS:
            self._known.clear()
            self._about.clear()
            self._characters = 0
        self._known[texts] = found.number
        self._about[whole] = found

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
    told = {name: value for name, value in zip(_NAMES, _lists(ids), strict=True) if value}
    return json.dumps(told) if told else ""


def ids_of(text: str) -> Ids:
    """Read back what :func:`ids_text` wrote."""
    return (
        Ids(**{name: tuple(value) for name, value in json.loads(text).items()}) if text else Ids()
    )


def sound(text: str) -> str:
    """``text`` with what is no character (lone surrogates) made visible: it can be stored."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _digest(about: _Texts) -> bytes:
    plain = json.dumps([*about[:4], _lists(about[4])])
    return hashlib.sha256(plain.encode()).digest()
