"""Records and changes as pages people read: HTML, Markdown, text; Chinese and English.

May import ``text`` and ``model``. The templates are in ``reports/templates`` (installed:
``opsbook/_content/templates``), one per form for both languages. What is named here is loaded
when it is first used (PEP 562): every command takes its words from ``labels``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsbook.documents.changes.render import AnyForm, explain, render_change
    from opsbook.documents.page import Form, Language, render

__all__ = ["AnyForm", "Form", "Language", "explain", "render", "render_change"]

_HOMES = {"AnyForm": "changes.render", "explain": "changes.render",
          "render_change": "changes.render"}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"opsbook.documents.{_HOMES.get(name, 'page')}"), name)
