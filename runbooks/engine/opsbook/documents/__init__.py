"""Records and changes as pages people read: HTML, Markdown, text; Chinese and English.

May import ``text`` and ``model``. The templates are in ``reports/templates`` (installed:
``opsbook/_content/templates``), one per form for both languages.
"""

from opsbook.documents.changes.render import AnyForm, explain, render_change
from opsbook.documents.page import Form, Language, render

__all__ = ["AnyForm", "Form", "Language", "explain", "render", "render_change"]
