"""The closed base of everything people declare in YAML."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from opsbook.model.message import Message, msg

_FOLD = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])")
"""The blank that a folded YAML text (``>-``) has where a line ended between two Chinese."""


def _unfolded(text: str) -> str:
    return _FOLD.sub("", text)


class Declared(BaseModel):
    """Unknown keys are errors, values are not bent into another type, instances never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bilingual(Declared):
    """One text in Chinese and English."""

    zh: Annotated[str, AfterValidator(_unfolded)]
    en: str

    def in_language(self, language: str) -> str:
        """The text for ``zh_CN`` or ``en``."""
        return self.zh if language.startswith("zh") else self.en

    def message(self) -> Message:
        """It as a message, or as a value in one: the Chinese of ``{en}`` is ``{zh}``."""
        return msg("{en}", en=self.en, zh=self.zh)
