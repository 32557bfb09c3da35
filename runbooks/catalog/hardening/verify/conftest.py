"""A host is asked only for the controls of its own plan."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out pairs of a host and a control that is not planned on it."""
    plans = json.loads((Path(os.environ["OPSBOOK_VERIFY"]) / "plans.json").read_text())
    items[:] = [item for item in items if _is_planned(item, plans)]


def _is_planned(item: pytest.Item, plans: dict[str, dict[str, dict[str, object]]]) -> bool:
    params = item.callspec.params  # type: ignore[attr-defined]
    controls = plans.get(params["opsbook_host"], {}).get("given", {}).get("controls", {})
    return params.get("control") in controls  # type: ignore[operator]
