"""The closed base of everything people declare in YAML."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """Unknown keys are errors, values are not bent into another type, instances never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bilingual(Declared):
    """One text in Chinese and English."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text for ``zh_CN`` or ``en``."""
        return self.zh if language.startswith("zh") else self.en
