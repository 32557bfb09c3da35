"""Values that a site states for controls, in ``opsbook_hardening`` of its groups and hosts::

opsbook_hardening:
  values:
    login_defs.pass_max_days: {max_days: 90}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.domains.hardening.controls.schema import Control
from opsbook.model.faults import Fault, WrongValue
from opsbook.model.message import Message, msg

VARIABLE = "opsbook_hardening"

Values = dict[str, Mapping[str, Any]]


def stated_values(
    variables: Mapping[str, Any], controls: Mapping[str, Control]
) -> tuple[Values, list[Fault]]:
    """The values stated by control, those that it takes, and what is wrong with the others.

    The place of a fault is the variable, its path below that: ``values.KEY``.
    """
    declared = variables.get(VARIABLE)
    stated = declared.get("values") if isinstance(declared, Mapping) else None
    no_mapping = msg("it is a mapping of names and values")
    if declared is not None and not isinstance(declared, Mapping):
        return {}, [Fault(VARIABLE, 0, "", no_mapping)]
    if stated is not None and not isinstance(stated, Mapping):
        return {}, [Fault(VARIABLE, 0, "values", no_mapping)]
    wrong = dict(_wrong(stated or {}, controls))
    good: Values = {
        str(key): dict(values) for key, values in (stated or {}).items() if key not in wrong
    }
    return good, [Fault(VARIABLE, 0, f"values.{key}", why) for key, why in wrong.items()]


def _wrong(
    stated: Mapping[Any, Any], controls: Mapping[str, Control]
) -> Iterator[tuple[Any, Message]]:
    """What no control knows or takes, and why."""
    for key, values in stated.items():
        if str(key) not in controls:
            yield key, msg("there is no such control")
        elif not isinstance(values, Mapping):
            yield key, msg("it is a mapping of names and values")
        else:
            try:
                controls[str(key)].site_values(values)
            except WrongValue as wrong:
                yield key, wrong.problem
