"""What the preview engine understood, as rows for people."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.samples import VIDEO, new_task
from tests.unit.studio.test_texts import NAMES, UNDERSTOOD
from wanserve.domain.generation import Generation
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.studio.understood import understood

SCENE: dict[str, Any] = {
    "leads": [
        {"name": "cat", "count": 3, "color": "red", "motion": "runs", "direction": "left", "action": "", "holds": None},
        {"name": "dog", "count": 1},
    ],
    "place": "beach",
    "time": "night",
    "weather": "rain",
    "style": "ink",
    "camera": {"move": "pan", "shot": "none", "angle": "low"},
    "without": ["flowers", "people"],
    "unknown": ["zebra"],
}


def rows(scene: dict[str, Any]) -> list[tuple[str, str]]:
    return understood(replace(new_task(), video=replace(VIDEO, scene=json.dumps(scene))))


def test_a_rich_scene_has_a_row_for_each_thing_and_a_text_for_each_row() -> None:
    assert rows(SCENE) == [
        ("understood.lead", "3 red cat: runs, left"),
        ("understood.lead", "dog"),
        ("understood.place", "beach"),
        ("understood.time", "night"),
        ("understood.weather", "rain"),
        ("understood.style", "ink"),
        ("understood.camera", "pan, low"),
        ("understood.without", "flowers, people"),
        ("understood.unknown", "zebra"),
    ]
    assert {name for name, _ in rows(SCENE)} == {f"understood.{name}" for name in UNDERSTOOD} <= set(NAMES)


@pytest.mark.parametrize(
    "scene", [{}, {"leads": [], "place": None, "camera": {"move": "none"}, "without": [], "unknown": []}]
)
def test_what_was_not_understood_has_no_row(scene: dict[str, Any]) -> None:
    assert rows(scene) == []


def test_a_task_without_a_scene_has_no_rows() -> None:
    assert understood(new_task()) == []
    assert understood(replace(new_task(), video=VIDEO)) == []


def test_the_scenes_that_the_engine_writes_are_understood() -> None:
    prompt = "Three red cats running left on a beach at night in the rain, ink style, no flowers"
    generation = Generation("wan2.2-t2v-plus", prompt, "people", 64, 64, 6, 30, 7)
    engine = AnimaticEngine()
    engine.load(generation.model)
    clip = engine.generate(generation, lambda progress: None)
    told = dict(rows(json.loads(clip.scene)))
    assert "cat" in told["understood.lead"]
    assert {"understood.place", "understood.time", "understood.weather"} <= told.keys()
    assert set(told) <= set(NAMES)
