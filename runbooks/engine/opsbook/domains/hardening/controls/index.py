"""From a scanner's rule to the controls it belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from opsbook.domains.hardening.controls.schema import Control


class Index:
    """Scanner and rule -> keys of controls. Rules are compared without regard to case.

    A rule of Lynis is a test, or ``TEST/field`` where its details name one. What names a field
    belongs to the controls of that field, and to those of the test where none has the field.
    """

    def __init__(self, controls: Iterable[Control]) -> None:
        found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for control in controls:
            for scanner, rule in control.references.of_scanners():
                found[scanner, rule.lower()].append(control.key)
        self._keys = {place: tuple(sorted(set(keys))) for place, keys in found.items()}

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """The keys of the controls that say they meet ``rule`` of ``scanner``, sorted."""
        if scanner == "opsbook":
            return (rule,)
        rule = rule.lower()
        keys = self._keys.get((scanner, rule), ())
        if not keys and scanner == "lynis" and "/" in rule:
            keys = self._keys.get((scanner, rule.partition("/")[0]), ())
        return keys
