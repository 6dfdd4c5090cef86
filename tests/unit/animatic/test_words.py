"""The tables of words: what they may hold, what everyday words mean by them, and what words must not mean anything."""

import json
import re
from collections import Counter
from importlib import resources
from typing import Any

import pytest

from wanserve.engine.animatic.art import load_pack
from wanserve.engine.animatic.scene import Rig

PACKAGE = resources.files("wanserve.engine.animatic")
PLACES = frozenset(
    """
    meadow hills forest mountains desert snow beach sea underwater river lake sky space street road city park garden farm
    harbour bridge market castle village stage room bedroom kitchen bathroom classroom office restaurant shop library
    stadium playground station table
    """.split()
)
OUTFITS = frozenset(
    """
    plain shirt hoodie suit dress gown skirt coat winter raincoat chef waiter maid doctor nurse scientist police
    firefighter soldier builder worker farmer gardener student teacher athlete swimmer dancer ballerina skater boxer karate
    cyclist biker hiker diver astronaut pilot sailor captain pirate cowboy knight samurai ninja viking king queen princess
    prince wizard witch fairy monk nun priest bride groom santa superhero clown judge artist musician singer detective
    kimono hanfu sari robe apron baby
    """.split()
)
WHO = frozenset({"man", "woman", "person", "boy", "girl", "baby", "old man", "old woman"})
MEDIA = frozenset({"ground", "air", "water", "float", "hung"})
FILES = ("subjects", "activities", "roles", "kinds", "people", "stop_zh", "kinds_zh")


def read(name: str) -> Any:
    return json.loads((PACKAGE / f"words/{name}.json").read_text(encoding="utf-8"))


SUBJECTS: dict[str, dict[str, Any]] = read("subjects")
ACTIVITIES: dict[str, dict[str, Any]] = read("activities")
ROLES: dict[str, dict[str, Any]] = read("roles")
KINDS: dict[str, str] = read("kinds")
KINDS_ZH: dict[str, str] = read("kinds_zh")
PEOPLE: list[str] = read("people")
STOPS: list[str] = read("stop_zh")
HAND_MADE = {"subjects": SUBJECTS, "activities": ACTIVITIES, "roles": ROLES}
WORDS = {
    language: [
        (word, name) for table in HAND_MADE.values() for name, entry in table.items() for word in entry[language]
    ]
    for language in ("en", "zh")
}
VERBS: dict[str, dict[str, Any]] = read("verbs")
PLACE_TABLES: dict[str, dict[str, Any]] = {
    "places": read("places"),
    "hints": {name: entry["hints"] for name, entry in read("places").items() if "hints" in entry},
}
OTHER_TABLES: dict[str, dict[str, Any]] = {"verbs": VERBS, **PLACE_TABLES, **read("words")}
THINGS = {word for entry in SUBJECTS.values() for word in entry["zh"]}
CHINESE = {word for word, _ in WORDS["zh"]} | {
    word for entries in OTHER_TABLES.values() for entry in entries.values() for word in entry["zh"]
}
PACK = load_pack()


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_one_entry_a_line_sorted_and_only_once(name: str) -> None:
    text = (PACKAGE / f"words/{name}.json").read_text(encoding="utf-8")
    names = list(json.loads(text))
    assert names == sorted(set(names))
    assert len(text.splitlines()) == len(names) + 2
    assert "\\u" not in text


def test_every_picture_is_in_the_pack_or_one_of_our_own() -> None:
    arts = [entry["art"] for entry in SUBJECTS.values()]
    arts += [entry[who] for entry in ACTIVITIES.values() for who in ("man", "woman")]
    assert [art for art in arts if art not in PACK] == []


def test_every_drawing_of_our_own_is_used() -> None:
    files = {f"own:{file.name.removesuffix('.svg')}" for file in (PACKAGE / "words/own").iterdir()}
    scenery = "".join(file.read_text() for file in (PACKAGE / "scenery").iterdir() if file.name.endswith(".py"))
    placed = set(re.findall(r'"(own:[a-z-]+)"', scenery))
    assert placed - files == set()
    assert files - placed - {entry["art"] for entry in SUBJECTS.values()} == set()
    assert {art for art in PACK.arts if art.startswith("own:")} == files


