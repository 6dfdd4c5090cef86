"""Parsing: every word of the lexicon is found in both languages, and nothing that only looks like one."""

import json
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.lexicon import Lexicon, load_lexicon

TABLES = json.loads((resources.files("wanserve.engine.animatic") / "lexicon.json").read_text(encoding="utf-8"))
LEXICON = load_lexicon()


@pytest.mark.parametrize("table", [t for t in TABLES if t not in ("stop", "scenic", "negations")])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_word_of_the_lexicon_is_read_as_what_it_says(table: str, language: str) -> None:
    lost = [
        (name, word)
        for name, entry in TABLES[table].items()
        for word in entry[language]
        if name not in LEXICON.read(word).names(table)
    ]
    assert lost == []


def test_the_lexicon_is_as_rich_as_the_docs_say() -> None:
    assert len(LEXICON.subjects) >= 250
    assert len(TABLES["motions"]) == 11
    assert all(
        entry["en"] and entry["zh"] for table in ("subjects", "settings", "motions") for entry in TABLES[table].values()
    )


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("a cat", ["cat"]),
        ("A CAT!", ["cat"]),
        ("two kittens", ["cat"]),
        ("the cat's tail", ["cat"]),
        ("a category of catch", []),
        ("concatenate the caterpillar", ["caterpillar"]),
        ("scatter, educate, dogma, boxcar", []),
        ("a polar bear", ["polar bear"]),
        ("a bear and a polar bear", ["bear", "polar bear"]),
        ("bear in mind the fish eye lens", []),
        ("a hot dog", ["hot dog"]),
        ("a hot-dog and a dog", ["hot dog", "dog"]),
        ("an ice cream on the ice", ["ice cream"]),
        ("a fire engine near a fire", ["fire engine", "fire"]),
        ("T-Rex", ["t-rex"]),
        ("mice and geese and wolves", ["mouse", "goose", "wolf"]),
        ("strawberries, butterflies, foxes, buses", ["strawberry", "butterfly", "fox", "bus"]),
        ("the camera follows a fox", ["fox"]),
        ("小猫", ["cat"]),
        ("一只小白兔和一只狐狸", ["rabbit", "fox"]),
        ("北极熊", ["polar bear"]),
        ("马路上的马", ["horse"]),
        ("马上出发", []),
        ("一匹斑马", ["zebra"]),
        ("卡通风格的机器人", ["robot"]),
        ("漂亮的海豚", ["dolphin"]),
        ("🐱 and 🐶", ["cat", "dog"]),
        ("🚀", ["rocket"]),
    ],
)
def test_subjects_are_read_at_word_boundaries_and_longest_first(text: str, subjects: list[str]) -> None:
    assert LEXICON.read(text).names("subjects") == subjects


@pytest.mark.parametrize(
    ("text", "motion"),
    [
        ("runs", "run"),
        ("running", "run"),
        ("ran", "run"),
        ("奔跑", "run"),
        ("在跑", "run"),
        ("galloping", "run"),
        ("strolls", "walk"),
        ("散步", "walk"),
        ("leapt", "jump"),
        ("蹦蹦跳跳", "jump"),
        ("soaring", "fly"),
        ("swam", "swim"),
        ("falling", "fall"),
        ("掉下来", "fall"),
        ("twirls", "spin"),
        ("旋转", "spin"),
        ("growing", "grow"),
        ("floating", "float"),
        ("sleeping", "stand"),
        ("跳舞", "dance"),
    ],
)
def test_motions_are_read_in_all_their_forms(text: str, motion: str) -> None:
    assert LEXICON.read(text).names("motions") == [motion]


def test_a_no_takes_away_only_what_follows_it() -> None:
    reading = LEXICON.read("a dog in a park with no cat, without any trees")
    assert reading.names("subjects") == ["dog"]
    assert [p.word for p in reading.parts if not isinstance(p, str) and p.negated] == ["cat", "trees"]


def test_full_width_letters_are_plain_letters() -> None:
    assert LEXICON.read("\uff43\uff41\uff54").names("subjects") == ["cat"]


@settings(deadline=None)
@given(st.text(max_size=800))
def test_any_text_is_read_without_an_error(text: str) -> None:
    reading = LEXICON.read(text)
    assert all(part for part in reading.parts if isinstance(part, str))


def test_an_empty_lexicon_reads_nothing() -> None:
    assert Lexicon().read("a cat 猫").names("subjects") == []
