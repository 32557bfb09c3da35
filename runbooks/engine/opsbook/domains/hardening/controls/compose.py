"""One script of many checks: the prelude, each check as a function, and their running."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from opsbook.domains.hardening.controls.schema import Control, Needs, Variant
from opsbook.execution.declared.declarations import collection

CHECK_SECONDS = 120
"""Seconds for all quick checks together, which take one or two on an idle host; the one in which
they run out is given up. Commands that might hang have ten seconds each besides.
"""

SLOW_SECONDS = 300
"""Seconds for the checks that look at whole file systems, which they do together; the one in which
they run out is given up, and the others get as many again."""


PRELUDE = ("prelude.sh", "services.sh", "systems.sh")
"""What every check stands on, in this order."""


def prelude_files() -> list[Path]:
    """The files of :data:`PRELUDE`."""
    return [collection() / "roles" / "hardening" / "files" / name for name in PRELUDE]


def compose(
    controls: Iterable[Control],
    *,
    slow: bool = True,
    check_seconds: int = CHECK_SECONDS,
    slow_seconds: int = SLOW_SECONDS,
    prelude: str | None = None,
) -> str:
    """The script that looks at a host for ``controls``; ``slow`` says whether also for slow ones.

    It is the same for the same controls, is read from standard input by any POSIX shell, and
    its last word is ``end`` unless it was cut off.
    """
    taken = [control for control in controls if slow or not control.slow]
    taken.sort(key=lambda control: (control.slow, control.key))
    quick = sum(not control.slow for control in taken)
    parts = [file.read_text(encoding="utf-8") for file in prelude_files()]
    if prelude is not None:
        parts = [prelude]
    parts.append(_asked(taken))
    parts += [_function(number, control) for number, control in enumerate(taken, 1)]
    parts.append(_names(taken))
    parts.append("tell_host\n")
    if quick:
        parts.append(f"run_controls 1 {quick} {check_seconds}\n")
    if quick < len(taken):
        parts.append(f"run_controls {quick + 1} {len(taken)} {slow_seconds}\n")
    parts.append("printf 'end\\n' >&3\n")
    return "".join(_bare(part) for part in parts)


def longest(controls: Sequence[Control], slow: bool = True) -> float:
    """Seconds after which the script of ``controls`` has surely ended."""
    slow_ones = sum(control.slow for control in controls) if slow else 0
    return 3.0 * CHECK_SECONDS + slow_ones * (SLOW_SECONDS + 5) + 30


def _bare(script: str) -> str:
    """Without indentation, whole lines of comment and empty lines.

    Only leading blanks of lines are dropped, so that a check must not hold a here-document or text
    over several lines in which they count.
    """
    lines = (line.strip() for line in script.splitlines())
    return "".join(line + "\n" for line in lines if line and not line.startswith("#"))


def _asked(controls: Sequence[Control]) -> str:
    """The packages, units and settings of the kernel that will be asked for."""
    asked: dict[str, set[str]] = {"packages": set(), "units": set(), "sysctls": set()}
    for control in controls:
        parts: list[Control | Variant] = [control, *control.variants.values()]
        for part in parts:
            asked["packages"].update(part.needs.packages if part.needs else ())
            for what, names in asked.items():
                names.update(getattr(part.asks, what) if part.asks else ())
    lines = (
        f"{what.upper()}={shlex.quote(' '.join(sorted(names)))}\n" for what, names in asked.items()
    )
    return "".join(lines)


def _function(number: int, control: Control) -> str:
    lines = [f"needs_family {' '.join(control.families)} || return 0\n"]
    lines += _needs(control.needs)
    for family, variant in control.variants.items():
        if variant.needs is not None:
            lines = [lines[0], *_by_family(control, family, variant.needs)]
    return f"check_{number}() {{\n{''.join(lines)}{control.check}\n}}\n"


def _by_family(control: Control, family: str, needs: Needs) -> list[str]:
    return [
        f'if [ "$FAMILY" = {family} ]; then\n:\n',
        *_needs(needs),
        "else\n:\n",
        *_needs(control.needs),
        "fi\n",
    ]


def _needs(needs: Needs) -> list[str]:
    lines = ["needs_root || return 0\n"] if needs.root else []
    lines += ["needs_kernel || return 0\n"] if needs.real_kernel else []
    lines += [f"needs_package {shlex.quote(name)} || return 0\n" for name in needs.packages]
    lines += [f"needs_mount {shlex.quote(path)} || return 0\n" for path in needs.mounts]
    return lines


def _names(controls: Sequence[Control]) -> str:
    cases = "".join(
        f"{number}) _key={shlex.quote(control.key)} ;;\n"
        for number, control in enumerate(controls, 1)
    )
    return f"control_name() {{\ncase $1 in\n{cases or '*) ;;'}\nesac\n}}\n"
