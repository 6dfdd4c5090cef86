"""What docs/animatic.md says of prompts, scenes, notes and files is what the engine does."""

import json
import re
from enum import StrEnum
from importlib import resources
from pathlib import Path

import pytest

from tests.unit.animatic.test_plot import WAN_NEGATIVE, WAN_NEGATIVE_EN, scene
from wanserve.engine.animatic.scene import CameraMove, Motion, Relation, Scene, Shot, Style, Time, Weather
from wanserve.engine.animatic.words.lexicon import LONGEST_CHINESE, Lexicon

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "animatic.md").read_text(encoding="utf-8")
PACKAGE = resources.files("wanserve.engine.animatic")
KEYS: dict[str, type[StrEnum]] = {
    "motion": Motion,
    "time": Time,
    "weather": Weather,
    "camera.shot": Shot,
    "camera.move": CameraMove,
    "style": Style,
}


def section(heading: str) -> str:
    """The text of a section, whatever its level."""
    return re.split(r"^##+ ", TEXT.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str) -> list[list[str]]:
    """The rows of the last table of a section, without its head; a cell is a text without its backquotes."""
    table = section(heading).strip().split("\n\n")
    last = next(block for block in reversed(table) if block.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in last.splitlines()[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def told(found: Scene) -> str:
    return json.dumps(found.as_json(), ensure_ascii=False)


@pytest.mark.parametrize(("prompt", "parts"), rows("What it understands"))
def test_a_prompt_gives_what_the_table_shows(prompt: str, parts: str) -> None:
    found = told(scene(*quoted(prompt)))
    assert [part for part in quoted(parts) if part not in found] == []
    assert quoted(parts)


def test_the_scene_that_is_shown_is_the_one_that_is_read() -> None:
    text = section("The scene")
    prompt = " ".join(re.findall(r"The scene of `([^`]+)`", text)[0].split())
    shown = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    assert scene(prompt).as_json() == shown


def test_every_key_of_a_scene_is_explained() -> None:
    explained = {name for row in rows("The scene") for name in quoted(row[0])}
    full = scene("A woman in a red coat holding a cup on the left of a big dog walks to the left").as_json()
    keys = {*full, *(f"camera.{name}" for name in full["camera"])} - {"camera"}
    keys |= {name for lead in full["leads"] for name in lead}
    assert keys - explained == set()
    assert explained - keys <= {"side", "size", "action", "direction"}


@pytest.mark.parametrize("key", KEYS)
def test_every_value_of_a_key_is_named(key: str) -> None:
    cell = next(row[1] for row in rows("The scene") if row[0] == f"`{key}`")
    assert quoted(cell) == [value.value for value in KEYS[key]]


def test_every_relation_color_and_size_is_named(lexicon: Lexicon) -> None:
    cells = {row[0]: row[1] for row in rows("The scene")}
    assert quoted(cells["`relation`, `to`"]) == [relation.value for relation in Relation if relation]
    words = json.loads((PACKAGE / "words/words.json").read_text(encoding="utf-8"))
    assert quoted(cells["`color`"]) == list(words["colors"])
    assert quoted(cells["`size`"]) == list(words["sizes"])
    people = {role.who for role in lexicon.roles.values()}
    assert people <= set(quoted(cells["`person`, `outfit`"]))


@pytest.mark.parametrize(("prompt", "negative", "note"), rows("Notes"))
def test_a_note_says_what_the_table_shows(prompt: str, negative: str, note: str) -> None:
    found = scene(quoted(prompt)[0], *quoted(negative))
    assert quoted(note)[0] in found.notes


def test_the_scenery_that_can_be_removed_is_known() -> None:
    told = section("Sizes, seeds, negative prompts").split("part of the scenery (")[1].split("person")[0]
    words = json.loads((PACKAGE / "words/words.json").read_text(encoding="utf-8"))
    assert set(quoted(told)) <= set(words["removals"])
    assert len(quoted(told)) > LONGEST_CHINESE


@pytest.mark.parametrize("negative", [WAN_NEGATIVE, WAN_NEGATIVE_EN])
@pytest.mark.parametrize("prompt", [quoted(row[0])[0] for row in rows("What it understands")])
def test_the_negative_prompt_of_wan_changes_no_scene(prompt: str, negative: str) -> None:
    assert scene(prompt, negative).as_json() == scene(prompt).as_json()


def test_every_module_has_its_line() -> None:
    folder = ROOT / "src/wanserve/engine/animatic"
    said = {name for row in rows("How it is made") for name in quoted(row[0])}
    there = {str(file.relative_to(folder)) for file in folder.glob("*.py")} - {"__init__.py"}
    there |= {f"{part}/{file.name}" for part in ("plot", "words") for file in (folder / part).glob("*.py")}
    there -= {"plot/__init__.py", "words/__init__.py"}
    assert said == there | {"scenery/", "people/"}


def test_every_file_of_words_is_named_with_where_it_comes_from() -> None:
    said = {name for row in rows("Where the words come from") for name in quoted(row[0])}
    assert said == {file.name for file in (PACKAGE / "words").iterdir() if file.name.endswith(".json")}


def test_the_subject_that_is_shown_is_in_the_table() -> None:
    shown = json.loads("{" + re.findall(r"```json\n(.*?)```", section("Adding to it"), re.DOTALL)[0] + "}")
    subjects = json.loads((PACKAGE / "words/subjects.json").read_text(encoding="utf-8"))
    ((name, entry),) = shown.items()
    assert {key: value for key, value in entry.items() if key != "en"} == {
        key: value for key, value in subjects[name].items() if key != "en"
    }
    assert set(entry["en"]) <= set(subjects[name]["en"])
