"""Knows how to read a prompt, in English and Chinese: finds the lexicon's words in a text. Pure.

English words are matched whole and longest phrase first, Chinese words longest first at each place. An emoji is read
as its Unicode name.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from wanserve.engine.animatic.storyboard import Rig, Setting, Subject

TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[\u3400-\u9fff]+|[^\sa-z0-9\u3400-\u9fff]")
LONGEST = 6
"""Words in the longest English phrase, letters in the longest Chinese word."""

SCENES = frozenset({"settings", "hints", "times", "weathers"})
"""Tables in which a plural means a place rather than two of a thing: trees are a forest."""

IRREGULAR = {
    "mouse": "mice", "goose": "geese", "ox": "oxen", "wolf": "wolves", "man": "men", "woman": "women",
    "child": "children", "person": "people", "leaf": "leaves", "fish": "fish", "sheep": "sheep", "deer": "deer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """A word of the lexicon found in a text.

    `meanings` are (table, name) pairs, none for a word that the lexicon knows to mean nothing; `negated` where a "no"
    stands before it.
    """

    word: str
    meanings: tuple[tuple[str, str], ...]
    plural: bool = False
    negated: bool = False

    def name(self, table: str) -> str | None:
        """What it means in that table, or None."""
        return next((name for kind, name in self.meanings if kind == table), None)


@dataclass(frozen=True)
class ParsedText:
    """A text as read: hits in their order, with the unknown words between them as plain strings."""

    parts: tuple[Match | str, ...]

    @property
    def hits(self) -> list[Match]:
        """Only what was found, without what a "no" takes away."""
        return [p for p in self.parts if isinstance(p, Match) and not p.negated]

    def names(self, table: str) -> list[str]:
        """All names of that table, in the order of the text, each once."""
        return list(dict.fromkeys(n for h in self.hits if (n := h.name(table)) is not None))


@dataclass
class Lexicon:
    """All known words, and the subjects by name."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    words: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    plurals: set[str] = field(default_factory=set)

    def read(self, text: str) -> ParsedText:
        """Find the words of the lexicon in a text. Any text at all is read without an error."""
        tokens = TOKEN.findall(_plain(text))
        parts: list[Match | str] = []
        at = 0
        while at < len(tokens):
            if "\u3400" <= tokens[at][0] <= "\u9fff":
                parts += self._chinese(tokens[at])
                at += 1
                continue
            hit, used = self._english(tokens, at)
            parts.append(hit if hit is not None else tokens[at])
            at += used
        return ParsedText(tuple(_negate(parts)))

    def _english(self, tokens: list[str], at: int) -> tuple[Match | None, int]:
        for count in range(LONGEST, 0, -1):
            words = " ".join(t.removesuffix("'s") for t in tokens[at : at + count])
            if words in self.words and at + count <= len(tokens):
                return Match(words, self.words[words], words in self.plurals), count
        return None, 1

    def _chinese(self, run: str) -> list[Match | str]:
        parts: list[Match | str] = []
        at = 0
        while at < len(run):
            count = next((n for n in range(LONGEST, 0, -1) if run[at : at + n] in self.words), 0)
            word = run[at : at + max(1, count)]
            parts.append(Match(word, self.words[word]) if count else word)
            at += len(word)
        return parts

    def add(self, word: str, table: str, name: str) -> None:
        """Learn a word; a word may mean something in several tables, but one thing in each."""
        known = self.words.get(word, ())
        if all(kind != table for kind, _ in known):
            self.words[word] = (*known, (table, name))


def load_lexicon() -> Lexicon:
    """Read the words from the package's data."""
    text = (resources.files("wanserve.engine.animatic") / "lexicon.json").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = json.loads(text)
    lexicon = Lexicon()
    for table, entries in tables.items():
        for name, entry in entries.items():
            for word in (*entry["en"], *entry["zh"]):
                lexicon.add(_key(word), table, name)
    for name, entry in tables["subjects"].items():
        lexicon.subjects[name] = _subject(name, entry)
        for word in entry["en"]:
            plural = _plural(_key(word))
            if not any(table in SCENES for table, _ in lexicon.words.get(plural, ())):
                lexicon.add(plural, "subjects", name)
            lexicon.plurals.add(plural)
    return lexicon


def _subject(name: str, entry: dict[str, Any]) -> Subject:
    faces = 1 if entry.get("faces") == "right" else -1
    rig, home = Rig(entry["rig"]), Setting(entry["home"])
    looks = [entry.get(key, "") for key in ("body", "coat", "glow")]
    return Subject(name, entry["art"], rig, entry["size"], home, faces, *looks)


def _key(word: str) -> str:
    return " ".join(TOKEN.findall(_plain(word))).replace("'s", "")


def _plain(text: str) -> str:
    """Lower case, full-width letters made plain, hyphens made spaces, an emoji spelled out as its name."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("-", " ").replace("\u2019", "'")
    return "".join(
        f" {unicodedata.name(c, ' ').lower()} " if ord(c) > 0x2FFFF // 3 and _pictured(c) else c for c in folded
    )


def _pictured(char: str) -> bool:
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
    """FilledPath each hit that directly follows a "no"; in Chinese or English."""
    done: list[Match | str] = []
    negating = False
    for part in parts:
        if isinstance(part, Match):
            hit = Match(part.word, part.meanings, part.plural, negated=True) if negating and part.meanings else part
            negating = hit.name("negations") is not None
            done.append(hit)
            continue
        if part not in ("any", "a", "the", "or", "和", "或"):
            negating = False
        done.append(part)
    return done
