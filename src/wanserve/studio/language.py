"""The texts of the studio in each of its languages, and which language a browser asks for."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

TEXTS_FILE: Final = Path(__file__).with_name("texts.toml")


class Language(StrEnum):
    """A language of the studio, in the order in which `texts.toml` has them."""

    EN = "en"
    ZH = "zh"

    @property
    def other(self) -> "Language":
        """The language that a visitor can change to."""
        return Language.ZH if self is Language.EN else Language.EN

    @property
    def tag(self) -> str:
        """The tag for `lang` in HTML."""
        return {Language.EN: "en", Language.ZH: "zh-Hans"}[self]


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language, by their names."""

    language: Language
    by_name: Mapping[str, str]

    def __call__(self, name: str, /, **values: object) -> str:
        """The text with the values in its places. Raises KeyError where there is no such text, or a value is missing."""
        return self.by_name[name].format(**values)

    def has(self, name: str) -> bool:
        """Whether there is a text of this name."""
        return name in self.by_name


def read_texts() -> dict[Language, Texts]:
    """The texts of every language."""
    read = dict(_flat(tomllib.loads(TEXTS_FILE.read_text(encoding="utf-8"))))
    return {
        language: Texts(language, {name: texts[place] for name, texts in read.items()})
        for place, language in enumerate(Language)
    }


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each text by its name with dots: a list that has it in each language."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            assert isinstance(value, list)
            yield prefix + name, value


def wanted_language(chosen: str | None, accepted: str) -> Language:
    """The language that the visitor has chosen, else the one that the header Accept-Language likes best, else English."""
    if chosen in tuple(Language):
        return Language(chosen)
    liked = (_weighed(part) for part in accepted.split(","))
    known = [(weight, language) for weight, tag in liked if weight > 0 and (language := _of_tag(tag))]
    return max(known, key=lambda pair: pair[0], default=(0.0, Language.EN))[1]


def _weighed(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    try:
        return float(weight.strip().removeprefix("q=") or 1), tag.strip().lower()
    except ValueError:
        return 0.0, ""


def _of_tag(tag: str) -> Language | None:
    primary = tag.partition("-")[0]
    return Language(primary) if primary in tuple(Language) else None
