"""Messages in Chinese and English.

A fact is kept as a :class:`opsbook.model.message.Message` (English text with named places
and their values) and becomes a sentence only where somebody reads it. May import ``model``.
"""

from opsbook.text.catalogue import LANGUAGES, choose, current, known, tr, translate, use

__all__ = ["LANGUAGES", "choose", "current", "known", "tr", "translate", "use"]
