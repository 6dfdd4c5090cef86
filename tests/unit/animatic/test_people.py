"""People: their poses are finite and smooth, they stay in their extent, and their faces keep their colour."""

import itertools
import math
import random
from dataclasses import astuple, replace

import pytest

from wanserve.engine.animatic.actor import Pose
from wanserve.engine.animatic.art import Art, Light, load_pack
from wanserve.engine.animatic.canvas import Canvas, Painter
from wanserve.engine.animatic.color import WHITE, Color, rgb
from wanserve.engine.animatic.people.actions import ACTIONS, MOUTH
from wanserve.engine.animatic.people.build import ANKLE, BUILDS
from wanserve.engine.animatic.people.hats import HATS
from wanserve.engine.animatic.people.look import OUTFITS, SKINS, Look, choose_look
from wanserve.engine.animatic.people.person import Person, extent
from wanserve.engine.animatic.people.poses import Joints, action_of, joints, stance_of
from wanserve.engine.animatic.people.skeleton import PACE, Figure, place
from wanserve.engine.animatic.people.stances import STANCES
from wanserve.engine.animatic.people.trims import TRIMS

PACK = load_pack()
PAINTER = Painter(PACK.sticker)
DAY = Light(Color(186, 192, 222), WHITE)
NIGHT = Light(Color(100, 112, 182), Color(212, 220, 252))
SUNSET = Light(Color(142, 88, 122), Color(255, 214, 164))
WHO = ("man", "woman", "person", "boy", "girl", "baby", "old man", "old woman")
VIEWS = ("front", "side")
OUTFITS_ASKED = [
    "plain", "shirt", "hoodie", "suit", "dress", "gown", "skirt", "coat", "winter", "raincoat", "chef", "waiter",
    "maid", "doctor", "nurse", "scientist", "police", "firefighter", "soldier", "builder", "worker", "farmer",
    "gardener", "student", "teacher", "athlete", "swimmer", "dancer", "ballerina", "skater", "boxer", "karate",
    "cyclist", "biker", "hiker", "diver", "astronaut", "pilot", "sailor", "captain", "pirate", "cowboy", "knight",
    "samurai", "ninja", "viking", "king", "queen", "princess", "prince", "wizard", "witch", "fairy", "monk", "nun",
    "priest", "bride", "groom", "santa", "superhero", "clown", "judge", "artist", "musician", "singer", "detective",
    "kimono", "hanfu", "sari", "robe", "apron", "baby",
]  # fmt: skip
STANCES_ASKED = [
    "stand", "walk", "run", "sit", "kneel", "squat", "lie", "jump", "swim", "climb", "fly", "dance", "fall", "crawl",
    "skate", "ride", "row",
]  # fmt: skip
ACTIONS_ASKED = [
    "hold", "carry", "drink", "eat", "read", "write", "type", "phone", "photograph", "paint", "point", "wave", "clap",
    "talk", "think", "pray", "cheer", "hug", "throw", "swing", "punch", "kick", "push", "pull", "lift", "stir",
    "wash", "scrub", "sweep", "brush", "guitar", "piano", "drums", "flute", "trumpet", "violin", "conduct", "sew",
    "dig", "shoot", "cry", "laugh", "shake", "stretch", "bow", "salute", "smoke", "kiss",
]  # fmt: skip

Box = tuple[float, float, float, float]


