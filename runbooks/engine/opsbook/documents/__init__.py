"""Records as pages people read: HTML and Markdown, Chinese and English.

May import ``text`` and ``model``.
"""
