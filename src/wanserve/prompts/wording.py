"""Knows of a prompt's text in which language it is, how long it is, and what in it is quoted."""

import re
from enum import StrEnum
from typing import Final

_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA: Final = re.compile(r"[\u3040-\u30ff]")

# An apostrophe is no quote: a straight single quote opens after none and closes before none of a word's characters.
# A double one opens after no digit or Latin letter, so that an inch's sign opens nothing.
_QUOTED: Final = re.compile(
    r'(?<![0-9A-Za-z])"[^"]*"'
    r"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|‘.+?’(?!\w)"
    r"|(?<![\w'])'[^']+'(?!\w)"
)
_PLAIN_QUOTES: Final = str.maketrans("‘’“”", "''\"\"")


class Language(StrEnum):
    """The languages that the Wan models were trained in."""

    CHINESE = "zh"
    ENGLISH = "en"


def language_of(prompt: str) -> Language:
    """Chinese where Chinese characters stand outside of quotes, and no Japanese kana among them; else English.

    Of a prompt that is nothing but a quote, the quote decides.
    """
    own = outside_quotes(prompt)
    words = own if own.strip() else prompt
    return Language.CHINESE if _HAN.search(words) and not _KANA.search(words) else Language.ENGLISH


def is_mostly_chinese(text: str) -> bool:
    """Whether Chinese characters are at least half of the letters outside of quotes."""
    own = outside_quotes(text)
    return 2 * len(_HAN.findall(own)) >= sum(map(str.isalpha, own))


def length(text: str, language: Language) -> int:
    """Characters without white space for Chinese, words for English."""
    words = text.split()
    return sum(map(len, words)) if language is Language.CHINESE else len(words)


def quoted(text: str) -> list[str]:
    """What stands between quotes, plainly written, without the comma or full stop that the sentence put in there."""
    # Every quote is one character wide.
    inner = (plainly(found[0][1:-1]).strip(" ,.;，。；") for found in _QUOTED.finditer(text))
    return [words for words in inner if words]


def outside_quotes(text: str) -> str:
    """The text without what is quoted in it."""
    return _QUOTED.sub(" ", text)


def plainly(text: str) -> str:
    """The text with straight quotes and single spaces, for comparing."""
    return " ".join(text.translate(_PLAIN_QUOTES).split())