class Drawn:
    """A drawing of one person on nothing, 200 pixels tall, its feet in the middle of 480 x 400 pixels at y = 320."""

    width, height, size, x, y = 480, 400, 200, 240, 320

    def __init__(
        self, look: Look, stance: str = "stand", action: str = "", view: str = "front", facing: int = 1, *,
        light: Light = DAY, rim: Color | None = None, held: Art | None = None, step: float = 0.0, t: float = 0.6,
    ) -> None:  # fmt: skip
        with Canvas(PAINTER, self.width, self.height) as canvas:
            person = Person(
                canvas, look, self.size, stance, action, view, facing, light=light, rim=rim, shadow=0.0, held=held
            )
            person.draw(Pose(self.x, self.y, step=step, facing=facing), self.y, t)
            canvas.draw(clear=True)
            self.pixels = bytes(canvas.pixels)

    def at(self, x: float, y: float) -> tuple[int, int, int, int]:
        """The pixel at a place given in heights from the middle of the feet, y up."""
        i = (round(self.y - y * self.size) * self.width + round(self.x + x * self.size)) * 4
        r, g, b, a = self.pixels[i : i + 4]
        return r, g, b, a

    @property
    def box(self) -> Box:
        """What is covered, in heights from the feet: left, bottom, right, top."""
        alpha, w = self.pixels[3::4], self.width
        rows = [y for y in range(self.height) if any(alpha[y * w : (y + 1) * w])]
        columns = [x for x in range(w) if any(alpha[x::w])]
        return (
            (columns[0] - self.x) / self.size,
            (self.y - rows[-1] - 1) / self.size,
            (columns[-1] + 1 - self.x) / self.size,
            (self.y - rows[0]) / self.size,
        )

    def count(self, color: Color, within: int = 40) -> int:
        """How many pixels are about this colour."""
        p = self.pixels
        rows = zip(p[0::4], p[1::4], p[2::4], p[3::4], strict=True)
        return sum(
            a == 255 and max(abs(r - color.r), abs(g - color.g), abs(b - color.b)) < within for r, g, b, a in rows
        )


def look(who: str = "man", outfit: str = "plain", seed: int = 1) -> Look:
    return choose_look(who, outfit, random.Random(seed))


def plain_face(outfit: str = "plain") -> Look:
    plain = replace(look(outfit=outfit), skin=rgb(SKINS[3]), glasses=False, beard=False, hair_style="short")
    return replace(plain, shoes=rgb("#404a60"))


def numbers(j: Joints) -> list[float]:
    return [
        *(v for v in astuple(j) if isinstance(v, int | float)),
        *(v for pair in (*j.legs, *j.arms) for v in astuple(pair)),
    ]


def posed(stance: str, action: str, step: float, t: float, side: bool, who: str = "man") -> Figure:
    return place(joints(stance, action, step, t, 0.3), BUILDS[who], side, action_of(action).spot)


def ends(figure: Figure) -> list[tuple[float, float]]:
    bones = (figure.trunk, *figure.thighs, *figure.shins, *figure.uppers, *figure.fores)
    return [bone.end for bone in bones]


def flat(figure: Figure) -> list[float]:
    return [v for point in ends(figure) for v in point]


def test_the_tables_have_what_was_asked_for() -> None:
    assert set(STANCES_ASKED) == set(STANCES)
    assert {"", *ACTIONS_ASKED} == set(ACTIONS)
    assert set(OUTFITS_ASKED) == set(OUTFITS)
    assert {word for wear in OUTFITS.values() for word in wear.trim} <= set(TRIMS)
    assert {wear.hat for wear in OUTFITS.values()} <= {"", *HATS}


@pytest.mark.parametrize("stance", STANCES)
@pytest.mark.parametrize("side", [False, True])
def test_every_stance_and_action_stays_finite_and_in_bounds(stance: str, side: bool) -> None:
    for action, k in itertools.product(ACTIONS, range(5)):
        j = joints(stance, action, k / 5, k * 0.37, 0.2)
        assert all(math.isfinite(v) for v in numbers(j)), (action, k)
        assert 0 <= j.lids <= 1
        assert 0 <= j.mouth <= 1
        for x, y in ends(place(j, BUILDS["girl"], side, MOUTH)):
            assert abs(x) < 1.2, (action, k)
            assert -1.5 < y < 0.4, (action, k)


@pytest.mark.parametrize("stance", STANCES)
@pytest.mark.parametrize("side", [False, True])
def test_no_stance_jumps_from_frame_to_frame(stance: str, side: bool) -> None:
    frames = [ends(posed(stance, "", k / 60, k / 60, side)) for k in range(180)]
    for before, after in itertools.pairwise(frames):
        assert max(math.dist(a, b) for a, b in zip(before, after, strict=True)) < 0.12


@pytest.mark.parametrize("action", ACTIONS)
def test_no_action_jumps_from_frame_to_frame(action: str) -> None:
    frames = [ends(posed("stand", action, 0.0, k / 60, True)) for k in range(360)]
    for before, after in itertools.pairwise(frames):
        assert max(math.dist(a, b) for a, b in zip(before, after, strict=True)) < 0.12


@pytest.mark.parametrize("stance", ["walk", "run"])
def test_gaits_repeat_with_each_step(stance: str) -> None:
    first, later = (flat(posed(stance, "", step, 1.0, True)) for step in (0.3, 4.3))
    assert first == pytest.approx(later)


