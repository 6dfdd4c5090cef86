"""Staging: all subjects are in the frame, in their order, in true proportions, and carried by what carries them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.actor import Actor
from wanserve.engine.animatic.art import Light, load_pack
from wanserve.engine.animatic.color import WHITE
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.moving import cross, follow_speed
from wanserve.engine.animatic.plot.plot import read_scene
from wanserve.engine.animatic.scene import Motion, Shot
from wanserve.engine.animatic.scenery.elements import Scenery
from wanserve.engine.animatic.sizes import extent
from wanserve.engine.animatic.staging import stage
from wanserve.engine.animatic.words.lexicon import load_lexicon

LEXICON = load_lexicon()
PACK = load_pack()
SCENERY = Scenery(Light(WHITE, WHITE), None)
NAMES = sorted(s.name for s in LEXICON.subjects.values() if s.art in PACK)


def staged(prompt: str, width: int = 1280, height: int = 720, seed: int = 1) -> list[Actor]:
    return stage(read_scene(LEXICON, prompt), SCENERY, Geometry(width, height), random.Random(seed), PACK)


def test_a_mouse_is_smaller_than_an_elephant_and_still_seen() -> None:
    mouse, elephant = staged("a mouse and an elephant")
    assert elephant.size > 2.5 * mouse.size
    assert mouse.size > 0.05 * 720


def test_one_of_a_herd_is_full_grown_and_all_differ() -> None:
    sizes = [a.size for a in staged("four sheep")]
    assert len({round(size, 2) for size in sizes}) == 4


def test_a_group_is_staggered_and_several_leads_do_not_stand_in_a_line() -> None:
    assert len({a.row for a in staged("four sheep")}) >= 3
    assert len({a.row for a in staged("a cat, a dog and a fox")}) == 3


def test_the_head_of_who_is_too_tall_for_a_close_up_is_in_the_picture() -> None:
    geometry = Geometry(1280, 720, Shot.CLOSE_UP)
    found = read_scene(LEXICON, "a chef stirs soup, close-up")
    chef = stage(found, SCENERY, geometry, random.Random(1), PACK)[0]
    assert chef.size > geometry.ground
    assert geometry.ground + chef.row - chef.size > 0


@pytest.mark.parametrize(
    ("prompt", "wear"),
    [("a couple in evening gowns", ["gown", "suit"]), ("newlyweds dance", ["bride", "groom"])],
)
def test_a_couple_is_a_woman_and_a_man(prompt: str, wear: list[str]) -> None:
    people = [a.person for a in staged(prompt)]
    assert [(p.who, p.outfit) for p in people if p] == list(zip(("woman", "man"), wear, strict=True))


def test_a_colour_goes_with_its_subject() -> None:
    assert [a.color for a in staged("a red car and a bus")] == ["red", ""]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_what_is_said_to_be_on_one_side_is_there(side: str, sign: int, seed: int) -> None:
    cat, dog = sorted(staged(f"a cat on the {side} of a dog", seed=seed), key=lambda a: a.subject.name)
    assert (dog.x - cat.x) * sign > 0


@pytest.mark.parametrize(("side", "way"), [("left", -1), ("right", 1)])
def test_the_chaser_is_behind_the_chased_and_both_run(side: str, way: int) -> None:
    cat, dog = sorted(staged(f"a dog chasing a cat to the {side}"), key=lambda a: a.subject.name)
    assert (cat.x - dog.x) * way > 0
    assert {dog.facing, cat.facing} == {way}
    assert {dog.motion, cat.motion} == {Motion.RUN}


@pytest.mark.parametrize(("side", "way"), [("left", -1), ("right", 1)])
@pytest.mark.parametrize(
    "prompt", ["a girl rides a horse to the {}", "a boy is skateboarding to the {}", "a man in a boat sails to the {}"]
)
def test_who_is_carried_goes_where_it_is_told_and_so_does_the_carrier(prompt: str, side: str, way: int) -> None:
    actors = staged(prompt.format(side))
    assert {a.facing for a in actors} == {way}
    assert [a.velocity * way > 0 for a in actors if a.base is None] == [True]


@pytest.mark.parametrize(("verb", "ahead"), [("pushes", 1), ("pulls", -1)])
@pytest.mark.parametrize(("side", "way"), [("left", -1), ("right", 1)])
def test_what_is_pushed_or_pulled_goes_along(verb: str, ahead: int, side: str, way: int) -> None:
    cart, woman = sorted(staged(f"a woman {verb} a shopping cart to the {side}"), key=lambda a: a.person is not None)
    assert cart.velocity == woman.velocity
    assert woman.velocity * way > 0
    assert (cart.x - woman.x) * way * ahead > 0


@pytest.mark.parametrize(
    "prompt",
    ["a man gives a flower to a woman", "a man gives the woman a flower", "一个男人把花递给女人", "男人递给女人一朵花"],
)
def test_what_is_given_changes_hands(prompt: str) -> None:
    man, woman = sorted(staged(prompt), key=lambda a: a.person.who if a.person else "")
    assert [a.holds.name for a in (man, woman) if a.holds] == ["flower", "flower"]
    assert man.held[1] == woman.held[0] == 0.5
    assert man.facing == -woman.facing
    assert (woman.x - man.x) * man.facing > 0


def test_those_who_meet_look_at_each_other() -> None:
    first, second = sorted(staged("a cat meeting a dog"), key=lambda a: a.x)
    assert (first.facing, second.facing) == (1, -1)


@pytest.mark.parametrize(
    "prompt", ["a cat sitting on a chair", "a man riding a horse", "an apple on a book", "a rose in a vase"]
)
def test_what_is_carried_stands_on_its_carrier(prompt: str) -> None:
    actors = staged(prompt)
    carried = [a for a in actors if a.base is not None]
    assert len(carried) == 1
    carrier = actors[carried[0].base or 0]
    assert 0 <= carried[0].offset[1] <= carrier.size
    assert actors.index(carrier) < actors.index(carried[0])


def test_two_riders_have_a_horse_each() -> None:
    actors = staged("two girls riding two horses")
    assert len({a.base for a in actors if a.base is not None}) == 2


def test_the_camera_follows_who_is_alone_and_stays_where_others_stand() -> None:
    assert follow_speed(staged("a dog running"), read_scene(LEXICON, "a dog running")) != 0
    both = "a dog running and a cat sleeping"
    actors = staged(both)
    assert follow_speed(actors, read_scene(LEXICON, both)) == 0
    crossing = cross(actors, 0.0, 5.0, 1280)
    dog = next(a for a in crossing if a.subject.name == "dog")
    assert abs(dog.velocity) > 0
    assert 0 < dog.x + dog.velocity * 2.5 < 1280


def test_the_camera_stands_where_it_is_told_to() -> None:
    prompt = "a dog running to the right, static shot"
    assert follow_speed(staged(prompt), read_scene(LEXICON, prompt)) == 0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    st.integers(1, 5),
    st.integers(64, 2048),
    st.integers(64, 2048),
    st.integers(0, 99),
)
def test_everybody_is_in_the_frame(names: list[str], count: int, width: int, height: int, seed: int) -> None:
    found = staged(" and ".join(f"{count} {name}" for name in names), width, height, seed)
    for actor in found:
        if actor.base is None:
            wide = extent(actor, PACK)[0]
            assert -0.12 * wide <= actor.x - wide / 2
            assert actor.x + wide / 2 <= width + 0.12 * wide
