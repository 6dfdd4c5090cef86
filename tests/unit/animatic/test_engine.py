"""The engine as the worker uses it: the frames' shape and content, and the same bytes for the same seed."""

import ast
import gc
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.animatic.conftest import Draw
from tests.unit.animatic.pictures import Picture
from wanserve.domain.errors import Canceled, SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Engine
from wanserve.domain.progress import Progress, Stage
from wanserve.engine import animatic
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.engine.animatic.people.person import Person
from wanserve.engine.animatic.scenery.places import BUILDERS
from wanserve.engine.animatic.words.lexicon import load_lexicon

PLACES = list(BUILDERS)
MOTIONS = ["runs", "walks", "jumps", "flies", "swims", "falls", "spins", "grows", "floats", "stands", "dances"]
WEATHERS = ["in the rain", "in falling snow", "in the wind", "in the fog", "in a thunderstorm"]


def asked(
    prompt: str, width: int = 96, height: int = 64, frames: int = 3, seed: int = 1, negative: str = ""
) -> Generation:
    return Generation("preview", prompt, negative, width, height, frames, 8, seed)


def test_it_is_an_engine(engine: AnimaticEngine) -> None:
    port: Engine = engine
    assert port.name == "animatic"


def test_it_must_be_loaded_first() -> None:
    with pytest.raises(SetupError):
        AnimaticEngine().generate(asked("a cat"), lambda done: None)


@pytest.mark.parametrize("size", [(64, 64), (97, 65), (160, 96), (64, 200), (333, 64), (480, 832)])
def test_frames_have_the_asked_shape_and_number(engine: AnimaticEngine, size: tuple[int, int]) -> None:
    width, height = size
    count = 0
    for frame in engine.generate(asked("a cat running", width, height, 5), lambda done: None).frames:
        assert (frame.shape, frame.format, frame.c_contiguous) == ((height, width, 4), "B", True)
        count += 1
    assert count == 5


def test_nothing_of_a_clip_is_left_after_cleaning_up(engine: AnimaticEngine) -> None:
    """People are drawn of parts that refer to each other: without the collector's help they would stay."""
    before = _people()
    for _ in engine.generate(asked("three girls walking"), lambda done: None).frames:
        pass
    made = [weakref.ref(person) for person in _people() if person not in before]
    engine.clean_up()
    assert [person() for person in made] == [None, None, None]


def _people() -> list[Person]:
    # Not isinstance, which asks every object of the process for its class, and some warn then.
    return [each for each in gc.get_objects() if type(each) is Person]


def test_progress_is_reported_at_each_frame_and_at_the_end(engine: AnimaticEngine) -> None:
    done: list[Progress] = []
    list(engine.generate(asked("a cat", frames=4), done.append).frames)
    assert done == [Progress(step / 4, Stage.ENCODE, step, 4) for step in range(5)]


def test_a_cancel_comes_through(engine: AnimaticEngine) -> None:
    def report(progress: Progress) -> None:
        if progress.fraction > 0.4:
            raise Canceled

    frames = engine.generate(asked("a cat", frames=4), report).frames
    assert [next(frames).shape for _ in range(2)] == [(64, 96, 4)] * 2
    with pytest.raises(Canceled):
        next(frames)


def test_a_clip_may_be_left_early_and_the_engine_used_again(engine: AnimaticEngine, draw: Draw) -> None:
    before = draw("a dog walking")
    clip = engine.generate(asked("a cat", frames=4), lambda done: None)
    next(clip.frames)
    del clip
    assert draw("a dog walking") == before


@pytest.mark.parametrize(
    "prompt", ["two cats running at night in the rain", "a fish", "a robot in the city", "a zorgblatt"]
)
def test_the_same_seed_draws_the_same_bytes_and_another_does_not(draw: Draw, prompt: str) -> None:
    assert draw(prompt, seed=5) == draw(prompt, seed=5)
    assert draw(prompt, seed=5) != draw(prompt, seed=6)


def test_the_same_bytes_in_another_process(draw: Draw) -> None:
    code = (
        "import hashlib; from wanserve.engine.animatic.engine import AnimaticEngine as E;"
        "from wanserve.domain.generation import Generation as G;"
        "e = E(); e.load('m'); h = hashlib.sha256();"
        "g = G('m', 'a cat running in the forest', 'sun', 160, 96, 2, 8, 3);"
        "[h.update(f) for f in e.generate(g, lambda x: None).frames];"
        "print(h.hexdigest())"
    )
    hashes = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(2)}
    assert len(hashes) == 1