def test_a_foot_on_the_ground_keeps_up_with_it() -> None:
    """Between touching down and pushing off, the foot goes back as fast as the ground does, and stays on it."""
    steps = [0.1, 0.2, 0.3, 0.4]
    feet = [joints("walk", "", s, 0.0, 0.0).legs[0] for s in steps]
    assert all(foot.clear == 0 for foot in feet)
    speeds = [(a.forward - b.forward) * PACE / 0.1 for a, b in itertools.pairwise(feet)]
    assert speeds == pytest.approx([0.54] * 3, abs=0.02)


@pytest.mark.parametrize("who", BUILDS)
def test_knees_bend_forward_and_who_sits_does_so_at_seat_height(who: str) -> None:
    figure = posed("sit", "", 0.0, 0.0, True, who)
    assert -figure.trunk.start[1] == pytest.approx(0.27)
    assert all(shin.start[0] > figure.trunk.start[0] for shin in figure.shins)
    if who != "baby":
        assert all(-shin.end[1] == pytest.approx(ANKLE, abs=0.02) for shin in figure.shins)


def test_arms_swing_against_the_legs() -> None:
    j = joints("walk", "", 0.0, 0.0, 0.0)
    assert j.legs[0].forward > 0 > j.arms[0].forward
    assert j.legs[1].forward < 0 < j.arms[1].forward


def test_unknown_stances_and_actions_are_standing_and_nothing() -> None:
    assert joints("levitate", "juggle", 0.2, 1.0, 0.1) == joints("stand", "", 0.2, 1.0, 0.1)
    assert extent("levitate") == extent("stand")
    assert stance_of("levitate") is STANCES["stand"]


def test_people_blink() -> None:
    lids = [joints("stand", "", 0.0, k / 30, 0.0).lids for k in range(150)]
    assert min(lids) < 0.2
    assert sum(v > 0.9 for v in lids) > 130


def test_the_same_seed_gives_the_same_look() -> None:
    for who, outfit in (("person", "plain"), ("old man", "suit"), ("girl", "dress")):
        assert look(who, outfit, 7) == look(who, outfit, 7)
        assert len({look(who, outfit, seed) for seed in range(20)}) > 10


def test_looks_suit_who_they_are() -> None:
    seeds = range(60)
    assert {look("person", seed=s).who for s in seeds} == {"man", "woman"}
    assert {look("person", "bride", s).who for s in seeds} == {"woman"}
    assert all(min(look("old woman", seed=s).hair[:3]) > 150 for s in seeds)
    assert not any(look(w, seed=s).beard for s in seeds for w in ("woman", "boy", "girl", "baby"))
    assert any(look("man", seed=s).beard for s in seeds)
    assert len({look("man", seed=s).skin for s in seeds}) == len(SKINS)
    assert look("zorgblatt", "zorgblatt").outfit == "plain"
    assert choose_look("woman", "plain", random.Random(1), hair=rgb("#ff0000")).hair == rgb("#ff0000")