def test_our_own_drawings_are_plain_filled_shapes() -> None:
    for name, art in PACK.arts.items():
        if name.startswith("own:"):
            assert set(re.findall(r"<([a-z]+)", art.body)) <= {"path", "rect", "circle", "ellipse", "polygon", "g"}, (
                name
            )
            assert set(re.findall(r'fill="([^"]*)"', art.body)) - {"none"} == set(
                re.findall(r'fill="(#[0-9a-f]{6})"', art.body)
            ), name
            assert not re.search(r"style=|opacity|<g[^>]*fill|text", art.body), name
            assert max(art.width, art.height) > 90, name


@pytest.mark.parametrize("table", ["subjects", "activities"])
def test_what_is_drawn_has_a_rig_a_place_and_a_size(table: str) -> None:
    for name, entry in HAND_MADE[table].items():
        assert entry["rig"] in set(Rig), name
        assert entry["home"] in PLACES, name
        assert 0.01 < entry["metres"] < 400, name
        assert entry.get("medium", "ground") in MEDIA, name


def test_a_subject_says_only_what_is_known() -> None:
    known = set("art rig metres home medium held worn part faces body coat glow noun plural en zh".split())
    for name, entry in SUBJECTS.items():
        assert set(entry) <= known, name
        assert entry.get("faces", "right") == "right", name
        assert ("body" in entry) == (entry["rig"] == "head"), name
        assert not set(entry.get("noun", ())) & set(entry["en"]), name


def test_a_word_is_no_phrase_that_the_reader_takes_apart() -> None:
    nouns = [word for entry in SUBJECTS.values() for word in (*entry["en"], *entry.get("plural", ()))]
    assert [word for word in nouns if re.search(r"^(a|an|the) | in (a|an|the|red)\b", word)] == []
    people = [word for entry in ROLES.values() for word in (*entry["en"], *entry.get("plural", ()))]
    assert [word for word in people if re.search(r"^(a|an|the) | (in|with) ", word)] == []
    deeds = [word for entry in ACTIVITIES.values() for word in (*entry["en"], *entry["zh"])]
    assert [word for word in deeds if re.match(r"(in|on|with|under) |[在躺]", word)] == []


@pytest.mark.parametrize(
    ("word", "subject"),
    [
        ("orange", "orange"),
        ("remote", "remote"),
        ("poster", "picture frame"),
        ("海报", "picture frame"),
        ("画像", "picture frame"),
        ("植物", "potted plant"),
        ("木凳", "bench"),
        ("板凳", "bench"),
    ],
)
def test_a_word_means_this_thing(word: str, subject: str) -> None:
    assert word in (*SUBJECTS[subject]["en"], *SUBJECTS[subject]["zh"])


def test_what_a_verb_puts_into_a_hand_is_a_subject() -> None:
    props = {name: entry["prop"] for name, entry in read("verbs").items() if entry.get("prop")}
    assert {name: prop for name, prop in props.items() if prop not in SUBJECTS} == {}


def test_a_role_is_somebody_in_an_outfit() -> None:
    for name, entry in ROLES.items():
        assert entry["who"] in {*WHO, "couple"}, name
        assert entry["outfit"] in OUTFITS, name
        assert entry.get("activity", "skier") in ACTIVITIES, name


def test_there_are_words_enough_in_both_languages() -> None:
    assert len(SUBJECTS) > 900
    assert len(ROLES) >= 300
    bare = [name for table in HAND_MADE.values() for name, entry in table.items() if not entry["en"] or not entry["zh"]]
    assert bare == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_word_names_one_thing(language: str) -> None:
    counts = Counter(word for word, _ in WORDS[language])
    assert [(word, name) for word, name in WORDS[language] if counts[word] > 1] == []
    assert [word for word, _ in WORDS[language] if word != word.lower() and language == "en"] == []


def test_no_word_of_before_is_lost() -> None:
    everything = {word for language in WORDS.values() for word, _ in language}
    for word in ("kitten", "golden retriever", "t-rex", "wizard", "jockey", "八爪鱼", "圣诞老人", "独角兽"):
        assert word in everything


def test_the_derived_words_do_not_shadow_a_table() -> None:
    english = {word for word, _ in WORDS["en"]} | {
        word for table in OTHER_TABLES for entry in OTHER_TABLES[table].values() for word in entry["en"]
    }
    assert english & {*KINDS, *PEOPLE} - {"grapefruit"} == set()
    assert set(KINDS) & set(PEOPLE) == set()
    assert CHINESE & {*STOPS, *KINDS_ZH} == set()
    assert set(STOPS) & set(KINDS_ZH) == set()


