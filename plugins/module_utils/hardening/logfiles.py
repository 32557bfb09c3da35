"""Logs that programs of a pass make are closed to others, as those that were there before it.

Package managers and programs such as aideinit write new logs that everybody may read; the next scan
would find them.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import placing
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused

_TOP = "/var/log"
_AT_MOST = 0o640
_LOGINS = ("wtmp*", "btmp*", "lastlog*", "faillog*")
"""Records of logins, which programs of several groups write: utmp(5)."""


def there() -> set[str]:
    """Every file below /var/log."""
    return {f"{above}/{name}" for above, _, names in os.walk(_TOP) for name in names}


def close(before: set[str]) -> None:
    """Take from others what they may do with files that are new since ``before``."""
    for path in sorted(there() - before):
        found = placing.stat_of(path)
        name = path.rpartition("/")[2]
        if found is None or found.kind != "file" or found.links != 1:
            continue
        if found.mode & ~_AT_MOST and not any(fnmatch.fnmatch(name, one) for one in _LOGINS):
            with contextlib.suppress(OSError, Refused):  # it may be gone by now
                placing.set_attributes(path, found.mode & _AT_MOST, found.uid, found.gid)
