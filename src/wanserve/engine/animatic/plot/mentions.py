"""Defines what the readers of both languages find in a sentence: mentions of things, with what is said of them."""

from dataclasses import dataclass, field
from enum import StrEnum

from wanserve.engine.animatic.words.lexicon import Lexicon, Token, Verb


class Kind(StrEnum):
    """What a noun names."""

    THING = "thing"
    PERSON = "person"
    PLACE = "place"
    CLOTHES = "clothes"
    PART = "part"
    """A part of a body or of a thing, or something of the picture itself: hair, music, the camera, the light."""
    UNKNOWN = "unknown"


GLOBAL = ("times", "weathers", "styles", "shots", "camera")
"""The tables whose words hold for the whole picture."""

MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
MANY = 3
"""How many are drawn of a plural without a number."""

NOUNS = ("subjects", "roles", "places", "hints", "clothing", "body", "scenic", "container", "unpictured")
"""The tables of nouns."""


KINDS = (
    ("body", Kind.PART),
    ("roles", Kind.PERSON),
    ("subjects", Kind.THING),
    ("clothing", Kind.CLOTHES),
    ("places", Kind.PLACE),
    ("unpictured", Kind.UNKNOWN),
    ("scenic", Kind.PART),
    ("container", Kind.PART),
    ("hints", Kind.PART),
)
"""What a word with several meanings names: the first of these."""


@dataclass(eq=False)
class Mention:
    """A noun with what is said of it.

    `link` says how it hangs on `owner`: "" for the subject of a sentence, `and` beside another subject, a relation's
    name, a verb's `object`, `with`, `like`, `prep`, or `back` for the background. `verbs` are what it does.
    """

    word: str
    kind: Kind
    name: str = ""
    sentence: int = 0
    count: int = 1
    plural: bool = False
    color: str = ""
    clothes: str = ""
    outfit: str = ""
    hair: str = ""
    size: str = ""
    age: str = ""
    definite: bool = False
    link: str = ""
    owner: "Mention | None" = None
    verb: Verb | None = None
    """The verb whose object it is."""
    verbs: list[Verb] = field(default_factory=list)
    way: tuple[int, int] = (0, 0)
    side: str = ""
    place: str = ""
    """The place that the word also names: a castle, a bridge."""
    tail: str = ""
    """An unknown word directly after it that may be the noun that is meant: a tea master."""
    hint: str = ""
    """The place where the thing is mostly found: a sofa in a room."""
    wearable: bool = False
    clause: int = 0
    counted: bool = False
    """A number or an article stands before it."""

    @property
    def main(self) -> bool:
        """Whether it stands at the head of a sentence and may be what the prompt is about."""
        return self.link in ("", "and") and self.kind in (Kind.THING, Kind.PERSON, Kind.UNKNOWN)


@dataclass
class Attributes:
    """What was said before a noun, for the noun that follows."""

    count: int = 0
    color: str = ""
    size: str = ""
    age: str = ""
    definite: bool = False
    opened: bool = False
    """An article or a number stands before: a noun must follow."""
    verbs: list[Verb] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    negated: bool = False
    of_animal: bool = False
    """An "its" stands before: a coat is fur then."""

    def take(self, token: Token) -> bool:
        """Take a number, colour, size or age. Returns whether the token is one."""
        if token.is_any("numbers"):
            self.count, self.opened = int(token.name("numbers")), True
        elif token.text.isdigit():
            self.count, self.opened = int(token.text), True
        elif token.is_any("colors"):
            self.color = self.color or token.name("colors")
        elif token.is_any("sizes"):
            self.size = token.name("sizes")
        elif token.is_any("ages"):
            self.age = token.name("ages")
        else:
            return False
        return True


@dataclass
class Findings:
    """Everything that was found in a prompt. `names` are the other tables' names in the order of the text."""

    mentions: list[Mention] = field(default_factory=list)
    names: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)

    def add_name(self, table: str, sentence: int, name: str) -> None:
        """Note a name of a table that holds for the whole picture: a time, a weather, a style, a camera move."""
        self.names.setdefault(table, []).append((sentence, name))

    def first(self, table: str) -> str:
        """The first name of that table, or ""."""
        found = self.names.get(table)
        return found[0][1] if found else ""


def make_mention(lexicon: Lexicon, token: Token, attributes: Attributes, sentence: int) -> Mention:
    """Make a mention of a noun and of what was said before it."""
    kind, name = _kind(token)
    bare = not attributes.opened and token.is_any("shots")
    if bare or (attributes.definite and token.is_any("scenic")):
        kind, name = Kind.PART, "scenic"
    color = attributes.color
    mention = Mention(token.text, kind, name, sentence)
    mention.plural = token.plural
    mention.count = attributes.count or (MANY if token.plural and token.text != name else 1)
    mention.color, mention.size, mention.age = color, attributes.size, attributes.age
    mention.definite, mention.verbs = attributes.definite, list(attributes.verbs)
    mention.counted = attributes.opened or attributes.count > 0
    mention.place, mention.hint = token.name("places"), token.name("hints")
    mention.wearable = token.is_any("clothing")
    return mention


def unknown_mention(word: str, attributes: Attributes, sentence: int) -> Mention:
    """Make a mention of a noun that no table has."""
    mention = Mention(word, Kind.UNKNOWN, "", sentence, max(1, attributes.count))
    mention.color, mention.size, mention.verbs = attributes.color, attributes.size, list(attributes.verbs)
    mention.definite = attributes.definite
    return mention


def _kind(token: Token) -> tuple[Kind, str]:
    for table, kind in KINDS:
        if token.is_any(table):
            return kind, token.name(table) if kind is not Kind.UNKNOWN else ""
    return Kind.UNKNOWN, ""
