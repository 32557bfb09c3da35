"""Records as pages people read: HTML and Markdown, Chinese and English.

May import ``text`` and ``model``. The templates are in ``reports/templates/record`` (installed:
``opsbook/_content/templates/record``), one per form for both languages.
"""

from opsbook.documents.page import Form, Language, render

__all__ = ["Form", "Language", "render"]
