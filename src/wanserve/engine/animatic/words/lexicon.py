"""Loads the tables of known words and finds them in a text, in English and Chinese.

English words are matched whole and the longest phrase first, Chinese words the longest first at each position. An emoji
is read as its Unicode name. The result is a list of sentences, each a list of tokens.
"""

import json
import lzma
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from wanserve.engine.animatic.scene import Medium, Rig, Subject
from wanserve.engine.animatic.words.forms import plural, verb_forms

PIECE = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[\u3400-\u9fff]+|[^\sa-z0-9\u3400-\u9fff]")
SENTENCE_ENDS = frozenset(".!?;\u3002\uff01\uff1f\uff1b\n")
CLAUSE_ENDS = frozenset(',\uff0c\u3001:\uff1a()\uff08\uff09\u2014"\u201c\u201d')
LONGEST_ENGLISH = 6
"""Words in the longest English phrase."""

LONGEST_CHINESE = 9
"""Characters in the longest Chinese word."""

CHINESE = ("\u3400", "\u9fff")
ENDINGS = (
    "着",
    "过",
    "去",
    "来",
    "出",
    "进",
    "向",
    "到",
    "回",
    "起",
    "过来",
    "过去",
    "出来",
    "进来",
    "起来",
    "下来",
    "上去",
)
"""What a Chinese verb of one character may end on without meaning anything else."""

ACTIVITY_MOTIONS = {
    Rig.WHEELS: "run", Rig.GALLOP: "run", Rig.GLIDE: "run", Rig.BOAT: "swim", Rig.CRAFT: "fly", Rig.DANCER: "dance",
}  # fmt: skip
Meanings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Token:
    """A word or phrase of a text, or a punctuation mark.

    `meanings` is from table to name, empty for an unknown word. `form` is that of a verb: `base`, `s`, `ing` or `ed`.
    `owner`: an English word with 's.
    """

    text: str
    meanings: Meanings = field(default_factory=dict)
    plural: bool = False
    form: str = ""
    owner: bool = False

    def name(self, table: str) -> str:
        """Its name in that table, or ""."""
        return self.meanings.get(table, "")

    def is_any(self, *tables: str) -> bool:
        """Whether it has a meaning in one of the tables."""
        return any(table in self.meanings for table in tables)

    @property
    def chinese(self) -> bool:
        """Whether it is written in Chinese characters."""
        return is_chinese(self.text)

    @property
    def ends_clause(self) -> bool:
        """Whether it is a comma or the like, or ends a sentence."""
        return self.text in CLAUSE_ENDS or self.text in SENTENCE_ENDS


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb says of its subject, see `verbs.json`.

    `object` says what the thing after it is: "" for nothing special, `ride`, `drive`, `hold`, `chase`, `follow`,
    `play`, `wear`, `use`, `beside`, `push`, `meet` or `none`. `prop` is held where nothing else is named. `quiet`: the
    verb says nothing that is drawn. `human`: only people do it. `way`: it goes `up` or `down`. `activity` names the picture of somebody who does it.
    """

    name: str
    motion: str = ""
    action: str = ""
    object: str = ""
    prop: str = ""
    quiet: bool = False
    human: bool = False
    activity: str = ""
    way: str = ""


@dataclass(frozen=True, slots=True)
class Activity:
    """A whole picture of somebody who does something: the art of a man and of a woman, its rig and its height."""

    man: str
    woman: str
    rig: Rig
    metres: float
    home: str


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of person: `who` and `outfit` as `scene.Person` has them, and the activity that shows best what they do."""

    name: str
    who: str
    outfit: str
    activity: str = ""


