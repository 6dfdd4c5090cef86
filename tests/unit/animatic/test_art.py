"""The art pack: it has the art that the lexicon names, all of it can be drawn, and light changes its colours."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from wanserve.domain.errors import EngineExhausted, EngineFailed
from wanserve.engine.animatic.art import Art, ArtPack, Light, load_pack
from wanserve.engine.animatic.body import draw_body
from wanserve.engine.animatic.canvas import Canvas, Layer, Painter
from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Affine, FilledPath, Item, Path, Sticker, vertical_gradient
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.plot.plot import read_scene
from wanserve.engine.animatic.scene import Scene, Time
from wanserve.engine.animatic.scenery.places import build_scenery
from wanserve.engine.animatic.words.lexicon import Lexicon

PACK = load_pack()
NOON = Light(Color(120, 120, 120), WHITE, -1.0, 0.0)


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(PACK.sticker)


def drawn(painter: Painter, svg: str, size: int = 64) -> Layer:
    with Canvas(painter, size, size) as canvas:
        canvas.add_art(svg).place(Affine(a=size / 128, e=size / 128))
        canvas.draw(clear=True)
        return Layer(bytes(canvas.pixels), size, size)


def mean(layer: Layer, left: float, right: float) -> tuple[float, float, float]:
    """The mean colour of the opaque pixels between two columns, as fractions of the width."""
    at = range(0, len(layer.pixels), 4)
    solid = [i for i in at if layer.pixels[i + 3] == 255 and left <= (i // 4 % layer.width) / layer.width < right]
    assert solid
    red, green, blue = (sum(layer.pixels[i + c] for i in solid) / len(solid) for c in range(3))
    return red, green, blue


def test_every_subject_and_activity_has_art(lexicon: Lexicon) -> None:
    activities = [art for a in lexicon.activities.values() for art in (a.man, a.woman)]
    assert [art for art in (*(s.art for s in lexicon.subjects.values()), *activities) if art not in PACK] == []


def test_all_scenery_has_art(lexicon: Lexicon) -> None:
    stickers = {
        (place, item.art)
        for place in lexicon.places
        for time in Time
        for seed in range(3)
        for item in _items(Scene(place=place, time=time), seed)
        if isinstance(item, Sticker)
    }
    assert len({place for place, _ in stickers}) > 50
    assert [each for each in stickers if each[1] not in PACK] == []


def test_small_things_are_seen_from_near_and_tall_pieces_keep_out_of_the_middle(lexicon: Lexicon) -> None:
    def pictures(prompt: str) -> set[str]:
        found = read_scene(lexicon, prompt)
        return {item.art for item in _items(found, 1) if isinstance(item, Sticker)}

    assert "own:stove" in pictures("a chef in the kitchen")
    assert "own:stove" not in pictures("an apple in the kitchen")
    for seed in range(20):
        scenery = build_scenery(read_scene(lexicon, "a cat in the park"), Geometry(320, 180), random.Random(seed))
        near = next(strip for strip in scenery.strips if strip.depth == 0.94)
        assert [p.x for p in near.items if isinstance(p, Sticker) and abs(p.x - 160) < 60] == []


@pytest.mark.parametrize("place", ["meadow", "forest", "snow", "farm"])
def test_a_train_brings_its_track_along(lexicon: Lexicon, place: str) -> None:
    train = replace(read_scene(lexicon, "a locomotive"), place=place)
    assert len(list(_items(train, 1))) > len(list(_items(replace(train, leads=()), 1)))


def _items(scene: Scene, seed: int) -> Iterator[Item]:
    scenery = build_scenery(scene, Geometry(320, 180, scene.shot, 0), random.Random(seed))
    yield from scenery.base
    for strip in scenery.strips:
        yield from strip.items


def test_all_art_draws_and_fills_its_box(painter: Painter) -> None:
    for art in PACK.arts.values():
        alpha = drawn(painter, art.svg()).pixels[3::4]
        rows = [y for y in range(64) if max(alpha[y * 64 : (y + 1) * 64]) > 24]
        assert rows, art.name
        assert rows[0] * 2 == pytest.approx(art.box[1], abs=4), art.name
        assert rows[-1] * 2 + 2 == pytest.approx(art.box[3], abs=4), art.name


def test_all_art_keeps_its_shape_in_any_light(painter: Painter) -> None:
    for art in PACK.arts.values():
        plain = sum(a > 128 for a in drawn(painter, art.svg(), 32).pixels[3::4])
        lit = sum(a > 128 for a in drawn(painter, art.lit(NOON, mirrored=False), 32).pixels[3::4])
        assert lit >= 0.9 * plain, art.name


def test_a_subject_is_brighter_on_the_side_of_the_light(painter: Painter) -> None:
    left, right = (
        mean(drawn(painter, PACK["elephant"].lit(NOON, mirrored=m)), *part)
        for m, part in ((False, (0.0, 0.4)), (True, (0.0, 0.4)))
    )
    assert sum(left) > sum(right) + 30


def test_moonlight_is_bluer_than_daylight(painter: Painter) -> None:
    moon = Light(Color(100, 112, 182), Color(212, 220, 252))
    day = mean(drawn(painter, PACK["cat"].lit(Light(WHITE, WHITE), mirrored=False)), 0, 1)
    night = mean(drawn(painter, PACK["cat"].lit(moon, mirrored=False)), 0, 1)
    assert sum(night) < sum(day)
    assert night[2] / sum(night) > day[2] / sum(day)


def test_a_dyed_car_is_of_that_colour_and_keeps_its_tyres(painter: Painter) -> None:
    noon = Light(WHITE, WHITE)
    plain, blue = (drawn(painter, PACK["automobile"].lit(noon, mirrored=False, tint=t)) for t in (None, rgb("#3f8ae0")))
    assert mean(plain, 0, 1)[0] > mean(plain, 0, 1)[2]
    assert mean(blue, 0, 1)[2] > mean(blue, 0, 1)[0]


def test_a_silhouette_has_one_colour(painter: Painter) -> None:
    shape = drawn(painter, PACK["dog"].silhouette(rgb("#b9ccff")))
    assert mean(shape, 0, 1) == pytest.approx((0xB9, 0xCC, 0xFF), abs=1)


def test_cutting_art_leaves_only_what_is_inside(painter: Painter) -> None:
    art = PACK["horse"]
    with Canvas(painter, 128, 128) as canvas:
        canvas.add_art(art.svg(), art.cut(0, 0, 1, 0.5)).place(Affine())
        canvas.draw(clear=True)
        alpha = bytes(canvas.pixels)[3::4]
    middle = int((art.box[1] + art.box[3]) / 2)
    assert max(alpha[: (middle - 2) * 128]) == 255
    assert max(alpha[(middle + 2) * 128 :]) == 0


def test_art_that_inherits_its_colour_is_not_painted_black() -> None:
    grouped = Art("x", '<g fill="#ff0000"><path d="M0 0h9v9z"/></g>', (0, 0, 9, 9))
    bare = Art("x", '<path d="M0 0h9v9z"/>', (0, 0, 9, 9))
    assert "#000000" not in grouped.stained(WHITE)
    assert '<path fill="#000000"' in bare.stained(WHITE)


@pytest.mark.parametrize("kind", ["beast", "figure"])
def test_a_drawn_body_stands_on_the_ground_below_its_head(kind: str) -> None:
    made = draw_body(kind, rgb("#855c52"), BLACK, NOON)
    lowest = max(y for limb in made.limbs for _, y in limb.shape.path.points)
    assert lowest == pytest.approx(0.0, abs=0.01)
    assert made.head.at(0, -1)[1] == pytest.approx(-1.0, abs=0.03)
    assert {limb.gain > 0 for limb in made.limbs if limb.gain} == {True, False}


def test_a_layer_holds_what_was_drawn_on_it(painter: Painter) -> None:
    square = FilledPath(Path().rect(2, 2, 4, 4), Color(255, 0, 0))
    layer = painter.layer(8, 8, [(square, 0.0)], top=1)
    at = [layer.pixels[(y * 8 + 3) * 4 : (y * 8 + 3) * 4 + 4] for y in range(8)]
    assert [p == b"\xff\x00\x00\xff" for p in at] == [False, True, True, True, True, False, False, False]
    assert layer.rows(1, 5).pixels == layer.pixels[32 : 5 * 32]


def test_a_mirrored_sticker_is_the_mirror_image(painter: Painter) -> None:
    def row(mirrored: bool) -> bytes:
        return painter.layer(64, 64, [(Sticker("dog", 32, 62, 56, mirrored), 0.0)]).pixels[3::4]

    plain, flipped = row(mirrored=False), row(mirrored=True)
    turned = b"".join(flipped[y * 64 : (y + 1) * 64][::-1] for y in range(64))
    assert plain != flipped
    assert sum(abs(a - b) > 64 for a, b in zip(plain, turned, strict=True)) < 0.02 * len(plain)


def test_what_is_no_picture_is_refused(painter: Painter) -> None:
    with Canvas(painter, 8, 8) as canvas, pytest.raises(EngineFailed):
        canvas.add_art("no picture at all")


def test_a_stage_too_large_for_memory_is_refused(painter: Painter) -> None:
    with pytest.raises(EngineExhausted):
        Canvas(painter, 2**31 - 1, 2**20)


@pytest.mark.parametrize("cut", [False, True])
def test_light_goes_with_what_it_falls_on(painter: Painter, cut: bool) -> None:
    """A picture that was moved looks like one that was drawn there from the start."""
    art = PACK["frog"]
    svg, clip = art.lit(Light(Color(60, 60, 60), WHITE, 0, -1), mirrored=False), art.cut(0, 0, 1, 0.7) if cut else None

    def after(*places: float) -> bytes:
        with Canvas(painter, 128, 300) as canvas:
            part = canvas.add_art(svg, clip)
            for y in places:
                part.place(Affine(f=y))
                canvas.draw(clear=True)
            return bytes(canvas.pixels)

    assert after(0, 70, 150) == after(150)


def test_a_faded_gradient_moves_and_stays_faded(painter: Painter) -> None:
    with Canvas(painter, 64, 64) as canvas:
        part = canvas.add_path(Path().rect(0, 0, 64, 64), vertical_gradient(0, 64, BLACK, WHITE))
        part.fade(0.5)
        for y in (0, 10):
            part.place(Affine(f=y))
            frame = bytes(canvas.draw(clear=True))
    assert frame[(40 * 64 + 5) * 4 + 3] == 128
    assert frame[(10 * 64 + 5) * 4] < 8


def test_legs_are_parted_where_the_picture_has_a_gap() -> None:
    parted = {name: PACK[name].split for name in ("cat", "dog", "cow", "elephant", "giraffe")}
    assert all(0.3 <= split <= 0.7 for split in parted.values())
    assert len(set(parted.values())) > 3


def test_the_pack_holds_pictures_only_and_nothing_from_elsewhere() -> None:
    assert not [a.name for a in PACK.arts.values() if re.search(r'<(script|image|foreignObject)\b|href="(?!#)', a.body)]
    assert isinstance(PACK, ArtPack)
    assert "no such art" not in PACK