@pytest.mark.parametrize("outfit", OUTFITS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_outfit_draws_inside_its_extent(outfit: str, view: str) -> None:
    left, bottom, right, top = Drawn(look("person", outfit, 5), view=view).box
    width, height = extent("stand")
    assert right - left <= width + 0.2 * (outfit == "fairy")
    assert -0.05 < bottom < 0.02
    assert 0.95 < top < height + 0.24 * bool(OUTFITS[outfit].hat) + 0.05


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("stance", STANCES)
def test_everyone_draws_in_every_stance_inside_its_extent(who: str, stance: str) -> None:
    width, height = extent(stance, who)
    for view, step in itertools.product(VIEWS, (0.1, 0.6)):
        left, bottom, right, top = Drawn(look(who, "plain", 3), stance, view=view, step=step).box
        assert right - left <= width + 0.04, (view, step)
        assert bottom > -0.14, (view, step)
        assert top <= height + 0.04, (view, step)


def test_who_looks_left_is_the_mirror_image() -> None:
    right, left = (Drawn(look(), "walk", view="side", facing=f, step=0.2).box for f in (1, -1))
    assert left[0] == pytest.approx(-right[2], abs=0.01)
    assert left[2] == pytest.approx(-right[0], abs=0.01)


@pytest.mark.parametrize("outfit", ["plain", "dress", "coat", "hoodie", "gown", "kimono"])
def test_clothes_take_the_colour_of_the_prompt(outfit: str) -> None:
    red = rgb("#d02030")
    dressed = choose_look("woman", outfit, random.Random(2), clothes=red)
    assert Drawn(dressed).count(red, 56) > 900
    assert Drawn(replace(dressed, top=rgb("#2040d0"))).count(red, 56) < 300


def cheeks(drawn: Drawn) -> list[tuple[int, int, int, int]]:
    """Pixels of the forehead, the cheek and the chin."""
    return [drawn.at(x, y) for x, y in ((0.0, 0.905), (0.03, 0.85), (-0.03, 0.85), (0.0, 0.815))]


@pytest.mark.parametrize("who", ["man", "woman"])
def test_the_face_keeps_its_colour_whatever_the_clothes(who: str) -> None:
    person = replace(plain_face(), who=who)
    assert cheeks(Drawn(person)) == cheeks(Drawn(replace(person, top=rgb("#20d030"), bottom=rgb("#d02030"))))


@pytest.mark.parametrize("light", [NIGHT, SUNSET])
def test_the_face_keeps_its_hue_at_night(light: Light) -> None:
    for day, dark in zip(cheeks(Drawn(plain_face())), cheeks(Drawn(plain_face(), light=light)), strict=True):
        shares = [[channel / sum(pixel[:3]) for channel in pixel[:3]] for pixel in (day, dark)]
        assert shares[0] == pytest.approx(shares[1], abs=0.012)
        assert 0.75 * sum(day[:3]) < sum(dark[:3]) < sum(day[:3])


def test_clothes_take_the_light_of_the_night() -> None:
    person = replace(plain_face(), top=rgb("#e0e0e0"))
    day, night = (Drawn(person, light=light).at(0.0, 0.6) for light in (DAY, NIGHT))
    assert night[2] - night[0] > day[2] - day[0] + 20


def test_a_rim_of_light_is_seen_at_night() -> None:
    rim = rgb("#ff00ff")
    assert Drawn(plain_face(), light=NIGHT, rim=rim).count(rim, 90) > 20
    assert Drawn(plain_face(), light=NIGHT).count(rim, 90) == 0


BOX = Art("box", '<rect x="32" y="32" width="64" height="64" fill="#ff00ff"/>', (32, 32, 96, 96))


def held_pixels(drawn: Drawn) -> list[tuple[int, int]]:
    """The (x, y) of the pixels of BOX."""
    p, w = drawn.pixels, drawn.width
    found = zip(p[0::4], p[1::4], p[2::4], strict=True)
    return [(i % w, i // w) for i, (r, g, b) in enumerate(found) if r > 200 and g < 60 and b > 200]


def hands(drawn: Drawn, action: str, view: str) -> list[tuple[float, float]]:
    """Where the hands of a standing man are, in pixels."""
    figure = place(joints("stand", action, 0.0, 0.6, 0.0), BUILDS["man"], view == "side", action_of(action).spot)
    return [(drawn.x + x * drawn.size, drawn.y + y * drawn.size) for x, y in (bone.end for bone in figure.fores)]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("action", ["hold", "drink", "carry", "read", "swing", "lift", "guitar"])
def test_what_is_held_is_at_the_hand(view: str, action: str) -> None:
    drawn = Drawn(plain_face(), action=action, view=view, held=BOX, light=Light(WHITE, WHITE))
    spots = held_pixels(drawn)
    assert spots
    near = min(math.dist(spot, hand) for spot in spots for hand in hands(drawn, action, view))
    assert near < 0.06 * drawn.size


@pytest.mark.parametrize("action", ["carry", "read", "lift", "hug"])
def test_what_both_hands_hold_is_between_them(action: str) -> None:
    drawn = Drawn(plain_face(), action=action, held=BOX, light=Light(WHITE, WHITE))
    columns = [x for x, _ in held_pixels(drawn)]
    (right, _), (left, _) = hands(drawn, action, "front")
    assert (min(columns) + max(columns)) / 2 == pytest.approx((right + left) / 2, abs=4)


def test_the_mouth_opens() -> None:
    inside = rgb("#7c2f33")
    assert all(Drawn(plain_face(), action="laugh", t=k / 10).count(inside, 24) > 3 for k in range(3))
    assert Drawn(plain_face()).count(inside, 24) == 0