@dataclass
class Lexicon:
    """The known words, and what they stand for."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    verbs: dict[str, Verb] = field(default_factory=dict)
    activities: dict[str, Activity] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    plurals: set[str] = field(default_factory=set)
    forms: dict[str, str] = field(default_factory=dict)
    articled: set[str] = field(default_factory=set)
    """The words that are nouns only after an article, a number or an adjective: "a sink"."""
    kinds: set[str] = field(default_factory=set)
    """The words that stand for a subject only because they name a kind of it."""

    def read(self, text: str) -> list[list[Token]]:
        """Split a text into sentences of tokens. Accepts any text; a sentence without a word is left out."""
        sentences: list[list[Token]] = [[]]
        pieces = PIECE.findall(_normalised(text))
        at = 0
        while at < len(pieces):
            piece = pieces[at]
            if piece in SENTENCE_ENDS:
                sentences.append([])
                at += 1
            elif is_chinese(piece):
                sentences[-1] += self._chinese(piece)
                at += 1
            else:
                token, used = self._english(pieces, at)
                sentences[-1].append(token)
                at += used
        return [s for s in sentences if any(t.text.isalnum() or t.meanings for t in s)]

    def _english(self, pieces: list[str], at: int) -> tuple[Token, int]:
        for count in range(min(LONGEST_ENGLISH, len(pieces) - at), 0, -1):
            last = pieces[at + count - 1]
            bare = last.removesuffix("'s")
            phrase = " ".join((*pieces[at : at + count - 1], bare))
            meanings = self.words.get(phrase)
            if meanings is not None:
                form = self.forms.get(phrase, "") if "verbs" in meanings else ""
                return Token(phrase, meanings, phrase in self.plurals, form, bare != last), count
        bare = pieces[at].removesuffix("'s")
        return Token(bare, owner=bare != pieces[at]), 1

    def _chinese(self, run: str) -> list[Token]:
        tokens: list[Token] = []
        unknown = ""
        at = 0
        while at < len(run):
            count = next(
                (n for n in range(min(LONGEST_CHINESE, len(run) - at), 0, -1) if run[at : at + n] in self.words), 0
            )
            word = run[at : at + max(1, count)]
            at += len(word)
            if not count:
                unknown += word
                continue
            if unknown:
                tokens.append(Token(unknown))
                unknown = ""
            tokens.append(Token(word, self.words[word], form="base" if "verbs" in self.words[word] else ""))
        return [*tokens, Token(unknown)] if unknown else tokens

    def add(self, word: str, table: str, name: str) -> None:
        """Add a word. It may have a meaning in several tables, but only one in each: the first."""
        self.words.setdefault(word, {}).setdefault(table, name)


def load_lexicon() -> Lexicon:
    """Read the words from the package's data. Takes about 100 ms."""
    lexicon = Lexicon()
    _add_subjects(lexicon, _table("subjects.json"))
    _add_roles(lexicon, _table("roles.json"))
    _add_activities(lexicon, _table("activities.json"))
    _add_verbs(lexicon, _table("verbs.json"))
    _add_places(lexicon, _table("places.json"))
    for table, entries in _table("words.json").items():
        _add_plain(lexicon, table, entries)
    _add_kinds(lexicon)
    return lexicon


def key(word: str) -> str:
    """The form under which a word is kept: as a text that holds it is split."""
    return " ".join(PIECE.findall(_normalised(word))).replace("'s", "")


def is_chinese(text: str) -> bool:
    """Whether the text begins with a Chinese character."""
    return CHINESE[0] <= text[:1] <= CHINESE[1]


def _add_subjects(lexicon: Lexicon, entries: Mapping[str, Any]) -> None:
    for name, entry in entries.items():
        lexicon.subjects[name] = _subject(name, entry)
        _add_nouns(lexicon, entry, "subjects", name)


def _add_roles(lexicon: Lexicon, entries: Mapping[str, Any]) -> None:
    for name, entry in entries.items():
        lexicon.roles[name] = Role(name, entry["who"], entry["outfit"], entry.get("activity", ""))
        _add_nouns(lexicon, entry, "roles", name)


def _add_plain(lexicon: Lexicon, table: str, entries: Mapping[str, Any]) -> None:
    """Add words without properties. Each name under "plain" is a table of its own: conjunctions, clothing."""
    for name, entry in entries.items():
        for word in _words(entry):
            lexicon.add(word, table if table != "plain" else name, name)
        for word in entry["en"] if name == "clothing" else ():
            lexicon.add(plural(key(word)), name, name)


def _add_nouns(lexicon: Lexicon, entry: Mapping[str, Any], table: str, name: str) -> None:
    nouns = [key(word) for word in entry.get("noun", ())]
    lexicon.articled.update(nouns)
    for word in (*_words(entry), *nouns):
        lexicon.add(word, table, name)
        if entry.get("worn"):
            lexicon.add(word, "clothing", "clothing")
    for word in (*map(key, entry["en"]), *nouns):
        many = plural(word)
        lexicon.add(many, table, name)
        if entry.get("worn"):
            lexicon.add(many, "clothing", "clothing")
        if many != word:
            lexicon.plurals.add(many)
    for word in entry.get("plural", ()):
        lexicon.add(key(word), table, name)
        lexicon.plurals.add(key(word))


