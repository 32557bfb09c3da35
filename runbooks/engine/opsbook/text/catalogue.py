"""Choosing a language and turning messages into sentences (gettext, GNU manual chapter 11)."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from opsbook.model.message import Message, fill

LANGUAGES = ("zh_CN", "en")
_LOCALE_DIR = Path(__file__).parent / "locale"


class _Chosen:
    language = "en"


def known(asked: str) -> bool:
    """Whether ``asked`` means one of our languages: ``zh``, ``zh_CN.UTF-8``, ``en``, ``en-GB``."""
    return re.split("[-_.@]", asked.lower())[0] in ("zh", "en")


def choose(asked: str | None, env: Mapping[str, str] | None = None) -> str:
    """The language for ``--lang`` or, without it, for the locale variables of ``env``.

    ``zh``, ``zh_CN.UTF-8`` and the like give ``zh_CN``; everything else gives ``en``.
    """
    env = os.environ if env is None else env
    wanted = asked or env.get("OPSBOOK_LANG") or _locale(env)
    return "zh_CN" if wanted.lower().startswith("zh") else "en"


def _locale(env: Mapping[str, str]) -> str:
    return env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or "en"


def use(language: str) -> None:
    """Make ``language`` (one of :data:`LANGUAGES`) the one :func:`tr` and the rest use."""
    _Chosen.language = language


def current() -> str:
    """The language in use."""
    return _Chosen.language


def tr(text: str, /, **params: object) -> str:
    """Translate a literal of a face into the current language and fill its places."""
    return fill(_translation(_Chosen.language).gettext(text) if text else "", params)


def translate(message: Message, language: str | None = None) -> str:
    """``message`` as a sentence in ``language`` (default: the current one)."""
    return message.said(_translation(language or _Chosen.language).gettext)


@lru_cache(maxsize=4)
def _translation(language: str) -> gettext.NullTranslations:
    return gettext.translation("opsbook", _LOCALE_DIR, [language], fallback=True)
