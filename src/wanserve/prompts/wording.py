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
_PLAIN_QUOTES: Final = str.maketrans("‘’“”", "''\"\"")


class Language(StrEnum):
    """The languages that the Wan models were trained in."""

    CHINESE = "zh"
    ENGLISH = "en"


def language_of(prompt: str) -> Language:
    """Chinese if there are Chinese characters and no Japanese kana outside of quotes, else English.

    If the whole prompt is a quote, the quote decides.
    """
    own = outside_quotes(prompt)
    words = own if own.strip() else prompt
    return Language.CHINESE if _HAN.search(words) and not _KANA.search(words) else Language.ENGLISH


def is_mostly_chinese(text: str) -> bool:
    """Whether at least half of the letters outside of quotes are Chinese characters."""
    own = outside_quotes(text)
    return 2 * len(_HAN.findall(own)) >= sum(map(str.isalpha, own))


def length(text: str, language: Language) -> int:
    """The number of characters without white space for Chinese, of words for English."""
    words = text.split()
    return sum(map(len, words)) if language is Language.CHINESE else len(words)


def quoted(text: str) -> list[str]:
    """The quoted texts as `plainly` gives them, without a comma or full stop at their ends."""
    # Every quote is one character wide.
    inner = (plainly(found[0][1:-1]).strip(" ,.;，。；") for found in _QUOTED.finditer(text))
    return [words for words in inner if words]


def outside_quotes(text: str) -> str:
    """The text without its quotes."""
    return _QUOTED.sub(" ", text)


def plainly(text: str) -> str:
    """The text with straight quotes and single spaces, for comparison."""
    return " ".join(text.translate(_PLAIN_QUOTES).split())
