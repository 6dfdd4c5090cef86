"""Draws heads without hair: skin, ears, eyes, nose, mouth, beard and glasses. Pure.

Lengths are head heights, the chin at the origin and the crown at y = -1. A head seen from the side looks to the right.
"""

from dataclasses import dataclass

from wanserve.engine.animatic.color import WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.build import Build
from wanserve.engine.animatic.people.ink import Ink, bar, blob, mirrored, stroke
from wanserve.engine.animatic.people.look import Look
from wanserve.engine.animatic.people.tones import Tones, deep, shadow

FRONT_JAW = {"man": 0.335, "woman": 0.29, "old man": 0.335, "old woman": 0.3}
PUPIL = rgb("#2b2324")
BLUSH = rgb("#f2686b")
LIP = rgb("#8d4a3f")
MOUTH = rgb("#7c2f33")
TONGUE = rgb("#e87c7c")


@dataclass(frozen=True, slots=True)
class Face:
    """Where the features of one face are: the heights of eyes, nose and mouth, and the size and place of an eye."""

    eye_x: float
    eye_y: float
    eye: float
    nose_y: float
    mouth_y: float


def face_of(build: Build, side: bool) -> Face:
    """The places of the features. Those of the young are lower and larger."""
    young = build.young
    x = 0.245 if side else 0.172 + 0.012 * young
    return Face(x, -0.455 + 0.055 * young, 0.058 + 0.012 * young, -0.335 + 0.035 * young, -0.2 + 0.02 * young)


def outline(look: Look, build: Build, side: bool) -> Path:
    """The outline of the head's skin."""
    young = build.young
    if side:
        return blob(
            [
                (0.0, -0.985),
                (0.24, -0.91),
                (0.37, -0.74),
                (0.4, -0.58),
                (0.385, -0.48),
                (0.42, -0.41 + 0.03 * young),
                (0.475 - 0.025 * young, -0.345 + 0.04 * young),
                (0.462 - 0.03 * young, -0.298 + 0.03 * young),
                (0.4, -0.278 + 0.02 * young),
                (0.408, -0.22),
                (0.39, -0.17),
                (0.388, -0.12),
                (0.36 - 0.03 * young, -0.035),
                (0.24, 0.0),
                (0.08, -0.03),
                (-0.08, -0.12),
                (-0.25, -0.17),
                (-0.37, -0.34),
                (-0.43, -0.58),
                (-0.36, -0.82),
                (-0.2, -0.95),
            ]
        )
    jaw = FRONT_JAW.get(look.who, 0.32 + 0.04 * young)
    cheek = 0.405 + 0.02 * young
    return blob(
        mirrored(
            [
                (0.0, -0.985),
                (0.25, -0.93),
                (0.39, -0.75),
                (0.418, -0.55),
                (cheek, -0.34),
                (jaw, -0.13),
                (jaw * 0.52, -0.018),
                (0.0, 0.0),
            ]
        )[:-1]
    )


def skin(look: Look, build: Build, side: bool, tones: Tones) -> list[Ink]:
    """The head's skin, its ears and the shade of its cheek."""
    base = tones.skin(look.skin)
    dark = shadow(base)
    head = outline(look, build, side)
    if side:
        ear = Path().ellipse(-0.06, -0.4, 0.075, 0.105)
        inner = Path().ellipse(-0.05, -0.39, 0.04, 0.062)
        return [
            Ink(head, tones.flesh(look.skin, (0.3, -0.9), (-0.35, -0.1))),
            Ink(ear, dark),
            Ink(inner, deep(base).alpha(0.5)),
        ]
    ears = Path().ellipse(-0.415, -0.4, 0.07, 0.105).ellipse(0.415, -0.4, 0.07, 0.105)
    return [
        Ink(ears, dark),
        Ink(head, tones.flesh(look.skin, (-0.4, -0.9), (0.5, 0.05))),
    ]


def features(look: Look, build: Build, side: bool, tones: Tones) -> list[Ink]:
    """Brows, nose and blush."""
    face = face_of(build, side)
    base = tones.skin(look.skin)
    brow = tones.skin(look.hair.mixed(rgb("#4a3328"), 0.35))
    blush = tones.skin(BLUSH).alpha(0.2 + 0.1 * build.young)
    thick = 0.032 if look.who in ("man", "old man") else 0.024
    y = face.eye_y - face.eye - 0.075
    if side:
        x = face.eye_x
        return [
            Ink(Path().ellipse(0.2, face.nose_y + 0.075, 0.085, 0.06), blush),
            Ink(stroke([(x - 0.07, y + 0.012), (x + 0.01, y - 0.018), (x + 0.085, y + 0.006)]), brow, thick),
        ]
    inks = [
        Ink(
            Path().ellipse(-0.265, face.nose_y + 0.07, 0.09, 0.062).ellipse(0.265, face.nose_y + 0.07, 0.09, 0.062),
            blush,
        )
    ]
    brows = Path()
    for s in (-1, 1):
        brows.add(
            stroke(
                [
                    (s * (face.eye_x - 0.075), y + 0.01),
                    (s * face.eye_x, y - 0.022),
                    (s * (face.eye_x + 0.085), y + 0.012),
                ]
            )
        )
    inks.append(Ink(brows, brow, thick))
    nose = stroke([(-0.042, face.nose_y - 0.004), (0.0, face.nose_y + 0.016), (0.042, face.nose_y - 0.004)])
    inks.append(Ink(nose, deep(base), 0.028))
    return inks


