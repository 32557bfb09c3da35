"""Reading YAML that people wrote: plain data, and the line of every value.

Only the JSON part of YAML 1.2 is taken: mappings with text keys, sequences, and scalars that are
text, numbers, booleans or null. Aliases, merge keys, tags and duplicate keys are faults, all of
them reported at once; so are files that would not fit in memory when opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsbook.model.errors import InputFault
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

MOST_BYTES = 1024 * 1024
"""The largest declaration that is read."""

MOST_VALUES = 1_000_000
"""The most values that a file with aliases may stand for."""

Step = str | int
Where = tuple[Step, ...]

_SCALARS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:null",
}

_TWICE = msg("written twice; first on line {first}")

_COLLECTIONS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(slots=True)
class Document:
    """``data`` of ``file``, the lines of its values, and what is wrong with it as YAML."""

    file: Path
    data: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: Where) -> int:
        """The line (from 1) of the value at ``path``, or of the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def twice(self) -> list[Fault]:
        """The keys that are written twice: faults also where all of YAML is allowed."""
        return [fault for fault in self.faults if fault.problem.text == _TWICE.text]

    def fault(self, path: Where, problem: Message, line: int | None = None) -> Fault:
        """A fault at ``path`` of this document."""
        dotted = ".".join(str(step) for step in path)
        return Fault(str(self.file), line or self.line(path), dotted, problem)


def read_yaml(file: Path) -> Document:
    """Read ``file``. Raises InputFault when it cannot be read as one YAML document at all."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    document = Document(file)
    try:
        node = YAML(typ="safe", pure=True).compose(_text(file))
    except YAMLError as error:
        raise _broken(file, _line_of(error), _reason(error)) from error
    except RecursionError as error:
        raise _broken(file, 0, "too deeply nested") from error
    except ValueError as error:
        raise _broken(file, 0, str(error)) from error
    if node is not None:
        document.data = _Builder(document, _constructor()).build(node, ())
    return document


def read_own_yaml(file: Path) -> Document:
    """As :func:`read_yaml`, of one of the many files that opsbook itself brings along; quicker."""
    from opsbook.execution.declared.quickyaml import Constructor, YAMLError, compose

    document = Document(file)
    try:
        node = compose(_text(file))
    except YAMLError:
        return read_yaml(file)  # which tells where it is broken
    if node is not None:
        document.data = _Builder(document, Constructor()).build(node, ())
    return document


def refuse_bomb(file: Path) -> None:
    """Raises InputFault for a file, allowed to have aliases, that would not fit in memory.

    Ansible shares what an alias stands for, but writes it out as often as it is named: a few
    lines can stand for more values than any memory holds. Files without aliases are not parsed.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    data = file.read_bytes()
    if not (_ANCHOR.search(data) and _ALIAS.search(data)):
        return
    try:
        nodes = YAML(typ="safe", pure=True).compose_all(_text(file))
        values = sum(_Written().out(node) for node in nodes)
    except YAMLError as error:
        raise _broken(file, _line_of(error), _reason(error)) from error
    except (RecursionError, ValueError) as error:
        raise _broken(file, 0, "too deeply nested") from error
    if values > MOST_VALUES:
        problem = msg("with its aliases written out it has more than {limit} values",
                      limit=MOST_VALUES)  # fmt: skip
        raise InputFault(
            msg("{file} cannot be read.", file=file), [Fault(str(file), 0, "", problem)]
        )


_ANCHOR = re.compile(rb"(?:^|[\s\[{,:?-])&[^\s,\[\]{}]", re.MULTILINE)
_ALIAS = re.compile(rb"(?:^|[\s\[{,:?-])\*[^\s,\[\]{}]", re.MULTILINE)


class _Written:
    """How many values a node stands for when every alias is written out."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def out(self, node: Any) -> int:
        """The number, and at least MOST_VALUES + 1 for a node that contains itself."""
        if id(node) not in self._known:
            self._known[id(node)] = MOST_VALUES + 1  # should it be met again inside of itself
            parts: Any = node.value if node.id == "sequence" else ()
            if node.id == "mapping":
                parts = [part for pair in node.value for part in pair]
            self._known[id(node)] = 1 + sum(map(self.out, parts))
        return self._known[id(node)]


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        problem = msg("{file} cannot be read: {reason}", file=file, reason=error.strerror or error)
        raise InputFault(problem) from error
    if len(data) > MOST_BYTES:
        raise InputFault(msg("{file} is larger than {limit} bytes.", file=file, limit=MOST_BYTES))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(file, line, "not UTF-8") from error


def _broken(file: Path, line: int, reason: str) -> InputFault:
    fault = Fault(str(file), line, "", msg("not valid YAML: {reason}", reason=reason))
    return InputFault(msg("{file} cannot be read.", file=file), [fault])


def _line_of(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 0


def _reason(error: Exception) -> str:
    parts = (getattr(error, "context", None), getattr(error, "problem", None))
    return ", ".join(part for part in parts if part) or str(error)


def _constructor() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).constructor


class _Builder:
    """Plain data out of a parser's nodes; a node met twice came through an alias."""

    def __init__(self, document: Document, constructor: Any) -> None:
        self.document = document
        self.seen: set[int] = set()
        self.constructor = constructor

    def build(self, node: Any, path: Where, line: int = 0) -> Any:
        line = line or node.start_mark.line + 1
        if id(node) in self.seen:
            return self._refuse(path, line, msg("aliases are not allowed here; write it out"))
        self.seen.add(id(node))
        self.document.lines[path] = line
        if node.id != "scalar" and str(node.tag) not in _COLLECTIONS:
            return self._tag(node, path, line)
        if node.id == "mapping":
            return self._mapping(node, path)
        if node.id == "sequence":
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, path, line)

    def _mapping(self, node: Any, path: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node.value, str) else "?"
            if key_node.id != "scalar" or key_node.tag != "tag:yaml.org,2002:str":
                self._refuse((*path, key), line, msg("a key must be plain text"))
            elif key in result:
                first = self.document.line((*path, key))
                self._refuse((*path, key), line, Message(_TWICE.text, {"first": first}))
            else:
                result[key] = self.build(value_node, (*path, key), line)
        return result

    def _scalar(self, node: Any, path: Where, line: int) -> Any:
        tag = str(node.tag)
        if tag == "tag:yaml.org,2002:timestamp":
            return node.value
        if tag not in _SCALARS:
            return self._tag(node, path, line)
        if tag.endswith(":str"):
            return node.value
        try:
            return self.constructor.construct_object(node)
        except (ValueError, OverflowError):
            return self._refuse(path, line, msg("not a number: {value}", value=node.value))

    def _tag(self, node: Any, path: Where, line: int) -> None:
        problem = msg("the tag {tag} is not allowed here", tag=str(node.tag))
        return self._refuse(path, line, problem)

    def _refuse(self, path: Where, line: int, problem: Message) -> None:
        self.document.faults.append(self.document.fault(path, problem, line))
