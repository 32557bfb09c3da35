"""The survey of a host as a task wants it."""

from __future__ import annotations

import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import snapshot
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import reader


def survey(params: t.Mapping[str, t.Any], may_refresh: bool) -> dict[str, t.Any]:
    """What the task returns, for arguments as the module ``patching_survey`` has them.

    Raises Refused when the package manager asked for is not there, or cannot be asked.
    """
    own = reader(params["manager"])
    refresh = own is not None and params["refresh"] and may_refresh and not params["brief"]
    if own is None:
        found = {"schema": snapshot.SCHEMA, "manager": "",
                 "trouble": "neither apt nor dnf is on this host"}  # fmt: skip
    elif params["brief"]:
        found = snapshot.brief(own)
    else:
        problem = own.refresh() if refresh else ""
        refreshed = refresh and not problem
        found = snapshot.whole(own, params["certificates"], refreshed, params["lease_directory"])
        if problem:
            found["lists"]["problem"] = problem
    named = {params["key"]: found} if params["key"] else found
    return {"changed": refresh, "opsbook_evidence": {**params["beside"], **named}}
