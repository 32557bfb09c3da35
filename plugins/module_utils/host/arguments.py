"""Arguments that modules of changes have alike; ``doc_fragments/change.py`` documents them."""

from __future__ import annotations

CHANGE = {
    "change": {"type": "str", "required": True},
    "plan": {"type": "dict", "required": True},
    "wait_seconds": {"type": "int", "default": 600},
}
KEEP = {"keep": {"type": "int", "default": 3}}
REPAIR = {"repair": {"type": "bool", "default": False}}
SCRIPT = {"script": {"type": "str", "default": ""}}
SURVEY = {"lease_directory": {"type": "path", "default": "/var/lib/opsbook"}}
MANAGER = {"manager": {"type": "str", "choices": ["auto", "apt", "dnf"], "default": "auto"}}
PATCHING_SURVEY = {
    **SURVEY,
    **MANAGER,
    "brief": {"type": "bool", "default": False},
    "key": {"type": "str", "default": "", "no_log": False},
    "beside": {"type": "dict", "default": {}},
    "refresh": {"type": "bool", "default": False},
    "certificates": {"type": "list", "elements": "path", "default": []},
}