def _add_verbs(lexicon: Lexicon, entries: Mapping[str, Any]) -> None:
    for name, entry in entries.items():
        lexicon.verbs[name] = Verb(
            name,
            entry.get("motion", ""),
            entry.get("action", ""),
            entry.get("object", ""),
            entry.get("prop", ""),
            entry.get("quiet", False),
            entry.get("who") == "person",
            way=entry.get("way", ""),
        )
        for word in entry["zh"]:
            endings = ENDINGS if len(word) == 1 and entry.get("motion") else ()
            for form in (word, *(word + ending for ending in endings)):
                lexicon.add(form, "verbs", name)
        for word in entry["en"]:
            for form, kind in verb_forms(key(word)):
                lexicon.add(form, "verbs", name)
                lexicon.forms.setdefault(form, kind)


def _add_activities(lexicon: Lexicon, entries: Mapping[str, Any]) -> None:
    for name, entry in entries.items():
        lexicon.activities[name] = Activity(
            entry["man"], entry["woman"], Rig(entry["rig"]), entry["metres"], entry["home"]
        )
        motion = ACTIVITY_MOTIONS.get(Rig(entry["rig"]), "stand")
        lexicon.verbs[name] = Verb(name, motion, human=True, activity=name)
        for word in _words(entry):
            lexicon.add(word, "verbs", name)
            lexicon.forms[word] = "ing" if word.split(" ")[0].endswith("ing") else "s"


def _add_places(lexicon: Lexicon, entries: Mapping[str, Any]) -> None:
    lexicon.places = set(entries)
    for name, entry in entries.items():
        for word in (*_words(entry), *(plural(key(w)) for w in entry["en"])):
            lexicon.add(word, "places", name)
        for word in _words(entry.get("hints", {"en": [], "zh": []})):
            lexicon.add(word, "hints", name)


def _add_kinds(lexicon: Lexicon) -> None:
    """Add the words that stand for a kind of a subject or of a person, unless a table has them."""
    for word, name in _table("kinds.json").items():
        added = _add_new(lexicon, (word, plural(word)), "subjects" if name else "unpictured", name or word)
        lexicon.kinds.update(added if name else ())
        lexicon.plurals.update(added - {word})
    for word in _table("people.json"):
        lexicon.plurals.update(_add_new(lexicon, (word, plural(word)), "roles", "person") - {word})
    for word, name in _table("kinds_zh.json").items():
        _add_new(lexicon, (word,), "subjects", name)
    for word in _table("stop_zh.json"):
        _add_new(lexicon, (word,), "idiom", word)


def _add_new(lexicon: Lexicon, words: Iterable[str], table: str, name: str) -> set[str]:
    """Add the words that no table has. Returns those."""
    new = {word for word in words if word not in lexicon.words}
    for word in new:
        lexicon.add(word, table, name)
    return new


def _table(name: str) -> Any:
    folder = resources.files("wanserve.engine.animatic.words")
    packed = folder / f"{name}.xz"
    if packed.is_file():
        return json.loads(lzma.decompress(packed.read_bytes()))
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _words(entry: Mapping[str, Iterable[str]]) -> list[str]:
    return [key(word) for word in (*entry["en"], *entry["zh"])]


def _subject(name: str, entry: Mapping[str, Any]) -> Subject:
    return Subject(
        name,
        entry["art"],
        Rig(entry["rig"]),
        entry["metres"],
        entry["home"],
        Medium(entry.get("medium", "ground")),
        1 if entry.get("faces") == "right" else -1,
        entry.get("held", False),
        entry.get("body", ""),
        entry.get("coat", ""),
        entry.get("glow", ""),
    )


def _normalised(text: str) -> str:
    """Convert to lower case and half-width letters, hyphens to spaces, and an emoji to its name."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("-", " ").replace("\u2019", "'").replace("·", "")
    return "".join(
        f" {unicodedata.name(c, ' ').lower().removesuffix(' face')}, " if _is_emoji(c) else c for c in folded
    )


def _is_emoji(char: str) -> bool:
    return ord(char) > 0xFFFF and unicodedata.category(char) == "So"