def test_another_seed_moves_the_hills_and_the_moon(draw: Draw) -> None:
    one, other = draw("a moonlit night", seed=1)[0], draw("a moonlit night", seed=2)[0]
    assert len(one.changed(other)) > 0.04 * one.width * one.height


def fox_in(engine: AnimaticEngine, place: str, hidden: frozenset[int] = frozenset()) -> Picture:
    """The second frame of a fox that stands in a place, or of the place alone."""
    generation = asked("a fox standing", 160, 96, 2, 3)
    scene = replace(engine.read(generation), place=place)
    return [Picture(160, 96, bytes(f)) for f in engine.draw(scene, generation, lambda done: None, hidden).frames][1]


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_drawn_with_the_subject_in_it(engine: AnimaticEngine, place: str) -> None:
    with_fox, without = fox_in(engine, place), fox_in(engine, place, frozenset({0}))
    spots = with_fox.changed(without, 8)
    assert 0.01 < len(spots) / (160 * 96) < 0.5
    assert len(set(with_fox.luma)) > 25


def test_no_two_places_look_the_same(engine: AnimaticEngine) -> None:
    seen = {fox_in(engine, place, frozenset({0})).pixels for place in PLACES}
    assert len(seen) == len(PLACES)


def test_every_place_that_can_be_named_is_drawn() -> None:
    assert set(load_lexicon().places) == set(BUILDERS)


@pytest.mark.parametrize("motion", MOTIONS)
def test_each_motion_changes_the_picture(draw: Draw, motion: str) -> None:
    first, *_, last = draw(f"a horse {motion} in a meadow", frames=6)
    assert len(first.changed(last)) > 30


@pytest.mark.parametrize("weather", WEATHERS)
def test_each_weather_shows(draw: Draw, weather: str) -> None:
    name = {"in the rain": "rain", "in falling snow": "snow", "in the wind": "wind", "in the fog": "fog"}.get(
        weather, "storm"
    )
    with_it, without = draw(f"a dog in a meadow {weather}")[0], draw(f"a dog in a meadow {weather}", negative=name)[0]
    assert len(with_it.changed(without, 4)) > 60


def test_lightning_lights_up_the_scene_now_and_then(draw: Draw) -> None:
    brightness = [sum(p.mean()) for p in draw("a wolf in a meadow in a thunderstorm", frames=30, fps=10)]
    assert max(brightness) > 1.1 * sorted(brightness)[len(brightness) // 2]


def test_what_shines_lights_its_surroundings(draw: Draw) -> None:
    lit, dark = draw("a candle at night")[1], draw("a candle at night", negative="candle")[1]
    assert len(lit.changed(dark, 4)) > 0.12 * lit.width * lit.height


def test_a_boat_floats_on_the_open_sea(draw: Draw) -> None:
    sea, beach = draw("a sailboat at sea")[0], draw("a dog on the beach")[0]
    assert sea.mean(0.85)[2] > sea.mean(0.85)[0]
    assert beach.mean(0.85)[0] > beach.mean(0.85)[2]


def test_the_moon_is_bright_at_night_and_gone_when_not_wanted(draw: Draw) -> None:
    lit, dark = draw("a cat under the full moon")[0], draw("a cat under the full moon", negative="moon")[0]
    assert lit.bright(215) > 120
    assert dark.bright(215) < 0.3 * lit.bright(215)
    assert sum(lit.mean(0, 0.5)) > sum(dark.mean(0, 0.5))


def test_night_is_dark_and_blue_and_sunset_is_warm(draw: Draw) -> None:
    day, night, dusk = (draw(f"a dog in a meadow {t}")[0].mean() for t in ("at noon", "at night", "at sunset"))
    assert sum(night) < 0.5 * sum(day)
    assert night[2] > night[0]
    assert dusk[0] > dusk[2]


@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("a cow in a meadow", "flowers"),
        ("a cow in a meadow", "云"),
        ("a cow in a meadow", "grass"),
        ("a fox in the forest", "trees"),
        ("a dog on the beach", "palm trees"),
        ("a bus in the city", "buildings"),
        ("a night sky", "stars"),
        ("a dog in the desert", "rocks"),
        ("a goat in the mountains", "mountains"),
        ("a rocket in space", "planets"),
        ("a whale", "bubbles"),
        ("a cup of coffee", "furniture"),
        ("a dog in a meadow", "sun"),
        ("a dog in a meadow", "shadows"),
    ],
)
def test_the_negative_prompt_changes_the_scenery(draw: Draw, prompt: str, negative: str) -> None:
    assert draw(prompt)[0].changed(draw(prompt, negative=negative)[0], 6)


