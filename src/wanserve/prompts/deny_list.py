"""Reads the owner's deny list, and finds its entries in a text. docs/moderation.md says what is found and what is not."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.prompts.folding import fold
from wanserve.prompts.patterns import Pattern, compile_patterns

SPELLED_OUT_LEAST: Final = 3
"""So many single letters in a row are also read as one word."""

_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u31a0-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""The scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Bopomofo and Chinese characters."""

_HAS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_WORD: Final = re.compile(rf"[^\W_{_UNSPACED}]+")
_NO_LETTER: Final = re.compile(r"[\W_]+")

Tokens = str | tuple[str, ...]
"""A sequence of characters, or of words."""


@dataclass(frozen=True, slots=True)
class Index:
    """Finds any of many sequences in a sequence, in a time that hardly depends on how many there are.

    `lengths` are the lengths of the entries that begin with a token.
    """

    entries: frozenset[Tokens]
    lengths: Mapping[str, Sequence[int]]

    def is_in(self, tokens: Tokens) -> bool:
        """Whether one of the entries is in there."""
        return any(
            tokens[at : at + length] in self.entries
            for at, token in enumerate(tokens)
            for length in self.lengths.get(token, ())
        )


@dataclass(frozen=True, slots=True)
class DenyList:
    """The entries, compiled. `size` is their number."""

    words: Index
    unspaced: Index
    patterns: Sequence[Pattern]
    size: int

    def denies(self, text: str) -> bool:
        """Whether one of the entries is in the text. Takes some ten microseconds, and the time of the patterns."""
        folded = fold(text)
        chunks = [letters for chunk in folded.split(" ") if (letters := _NO_LETTER.sub("", chunk))]
        return (
            self.words.is_in(tuple(_WORD.findall(folded)))
            or self.words.is_in(tuple(chunks))
            or any(self.words.is_in((word,)) for word in _spelled_out(chunks))
            or self.unspaced.is_in("".join(chunks))
            or any(pattern.is_in(folded) for pattern in self.patterns)
        )


def read_deny_list(file: Path) -> DenyList:
    """Read and compile the list. Raises SetupError with one line that names the file, and the line where there is one."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SetupError(f"moderation: the list {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"moderation: the list {file} is not a text in UTF-8 (byte {error.start})") from error
    try:
        return compile_list(text)
    except ValueError as error:
        raise SetupError(f"moderation: the list {file}: {error}") from error


def compile_list(text: str) -> DenyList:
    """Compile a list, one entry a line. Raises ValueError with the problem and its line."""
    words, unspaced, patterns = set[Tokens](), set[Tokens](), dict[int, str]()
    for number, entry in _entries(text):
        if len(entry) > 2 and entry.startswith("/") and entry.endswith("/"):
            patterns[number] = entry[1:-1]
            continue
        folded = fold(entry)
        letters = _NO_LETTER.sub("", folded)
        if not letters or any(unicodedata.category(letter).startswith("S") for letter in folded):
            raise ValueError(f"line {number} has no letter, or a symbol, which texts are compared without: write /…/")
        if _HAS_UNSPACED.search(letters):
            unspaced.add(letters)
        else:
            words.add(tuple(_WORD.findall(folded)))
    if not (words or unspaced or patterns):
        raise ValueError("it has no entry")
    size = len(words) + len(unspaced) + len(patterns)
    return DenyList(_index(words), _index(unspaced), compile_patterns(patterns), size)


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """The entries with the numbers of their lines."""
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield number, entry


def _index(entries: Iterable[Tokens]) -> Index:
    lengths = defaultdict[str, set[int]](set)
    for entry in entries:
        lengths[entry[0]].add(len(entry))
    return Index(frozenset(entries), {token: sorted(found) for token, found in lengths.items()})


def _spelled_out(chunks: Sequence[str]) -> Iterator[str]:
    """The words that are written letter by letter, such as "n u d e"; also without a first letter that may be a word."""
    for single, letters in groupby(chunks, key=lambda chunk: len(chunk) == 1):
        word = "".join(letters) if single else ""
        if len(word) >= SPELLED_OUT_LEAST:
            yield from (word, word[1:])
