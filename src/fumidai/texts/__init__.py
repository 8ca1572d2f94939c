# SPDX-License-Identifier: Apache-2.0
"""Every text a person reads, in English and Japanese.

The English text in the code is the key (gettext); the Japanese lies in `locale/ja/LC_MESSAGES/fumidai.po` and its
compiled `.mo`, which `dev.py texts` writes. A room that only *names* a text marks it with `N_`; the room that prints it
(`report`, `cli`) asks the catalogue and fills the fields in:

    >>> COUNT = N_("{count} refused")
    >>> catalogue(["en"]).gettext(COUNT).format(count=3)
    '3 refused'

Fields are `{name}` in both languages, never `%s`, so that a translation may change their order.

Limits: pure; which languages a person wants is an argument (`choose_language` reads the *value* of LANG, not the
environment). A language we don't have reads as English. Verdict words, test ids, options and SMTP words stay English.
"""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

Language = Literal["en", "ja"]

DOMAIN = "fumidai"
LANGUAGES: tuple[Language, ...] = ("en", "ja")


def N_(text: str) -> str:
    """Mark a text for translation without translating it here."""
    return text


def choose_language(lang_env: str | None) -> Language:
    """The language for a value of LANG, LC_ALL or LANGUAGE (`ja_JP.UTF-8`, `ja:en`, `C`, empty or None).

    English for everything that is not Japanese, so that an unknown value never leaves a person without text.
    """
    for wanted in (lang_env or "").split(":"):
        name = wanted.replace("-", "_").partition(".")[0].partition("@")[0].partition("_")[0].strip().lower()
        if name in ("ja", "japanese"):
            return "ja"
        if name:
            return "en"
    return "en"


def catalogue(languages: Sequence[str]) -> gettext.NullTranslations:
    """The texts in the first of `languages` that we have; English if none."""
    for language in languages:
        known = language.replace("-", "_").partition("_")[0].lower()
        if known == "en":
            break
        if known in LANGUAGES:
            return _load(known)
    return gettext.NullTranslations()


@lru_cache(maxsize=len(LANGUAGES))
def _load(language: str) -> gettext.NullTranslations:
    place = resources.files(__name__) / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with place.open("rb") as file:
        return gettext.GNUTranslations(file)
