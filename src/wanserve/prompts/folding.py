"""Folds texts so that forms of writing which a reader takes for the same compare as equal."""

import re
import unicodedata
from typing import Final

_IGNORABLE: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that are not shown: Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt."""

_DIACRITICS: Final = r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
"""The blocks of combining diacritical marks. Marks of other blocks are letters of their scripts, as in Japanese or Hindi."""

_DROPPED: Final = re.compile(f"[{_IGNORABLE}{_DIACRITICS}]")

_LOOKALIKES: Final = str.maketrans(
    "ͿΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσυϜϳϺЅІЈАВЕКМНОРСТУХЬагеорсухѕіјѡѴѵҮүһҽӀӏԁԌԛԜԝ",
    "JABEZHIKMNOPTYXayivopouFjMSIJABEKMHOPCTYXbareopcyxsijwVvYyheIidGqWw",
)
"""The Greek and Cyrillic letters that look like Latin ones, by confusables.txt of Unicode Technical Standard 39."""

_WORD: Final = re.compile(r"\w+")
_LATIN: Final = re.compile("[A-Za-z]")
_SPACES: Final = re.compile(r"\s+")


def fold(text: str) -> str:
    """The text without case, width, accents, characters that are not shown, and Latin letters written by lookalikes.

    Each run of white space is one space. Traditional and simplified Chinese characters stay apart.
    """
    plain = _without_dropped(unicodedata.normalize("NFKC", text))
    latin = plain if plain.isascii() else _WORD.sub(_without_lookalikes, plain)
    # Twice, as the lower case of some letters brings a mark with it.
    folded = unicodedata.normalize("NFKC", _without_dropped(latin.casefold()))
    return _SPACES.sub(" ", folded).strip()


def _without_lookalikes(word: re.Match[str]) -> str:
    """The word with Latin letters in place of lookalikes, where it has others that are Latin; else the word itself."""
    return word[0].translate(_LOOKALIKES) if _LATIN.search(word[0]) else word[0]


def _without_dropped(text: str) -> str:
    return text if text.isascii() else _DROPPED.sub("", unicodedata.normalize("NFD", text))
