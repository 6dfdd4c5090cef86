"""Finds the language, the length and the quotes of a prompt."""

import re
from enum import StrEnum
from typing import Final

_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA: Final = re.compile(r"[\u3040-\u30ff]")

# A straight single quote inside a word is an apostrophe, so it neither opens after nor closes before a letter or digit.
# A double quote after a digit or a Latin letter is an inch sign and opens nothing.
_QUOTED: Final = re.compile(
    r'(?<![0-9A-Za-z])"[^"]*"'
    r"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|‘.+?’(?!\w)"
    r"|(?<![\w'])'[^']+'(?!\w)"
)
_STRAIGHT_QUOTES: Final = str.maketrans("‘’“”", "''\"\"")


class Language(StrEnum):
    """The languages that the Wan models were trained in."""

    CHINESE = "zh"
    ENGLISH = "en"


def language_of(prompt: str) -> Language:
    """Chinese if there are Chinese characters and no Japanese kana outside of quotes, else English.

    If the whole prompt is a quote, the language of the quote.
    """
    unquoted = outside_quotes(prompt)
    text = unquoted if unquoted.strip() else prompt
    return Language.CHINESE if _HAN.search(text) and not _KANA.search(text) else Language.ENGLISH


def is_mostly_chinese(text: str) -> bool:
    """Whether at least half of the letters outside of quotes are Chinese characters."""
    unquoted = outside_quotes(text)
    return 2 * len(_HAN.findall(unquoted)) >= sum(map(str.isalpha, unquoted))


def length(text: str, language: Language) -> int:
    """The number of characters without white space for Chinese, of words for English."""
    words = text.split()
    return sum(map(len, words)) if language is Language.CHINESE else len(words)


def quoted_texts(text: str) -> list[str]:
    """The texts in quotes, after `normalise_quotes`, without a comma or full stop at their ends."""
    # Every quotation mark is one character.
    inner = (normalise_quotes(found[0][1:-1]).strip(" ,.;，。；") for found in _QUOTED.finditer(text))
    return [quote for quote in inner if quote]


def outside_quotes(text: str) -> str:
    """The text without its quotes."""
    return _QUOTED.sub(" ", text)


def normalise_quotes(text: str) -> str:
    """The text with straight quotation marks and single spaces, for comparison."""
    return " ".join(text.translate(_STRAIGHT_QUOTES).split())
