"""Reads a negative prompt: the names of what must not be drawn. Pure.

A negative prompt is a list. An item counts only where it names nothing but a thing: "cars" removes cars, while "many
people in the background", "three legs" and "overall gray" speak of the picture's quality and remove nothing.
"""

from collections.abc import Iterator

from wanserve.engine.animatic.words.lexicon import Lexicon, Token

REMOVABLE = ("removals", "subjects", "roles", "weathers", "colors", "times")
PASSED_OVER = ("determiner", "negations", "sizes", "ages")
SEPARATORS = ("conjunction",)
NOT_THINGS = ("body", "scenic", "camera", "styles")
PICTURES = frozenset(
    {"painting", "paintings", "picture", "pictures", "image", "images", "photo", "photos", "画", "画作"}
)
"""Words that mean the video itself in a negative prompt: "paintings" is a style, and no picture on the wall."""

PEOPLE = "people"


def excluded_names(lexicon: Lexicon, negative: str) -> set[str]:
    """The names of the subjects, roles, scenery, weather, times and colours that a negative prompt removes."""
    names: set[str] = set()
    for item in _items(lexicon, negative):
        names |= _names(item)
    return names


def _items(lexicon: Lexicon, negative: str) -> Iterator[list[Token]]:
    for sentence in lexicon.read(negative):
        item: list[Token] = []
        for token in sentence:
            if token.ends_clause or token.is_any(*SEPARATORS):
                yield item
                item = []
            elif not token.is_any(*PASSED_OVER) and token.text != "的":
                item.append(token)
        yield item


def _names(item: list[Token]) -> set[str]:
    """The names of an item that is one thing, perhaps with its colour before it; otherwise none."""
    things = [t for t in item if not t.is_any("colors") or len(item) == 1]
    if (
        len(things) != 1
        or things[0].text in PICTURES
        or (things[0].is_any(*NOT_THINGS) and not things[0].is_any("removals"))
    ):
        return set()
    names = {things[0].name(table) for table in REMOVABLE} - {""}
    return names | ({PEOPLE} if things[0].name("roles") == "person" else set())
