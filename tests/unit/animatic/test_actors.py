"""Placement: all subjects fit in the frame, in order, and keep their relative sizes."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.actors import PlacedActor, place_actors
from wanserve.engine.animatic.art import load_pack
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.interpreter import make_storyboard
from wanserve.engine.animatic.lexicon import load_lexicon
from wanserve.engine.animatic.puppet import art_name, relative_width

LEXICON = load_lexicon()
PACK = load_pack()


def placed_actors(prompt: str, width: int = 1280, height: int = 720, seed: int = 1) -> list[PlacedActor]:
    return place_actors(make_storyboard(LEXICON, prompt, ""), Geometry(width, height), random.Random(seed), PACK)


@pytest.mark.parametrize(("side", "way"), [("left", -1), ("right", 1)])
def test_the_chaser_is_behind_the_chased(side: str, way: int) -> None:
    dog, cat = placed_actors(f"a dog chasing a cat to the {side}")
    assert (cat.actor.x - dog.actor.x) * way > 0
    assert {dog.actor.facing, cat.actor.facing} == {way}


def test_a_mouse_is_smaller_than_an_elephant() -> None:
    mouse, elephant = placed_actors("a mouse and an elephant")
    assert elephant.actor.size > 2 * mouse.actor.size


def test_one_of_a_herd_is_full_grown_and_all_differ() -> None:
    sizes = [p.actor.size for p in placed_actors("four sheep")]
    assert len(set(sizes)) == 4
    assert max(sizes) == sizes[0]


def test_a_colour_goes_with_its_subject() -> None:
    assert [p.color for p in placed_actors("a red car and a bus")] == ["red", ""]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(sorted(LEXICON.subjects)), min_size=1, max_size=4, unique=True),
    st.integers(1, 5),
    st.integers(64, 2048),
    st.integers(64, 2048),
    st.integers(0, 99),
)
def test_everybody_fits_side_by_side(names: list[str], count: int, width: int, height: int, seed: int) -> None:
    found = placed_actors(" and ".join(f"{count} {name}" for name in names), width, height, seed)
    places = sorted((p.actor.x, p.actor.size * relative_width(p.actor, PACK[art_name(p.actor)])) for p in found)
    assert sum(wide for _, wide in places) <= 0.9 * width
    assert all(0 <= x <= width for x, _ in places)
    assert all(b - a >= (wide_a + wide_b) / 2 - 1e-6 for (a, wide_a), (b, wide_b) in itertools.pairwise(places))
