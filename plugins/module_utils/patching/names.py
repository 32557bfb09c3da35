"""What may become an argument, a file name or a line of a plan, and what may not."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused

_FORMS = {
    "package": re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}", re.ASCII),
    "arch": re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII),
    "version": re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:^_-]{0,199}", re.ASCII),
    "sha256": re.compile(r"[0-9a-f]{64}", re.ASCII),
}


class Step(t.NamedTuple):
    """One planned package. ``before`` empty: it is added; ``after`` empty: it is removed."""

    package: str
    arch: str
    before: str
    after: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """``openssl:amd64``."""
        return f"{self.package}:{self.arch}"


def steps_of(plan: t.Mapping[str, t.Any]) -> list[Step]:
    """The packages of a host's plan, in the order of their names. Raises Refused."""
    found = []
    for item in plan.get("items") or []:
        detail = item.get("detail") or {}
        found.append(
            Step(
                package=_checked(detail, "package", "package"),
                arch=_checked(detail, "arch", "arch"),
                before=_checked(detail, "from", "version", needed=False),
                after=_checked(detail, "to", "version", needed=False),
                sha256=_checked(detail, "sha256", "sha256", needed=bool(detail.get("to"))),
                size=int(detail.get("size") or 0),
            )
        )
    twice = {step.name for step in found if [one.name for one in found].count(step.name) > 1}
    if twice:
        raise Refused(
            "The plan names {} twice. Nothing was touched.".format(", ".join(sorted(twice)))
        )
    return sorted(found)


def _checked(detail: t.Mapping[str, t.Any], key: str, form: str, needed: bool = True) -> str:
    value = detail.get(key)
    if not value and not needed:
        return ""
    if not isinstance(value, str) or not _FORMS[form].fullmatch(value):
        raise Refused(f"The plan's {key} {value!r} cannot be used. Nothing was touched.")
    return value
