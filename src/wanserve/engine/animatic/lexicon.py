"""Finds the words of the lexicon in a prompt, in English and Chinese. Pure.

English words are matched whole and the longest phrase first, Chinese words the longest first at each position. An emoji
is read as its Unicode name.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from importlib import resources
from typing import TypedDict

from wanserve.engine.animatic.storyboard import Rig, Setting, Subject

TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[\u3400-\u9fff]+|[^\sa-z0-9\u3400-\u9fff]")
LONGEST = 6
"""How many words the longest English phrase has, and how many characters the longest Chinese word."""

SCENES = frozenset({"settings", "hints", "times", "weathers"})
"""The tables in which a plural means a place and not several subjects: "trees" is a forest."""

IRREGULAR = {
    "mouse": "mice", "goose": "geese", "ox": "oxen", "wolf": "wolves", "man": "men", "woman": "women",
    "child": "children", "person": "people", "leaf": "leaves", "fish": "fish", "sheep": "sheep", "deer": "deer",
}  # fmt: skip


class Entry(TypedDict):
    """The words for one name of a table."""

    en: list[str]
    zh: list[str]


class _SubjectFields(Entry):
    art: str
    rig: str
    size: float
    home: str


class SubjectEntry(_SubjectFields, total=False):
    """The words for a subject, and how it is drawn; see Subject."""

    faces: str
    body: str
    coat: str
    glow: str


@dataclass(frozen=True, slots=True)
class Match:
    """A word of the lexicon that was found in a text.

    `meanings` are pairs of table and name; a word that is known to have no meaning has none. `negated`: a "no" precedes
    the word.
    """

    word: str
    meanings: tuple[tuple[str, str], ...]
    plural: bool = False
    negated: bool = False

    def name(self, table: str) -> str | None:
        """Its meaning in that table, or None."""
        return next((name for kind, name in self.meanings if kind == table), None)


@dataclass(frozen=True)
class ParsedText:
    """A parsed text: the matches in their order, with the unknown words between them as plain strings."""

    parts: tuple[Match | str, ...]

    @property
    def matches(self) -> list[Match]:
        """Only the matches, without the negated ones."""
        return [p for p in self.parts if isinstance(p, Match) and not p.negated]

    def names(self, table: str) -> list[str]:
        """The names of that table in the order of the text, each of them once."""
        return list(dict.fromkeys(n for h in self.matches if (n := h.name(table)) is not None))


@dataclass
class Lexicon:
    """The known words, and the subjects by name."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    words: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    plurals: set[str] = field(default_factory=set)

    def read(self, text: str) -> ParsedText:
        """Find the words of the lexicon in a text. Accepts any text."""
        tokens = TOKEN.findall(_normalise(text))
        parts: list[Match | str] = []
        at = 0
        while at < len(tokens):
            if "\u3400" <= tokens[at][0] <= "\u9fff":
                parts += self._match_chinese(tokens[at])
                at += 1
                continue
            match, used = self._match_english(tokens, at)
            parts.append(match if match is not None else tokens[at])
            at += used
        return ParsedText(tuple(_negate(parts)))

    def _match_english(self, tokens: list[str], at: int) -> tuple[Match | None, int]:
        for count in range(LONGEST, 0, -1):
            words = " ".join(t.removesuffix("'s") for t in tokens[at : at + count])
            if words in self.words and at + count <= len(tokens):
                return Match(words, self.words[words], words in self.plurals), count
        return None, 1

    def _match_chinese(self, run: str) -> list[Match | str]:
        parts: list[Match | str] = []
        at = 0
        while at < len(run):
            count = next((n for n in range(LONGEST, 0, -1) if run[at : at + n] in self.words), 0)
            word = run[at : at + max(1, count)]
            parts.append(Match(word, self.words[word]) if count else word)
            at += len(word)
        return parts

    def add(self, word: str, table: str, name: str) -> None:
        """Add a word. It may have a meaning in several tables, but only one in each."""
        known = self.words.get(word, ())
        if all(kind != table for kind, _ in known):
            self.words[word] = (*known, (table, name))


def load_lexicon() -> Lexicon:
    """Read the words from the package's data."""
    text = (resources.files("wanserve.engine.animatic") / "lexicon.json").read_text(encoding="utf-8")
    content = json.loads(text)
    tables: dict[str, dict[str, Entry]] = content
    subjects: dict[str, SubjectEntry] = content["subjects"]
    lexicon = Lexicon()
    for table, entries in tables.items():
        for name, entry in entries.items():
            for word in (*entry["en"], *entry["zh"]):
                lexicon.add(_key(word), table, name)
    for name, subject in subjects.items():
        lexicon.subjects[name] = _subject(name, subject)
        for word in subject["en"]:
            plural = _plural(_key(word))
            if not any(table in SCENES for table, _ in lexicon.words.get(plural, ())):
                lexicon.add(plural, "subjects", name)
            lexicon.plurals.add(plural)
    return lexicon


def _subject(name: str, entry: SubjectEntry) -> Subject:
    faces = 1 if entry.get("faces") == "right" else -1
    rig, home = Rig(entry["rig"]), Setting(entry["home"])
    body, coat, glow = entry.get("body", ""), entry.get("coat", ""), entry.get("glow", "")
    return Subject(name, entry["art"], rig, entry["size"], home, faces, body, coat, glow)


def _key(word: str) -> str:
    return " ".join(TOKEN.findall(_normalise(word))).replace("'s", "")


def _normalise(text: str) -> str:
    """Convert to lower case and half-width letters, hyphens to spaces, and an emoji to its name."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("-", " ").replace("\u2019", "'")
    return "".join(
        f" {unicodedata.name(c, ' ').lower()} " if ord(c) > 0x2FFFF // 3 and _is_symbol(c) else c for c in folded
    )


def _is_symbol(char: str) -> bool:
    return unicodedata.category(char) == "So"


def _plural(phrase: str) -> str:
    *head, word = phrase.split(" ")
    if word in IRREGULAR:
        many = IRREGULAR[word]
    elif word.endswith(("s", "x", "ch", "sh")):
        many = word + "es"
    elif word.endswith("y") and word[-2:-1] not in "aeiou":
        many = word[:-1] + "ies"
    else:
        many = word + "s"
    return " ".join((*head, many))


def _negate(parts: list[Match | str]) -> list[Match | str]:
    """Set `negated` on each match that directly follows a "no", in Chinese or English."""
    done: list[Match | str] = []
    negating = False
    for part in parts:
        if isinstance(part, Match):
            match = Match(part.word, part.meanings, part.plural, negated=True) if negating and part.meanings else part
            negating = match.name("negations") is not None
            done.append(match)
            continue
        if part not in ("any", "a", "the", "or", "和", "或"):
            negating = False
        done.append(part)
    return done