def test_a_kind_is_shown_as_a_subject() -> None:
    assert [name for name in KINDS.values() if name and name not in SUBJECTS] == []
    assert [name for name in KINDS_ZH.values() if name not in SUBJECTS] == []


def test_a_stop_word_protects_a_word_inside_it() -> None:
    idle = [
        stop
        for stop in (*STOPS, *KINDS_ZH)
        if not any(
            stop[a:b] in CHINESE for a in range(len(stop)) for b in range(a + 1, len(stop) + 1) if b - a < len(stop)
        )
    ]
    assert idle == []


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("spaniel husky greyhound dachshund terrier bulldog chihuahua dingo", "dog"),
        ("collie", "shepherd dog"),
        ("robin sparrow nightingale kingfisher puffin cormorant", "bird"),
        ("osprey buzzard condor", "eagle"),
        ("oak maple beech sycamore poplar acacia", "tree"),
        ("redwood cypress larch", "pine tree"),
        ("daffodil peony chrysanthemum dahlia aster", "flower"),
        ("tesla toyota convertible", "car"),
        ("ferrari porsche", "race car"),
        ("tanker destroyer frigate", "ship"),
        ("mackerel sardine herring haddock", "fish"),
        ("palomino gelding", "horse"),
        ("coyote jackal", "wolf"),
        ("vodka tequila", "whiskey"),
        ("turban", "cap"),
        ("parka tuxedo", "coat"),
        ("machete scalpel", "knife"),
        ("mozzarella gorgonzola", "cheese"),
        ("axolotl skink", "lizard"),
        ("iguanodon", "t-rex"),
        ("terrapin leatherback", "turtle"),
    ],
)
def test_an_everyday_noun_is_shown_as_its_kind(words: str, subject: str) -> None:
    tables = {word: name for name, entry in SUBJECTS.items() for word in entry["en"]}
    for word in words.split():
        assert KINDS.get(word, tables.get(word)) in (subject, "suit"), word


def test_what_is_mostly_something_else_is_no_kind() -> None:
    traps = """
    does match spring light fall play way pan can saw drink paint cook patient male female official general local
    blade grain denim crystal emerald lavender brick wood curling construction makeup gogh john trunk bill palm
    vintage filter frame ground camp marble lace dressing pocket press plug shell rail siding stole dope horn string
    watch fly saw crane plant nut chest works port cape mill bullet hoof armor moss foliage vine
    """
    everything = {word for word, _ in WORDS["en"]} | set(KINDS) | set(PEOPLE)
    allowed = {"palm", "plant"}
    found = [trap for trap in traps.replace("_", " ").split() if trap in everything and trap not in allowed]
    assert found == []


def test_a_verb_with_its_object_is_no_stop_word() -> None:
    verbs = {word for entry in VERBS.values() for word in entry["zh"]}
    idioms = {"炒鱿鱼", "绘画板", "读书种子"}
    splits = [(stop, n) for stop in STOPS for n in range(1, len(stop) - 1) if stop not in idioms]
    assert [stop for stop, n in splits if stop[:n] in verbs and stop[n:] in THINGS] == []
    assert {"骑摩托车", "喝咖啡", "喝茶", "骑马"} & set(STOPS) == set()


@pytest.mark.parametrize("word", ["吹牛", "惊人", "作风", "鼓励", "罗马", "混蛋", "笑话"])
def test_a_chinese_word_that_only_looks_like_a_thing_is_stopped(word: str) -> None:
    inside = any(
        word[a:b] in CHINESE for a in range(len(word)) for b in range(a + 1, len(word) + 1) if b - a < len(word)
    )
    idioms = OTHER_TABLES["plain"]["idiom"]["zh"]
    assert word in idioms or (word in STOPS) == inside


@pytest.mark.parametrize(
    ("word", "subject"), [("金枪鱼", "fish"), ("牛车", "carriage"), ("响尾蛇", "snake"), ("槐树", "tree")]
)
def test_a_chinese_compound_is_what_its_end_says(word: str, subject: str) -> None:
    assert KINDS_ZH[word] == subject