def test_a_colour_dyes_the_subject(draw: Draw) -> None:
    red, blue = (draw(f"a {c} car standing in a meadow")[0] for c in ("red", "blue"))
    assert len(red.changed(blue)) > 100


def test_a_subject_has_a_shadow_on_the_ground(draw: Draw) -> None:
    lit, flat = draw("a cow standing in a meadow")[0], draw("a cow standing in a meadow", negative="shadow")[0]
    spots = lit.changed(flat, 5)
    assert len(spots) > 60
    assert min(y for _, y in spots) > 0.7 * 96


@pytest.mark.parametrize("prompt", ["a whale swimming underwater", "a cat running at night", "a man standing at night"])
def test_nothing_of_a_subject_is_left_in_the_corner(engine: AnimaticEngine, prompt: str) -> None:
    """All parts of a puppet are placed: the pixels that the subject changes begin well inside the frame."""
    generation = asked(prompt, 320, 180, 2)
    scene = engine.read(generation)
    drawn = [
        [Picture(320, 180, bytes(f)) for f in engine.draw(scene, generation, lambda done: None, hidden).frames][1]
        for hidden in (frozenset[int](), frozenset({0}))
    ]
    spots = drawn[0].changed(drawn[1], 4)
    assert spots
    assert not [spot for spot in spots if spot[0] < 40 and spot[1] < 40]


def test_two_subjects_are_both_there_and_of_their_own_size(draw: Draw) -> None:
    both, mouse_only = (
        draw("a mouse and an elephant standing")[0],
        draw("a mouse and an elephant standing", negative="elephant")[0],
    )
    assert len(both.changed(mouse_only)) > 600


def test_notes_tell_what_was_not_drawn(engine: AnimaticEngine) -> None:
    clip = engine.generate(asked("a zorgblatt dancing"), lambda done: None)
    assert clip.notes == ('no picture for "zorgblatt": drew a paper star in its place',)
    assert engine.generate(asked("a cat"), lambda done: None).notes == ()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=st.text(min_size=1, max_size=800), negative=st.text(max_size=60), seed=st.integers(0, 2**31 - 1))
def test_any_text_makes_a_clip(engine: AnimaticEngine, prompt: str, negative: str, seed: int) -> None:
    clip = engine.generate(asked(prompt, 64, 64, 2, seed, negative), lambda done: None)
    assert [frame.shape for frame in clip.frames] == [(64, 64, 4), (64, 64, 4)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    subject=st.sampled_from(
        ["three cats", "a whale and a bee", "a castle", "a sailboat", "五只鸟", "an astronaut", "a bus", "a"]
    ),
    motion=st.sampled_from(MOTIONS),
    place=st.sampled_from(PLACES),
    weather=st.sampled_from(["", *WEATHERS]),
    time=st.sampled_from(["", "at night", "at sunset"]),
    size=st.tuples(st.integers(64, 150), st.integers(64, 150)),
)
def test_any_story_can_be_staged(
    engine: AnimaticEngine, subject: str, motion: str, place: str, weather: str, time: str, size: tuple[int, int]
) -> None:
    clip = engine.generate(asked(f"{subject} {motion} {place} {weather} {time}", *size, frames=2), lambda done: None)
    pictures = [bytes(frame) for frame in clip.frames]
    assert [len(set(p)) > 16 for p in pictures] == [True, True]


def test_one_module_alone_knows_the_drawing_library() -> None:
    folder = Path(animatic.__path__[0])
    importers = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "") or ""]
            )
            if any(n.split(".")[0] == "thorvg_python" for n in names):
                importers.add(file.relative_to(folder).as_posix())
    assert importers == {"canvas.py"}


def test_drawing_needs_no_numpy_and_no_graphics_driver() -> None:
    code = (
        "import sys; from wanserve.engine.animatic.engine import AnimaticEngine as E;"
        "from wanserve.domain.generation import Generation as G; e = E(); e.load('m');"
        "list(e.generate(G('m', 'a cat', '', 64, 64, 1, 8, 1), lambda x: None).frames);"
        "maps = open('/proc/self/maps').read() if sys.platform == 'linux' else '';"
        "sys.exit('numpy' in sys.modules or any(name in maps for name in ('libGL.', 'libEGL.', 'libX11.')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