def eyes(look: Look, build: Build, side: bool, tones: Tones) -> list[Ink]:
    """The open eyes about y = 0, to be drawn at the height of the eyes and flattened as they close."""
    face = face_of(build, side)
    pupils, glints, lashes = Path(), Path(), Path()
    for s in (1,) if side else (-1, 1):
        x = s * face.eye_x
        pupils.ellipse(x, 0, face.eye * (0.78 if side else 0.88), face.eye * 1.16)
        glints.circle(x - face.eye * 0.26 * tones.side * -1, -face.eye * 0.42, face.eye * 0.27)
        if look.who in ("woman", "girl", "old woman"):
            lashes.add(
                stroke(
                    [
                        (x + s * face.eye * 0.4, -face.eye * 1.05),
                        (x + s * face.eye * 1.05, -face.eye * 0.75),
                        (x + s * face.eye * 1.5, -face.eye * 0.95),
                    ]
                )
            )
    inks = [Ink(lashes, PUPIL, 0.022)] if lashes.points else []
    return [*inks, Ink(pupils, PUPIL), Ink(glints, tones.skin(WHITE))]


def smile(look: Look, build: Build, side: bool, tones: Tones, mood: float) -> list[Ink]:
    """The closed mouth about y = 0: a smile, a straight line or, with a mood below 0, a frown."""
    color = tones.skin(LIP.mixed(look.skin, 0.12 if look.who in ("woman", "old woman") else 0.0))
    wide, dip = 0.1 - 0.01 * build.young, 0.045 * mood
    if side:
        return [Ink(stroke([(0.384, 0.004), (0.33, dip * 0.6 + 0.008), (0.262, -dip * 0.5 + 0.002)]), color, 0.026)]
    return [
        Ink(
            stroke(
                [
                    (-wide, -dip * 0.6),
                    (-wide * 0.55, dip * 0.45),
                    (0, dip * 0.8),
                    (wide * 0.55, dip * 0.45),
                    (wide, -dip * 0.6),
                ]
            ),
            color,
            0.028,
        )
    ]


def open_mouth(build: Build, side: bool, tones: Tones) -> list[Ink]:
    """The fully open mouth, with its upper lip at y = 0."""
    inside, teeth, tongue = (tones.skin(c) for c in (MOUTH, WHITE, TONGUE))
    if side:
        return [
            Ink(
                blob(
                    [
                        (0.396, -0.01),
                        (0.396, -0.01),
                        (0.3, -0.012),
                        (0.262, 0.01),
                        (0.3, 0.075),
                        (0.37, 0.085),
                        (0.39, 0.05),
                    ]
                ),
                inside,
            ),
            Ink(bar(0.35, 0.008, 0.038, 0.014, 0.012), teeth),
        ]
    w = 0.118
    hollow: list[Point] = [
        (-w, -0.012),
        (-w, -0.012),
        (0, -0.004),
        (w, -0.012),
        (w, -0.012),
        (w * 0.78, 0.07),
        (0, 0.118),
        (-w * 0.78, 0.07),
    ]
    upper: list[Point] = [
        (-w * 0.82, -0.008),
        (0, -0.001),
        (w * 0.82, -0.008),
        (w * 0.7, 0.022),
        (0, 0.03),
        (-w * 0.7, 0.022),
    ]
    return [Ink(blob(hollow), inside), Ink(Path().ellipse(0, 0.088, w * 0.48, 0.028), tongue), Ink(blob(upper), teeth)]


def beard(look: Look, side: bool, tones: Tones) -> list[Ink]:
    """A full beard with its moustache, which grows long on wizards and the like."""
    color = tones.skin(look.hair)
    if look.outfit == "santa":
        color = tones.skin(rgb("#f7f6f2"))
    long = 0.26 if look.outfit in ("santa", "wizard", "viking") else 0.05
    if side:
        shape = blob(
            [
                (-0.01, -0.42),
                (0.03, -0.3),
                (0.16, -0.27),
                (0.3, -0.27),
                (0.41, -0.272),
                (0.435, -0.235),
                (0.36, -0.2),
                (0.3, -0.18),
                (0.38, -0.15),
                (0.4, -0.05),
                (0.34, long * 0.8),
                (0.2, long),
                (0.06, 0.0),
                (-0.07, -0.14),
                (-0.08, -0.3),
            ]
        )
        return [Ink(shape, color)]
    shape = blob(
        mirrored(
            [
                (0.0, -0.29),
                (0.12, -0.285),
                (0.24, -0.22),
                (0.33, -0.28),
                (0.385, -0.44),
                (0.425, -0.42),
                (0.39, -0.16),
                (0.24, long * 0.55),
                (0.0, long),
            ]
        )[:-1]
    )
    return [Ink(shape, color), Ink(Path().ellipse(0, -0.195, 0.125, 0.045), tones.skin(shadow(look.skin)))]


def glasses(build: Build, side: bool, tones: Tones) -> list[Ink]:
    """Round glasses."""
    face = face_of(build, side)
    frame, r = rgb("#4a4248"), 0.125
    glass = tones.skin(WHITE).alpha(0.22)
    if side:
        lens = Path().ellipse(face.eye_x + 0.03, face.eye_y, r * 0.72, r)
        arm = stroke([(face.eye_x - 0.06, face.eye_y - 0.02), (-0.06, face.eye_y - 0.01)])
        return [Ink(lens, glass), Ink(lens, frame, 0.022), Ink(arm, frame, 0.022)]
    lenses = Path().circle(-face.eye_x, face.eye_y, r).circle(face.eye_x, face.eye_y, r)
    bridge = stroke([(-face.eye_x + r, face.eye_y), (face.eye_x - r, face.eye_y)])
    return [Ink(lenses, glass), Ink(Path().add(lenses).add(bridge), frame, 0.022)]


def rim_of(path: Path, color: Color, tones: Tones) -> Ink:
    """The outline shifted a little to the light, in the rim light's colour, to be drawn under the shape itself."""
    return Ink(Path().add(path, 0.022 * tones.side, -0.018), color)
