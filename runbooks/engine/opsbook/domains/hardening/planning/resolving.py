"""From the steps of a control to plain data for one host.

In a control, a step may refer to what is only known later::

    {value: max_days}                       what the site set, else the control's default
    {observed: effective.users}             what the check saw that breaks its rule
    users_from: effective.max_days          the same, of accounts
    {debian: ssh, rhel: sshd}               by the host's family
    {each: {value: servers}, form: "server {} iburst"}      one text per element in a list, one
                                            text elsewhere
    {set: ssh_from, type: ipv4_addr, elements: {value: management_sources}}   in a list: a named
                                            set of nft(8) with the elements of that type

What hosts saw is hostile: it is put in as a value of its own, and into a ``form`` only where it
has neither blanks nor control characters. Hosts are given nothing that refers to anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network
from typing import Any

from opsbook.model.message import Message, msg

MOST_ELEMENTS = 5000
LONGEST = 4096

FAMILIES = frozenset({"debian", "rhel"})
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


class Unresolved(ValueError):
    """A step that cannot be made plain on this host, and ``why``."""

    def __init__(self, why: Message) -> None:
        super().__init__(why.english())
        self.why = why


@dataclass(frozen=True, slots=True)
class Given:
    """What references lead to: ``values`` of the site, what the check ``saw``, the family.

    ``saw`` gives what an observation is about (its users, its paths), those that break its rule.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    saw: Callable[[str], Sequence[str]] = lambda _: ()
    family: str = "debian"


def resolved(step: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """``step`` without references. Raises :class:`Unresolved`."""
    plain = {str(key): _plain(value, given) for key, value in step.items() if value is not None}
    if isinstance(plain.get("users_from"), str):
        plain["users"] = _observed(plain.pop("users_from"), given)
    return plain


def empty(step: Mapping[str, Any]) -> bool:
    """Whether a resolved step is about nothing: a list that nobody is on."""
    return any(step.get(key) == [] for key in ("users", "paths", "names"))


def _plain(value: Any, given: Given) -> Any:
    if isinstance(value, Mapping):
        return _mapping(value, given)
    if isinstance(value, (list, tuple)):
        return [plain for element in value for plain in _element(element, given)]
    return value


def _mapping(value: Mapping[str, Any], given: Given) -> Any:
    if value.keys() == {"value"}:
        return _value(str(value["value"]), given)
    if value.keys() == {"observed"}:
        return _observed(str(value["observed"]), given)
    if value.keys() == {"each", "form"}:
        return _only(list(_formed(value, given)))
    if value and value.keys() <= FAMILIES:
        if given.family not in value:
            raise Unresolved(msg("it is not known how this is done on a host of this system"))
        return _plain(value[given.family], given)
    return {str(key): _plain(part, given) for key, part in value.items()}


def _element(element: Any, given: Given) -> Iterator[Any]:
    if isinstance(element, Mapping) and element.keys() == {"each", "form"}:
        yield from _formed(element, given)
    elif isinstance(element, Mapping) and "set" in element:
        yield _set(element, _texts(_plain(element["elements"], given)))
    else:
        plain = _plain(element, given)
        spread = isinstance(element, Mapping) and isinstance(plain, list)
        yield from plain if spread else [plain]


def _formed(row: Mapping[str, Any], given: Given) -> Iterator[str]:
    """One text for each element. What a site stated may have blanks; what a host said may not."""
    said = isinstance(row["each"], Mapping) and row["each"].keys() == {"value"}
    for part in _texts(_plain(row["each"], given)):
        yield str(row["form"]).replace("{}", part if said else _word(part), 1)


def _only(texts: Sequence[str]) -> str:
    if len(texts) != 1:
        raise Unresolved(msg("there is room for one thing and {number} are to be put in",
                             number=len(texts)))  # fmt: skip
    return texts[0]


def _value(name: str, given: Given) -> Any:
    value = given.values.get(name)
    if value is None:
        raise Unresolved(msg("the site has not said its value {name}: put it under values of the"
                             " variable opsbook_hardening first, then plan again",
                             name=name))  # fmt: skip
    return list(value) if isinstance(value, tuple) else value


def _observed(name: str, given: Given) -> list[str]:
    seen = list(dict.fromkeys(given.saw(name)))
    if len(seen) > MOST_ELEMENTS or any(len(one) > LONGEST for one in seen):
        raise Unresolved(msg("it is about more than {number} things there", number=MOST_ELEMENTS))
    if not all(one.isprintable() for one in seen):
        raise Unresolved(msg("a name there has signs that cannot be written"))
    return seen


def _texts(value: Any) -> list[str]:
    return [str(part) for part in (value if isinstance(value, list) else [value])]


def _word(text: str) -> str:
    """``text`` where it is one word; it then ends no line and adds no further word."""
    if not text or not text.isprintable() or any(sign.isspace() for sign in text):
        raise Unresolved(msg("{word} cannot stand in a line as one word", word=text[:100] or "-"))
    return text


def _set(element: Mapping[str, Any], parts: Sequence[str]) -> str:
    """A named set of nft(8) with those of ``parts`` that are of its type.

    Other families' addresses belong to another set. Raises Unresolved for a part of no type.
    """
    kind = str(element["type"])
    fitting = [word for part in parts if (word := _typed(part, kind)) is not None]
    elements = f" elements = {{ {', '.join(fitting)} }};" if fitting else ""
    name = element["set"]
    return f"set {name} {{ type {kind}; flags interval; auto-merge;{elements} }}"


def _typed(part: str, kind: str) -> str | None:
    """``part`` as an element of ``kind``; None where it is of another family."""
    if kind == "inet_service":
        return _port(part)
    try:
        network = ip_network(part, strict=False)
    except ValueError as error:
        raise Unresolved(msg("{word} is neither an address nor a network", word=part)) from error
    is_four = isinstance(network, IPv4Network)
    return str(network) if is_four == (kind == "ipv4_addr") else None


def _port(part: str) -> str:
    found = _PORTS.fullmatch(part)
    ends = [int(end) for end in found.groups() if end] if found else []
    if not ends or not all(0 < end < 65536 for end in ends) or ends != sorted(ends):
        raise Unresolved(msg("{word} is neither a port nor a range of ports", word=part))
    return part
