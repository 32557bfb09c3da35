"""How the modules that write end: done, refused, or failed."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Failed,
    Refused,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def end_with(
    module: AnsibleModule,
    do: t.Callable[[], t.Dict[str, t.Any]],
    wrote_nothing: t.Callable[[], bool],
) -> None:
    """Do it, and end the module with what came of it.

    ``opsbook_refused`` says that this change has written nothing on this host, now or before; a
    refusal on a host that is half-way is a failure, so that the host is brought back.
    """
    try:
        module.exit_json(**do())
    except Refused as refused:
        module.fail_json(msg=str(refused), opsbook_refused=_surely(wrote_nothing))
    except Failed as failed:
        module.fail_json(msg=str(failed))
    except OSError as error:
        where = error.filename or "the disk"
        module.fail_json(msg=f"{where}: {error.strerror}")


def _surely(wrote_nothing: t.Callable[[], bool]) -> bool:
    try:
        return wrote_nothing()
    except Refused:  # a plan or number that cannot be used has never been
        return True
