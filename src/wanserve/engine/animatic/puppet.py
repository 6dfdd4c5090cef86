"""Draws an actor: lights its art, cuts it into moving pieces, and adds shadow, rim light, halo and dust."""

import math
from dataclasses import dataclass
from enum import Enum

from wanserve.engine.animatic.actor import Actor, MotionContext, Pose
from wanserve.engine.animatic.art import Art, Light
from wanserve.engine.animatic.body import draw_body
from wanserve.engine.animatic.canvas import Canvas, Part
from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import (
    Affine,
    Path,
    Point,
    Radial,
    Stop,
    glow,
    rotation,
    scaling,
    shear,
    translation,
)
from wanserve.engine.animatic.scene import Motion, Rig
from wanserve.engine.animatic.scenery.elements import Scenery
from wanserve.engine.animatic.wheels import WHEELS, Wheel, spokes

DUST_RAISING = frozenset({Rig.LEGS, Rig.GALLOP, Rig.WALKER, Rig.WHEELS, Rig.HEAD, Rig.GLIDE})
DUST_PUFFS = 5
SELF_LIT = Light(Color(226, 214, 224), WHITE)
HIP = {Rig.LEGS: 0.72, Rig.WALKER: 0.58}
"""Where the legs begin, as a fraction of the height from the top."""

LEG_SWING = {Rig.LEGS: 0.34, Rig.WALKER: 0.3}
"""The shear of the legs at full swing."""

TINTS = {
    "red": "#e5484d",
    "orange": "#f58a2c",
    "yellow": "#f4c430",
    "green": "#4caf50",
    "blue": "#3f8ae0",
    "purple": "#9257c8",
    "pink": "#f284b4",
    "white": "#f2f2f2",
    "black": "#3a3a44",
    "gray": "#9aa0a8",
    "brown": "#8a5a3c",
}


class Swing(Enum):
    """How a piece moves with the swing of the pose."""

    STILL = "still"
    LEAN = "lean"
    WAG = "wag"
    TURN = "turn"


@dataclass(frozen=True)
class Piece:
    """A moving piece of a puppet. `fit` transforms it to the puppet's units (1 tall, feet at the origin).

    It swings about `joint`, in these units: by a shear along x (a leg of the art), a shear along y (a tail) or a
    rotation (a drawn limb).
    """

    part: Part
    fit: Affine
    swing: Swing = Swing.STILL
    joint: Point = (0.0, 0.0)
    gain: float = 0.0

    def placed(self, swing: float) -> Affine:
        """The transform to the puppet's units at this swing, -1 to 1."""
        if self.swing is Swing.STILL:
            return self.fit
        amount = self.gain * swing
        move = {Swing.LEAN: shear(amount), Swing.WAG: shear(0, amount), Swing.TURN: rotation(amount)}[self.swing]
        x, y = self.joint
        return self.fit.then(translation(-x, -y)).then(move).then(translation(x, y))


def _shadow(canvas: Canvas, art: Art, actor: Actor, strength: float) -> Part:
    """Add the soft shadow on the ground, as wide as the actor, around the origin."""
    body = actor.subject.body
    width = draw_body(body, BLACK, BLACK, Light(BLACK, BLACK)).width if body else art.width / art.height
    reach = actor.size * (0.16 + 0.36 * width)
    dark = rgb("#10122a")
    fades = ((0.0, 1.0), (0.5, 0.66), (0.8, 0.2), (1.0, 0.0))
    stops = tuple(Stop(at, dark.alpha(strength * part)) for at, part in fades)
    return canvas.add_path(Path().circle(0, 0, reach), Radial((0.0, 0.0), reach, stops))


class Puppet:
    """The parts of one actor on a canvas. They are added in drawing order, the shadow first."""

    def __init__(self, canvas: Canvas, art: Art, actor: Actor, scenery: Scenery, color: str) -> None:
        self.art, self.actor, self.scenery = art, actor, scenery
        self.shadow = _shadow(canvas, art, actor, scenery.shadow)
        dust = scenery.dust if actor.subject.rig in DUST_RAISING else None
        self.puffs = [canvas.add_path(Path().circle(0, 0, 1), dust) for _ in range(DUST_PUFFS)] if dust else []
        tint = rgb(TINTS[color]) if color in TINTS else None
        mirrored = actor.facing != actor.subject.faces
        self.halo = self._halo(canvas)
        self.rim = self._rim_light(canvas)
        self.wheels: list[tuple[Wheel, Part]] = []
        light = SELF_LIT if self.halo is not None else scenery.light
        svg = art.lit(light, mirrored, tint)
        self.pieces = (
            self._body_pieces(canvas, svg, tint)
            if actor.subject.body
            else [Piece(canvas.add_art(svg, c.clip), art.fit(), c.swing, c.joint, c.gain) for c in cuts(actor, art)]
        )
        if actor.motion is not Motion.STAND:
            gray = rgb("#20242c").alpha(0.38)
            self.wheels = [(w, canvas.add_path(spokes(w), gray)) for w in WHEELS.get(art.name, ())]

    def _turn_wheels(self, pose: Pose, body: Affine) -> None:
        """Turn the spokes as far as the way is long; a picture that looks left rolls to the left."""
        angle = math.tau * 1.3 * pose.step * self.actor.subject.faces
        for wheel, part in self.wheels:
            place = rotation(angle).then(translation(wheel.x, wheel.y)).then(self.art.fit())
            part.place(place.then(body))

    def _rim_light(self, canvas: Canvas) -> Piece | None:
        """Add the rim light around the piece that does not swing, the last cut; None where the light has no rim."""
        if self.scenery.rim is None or self.halo is not None:
            return None
        svg = self.art.silhouette(self.scenery.rim)
        if self.actor.subject.body:
            head = draw_body(self.actor.subject.body, BLACK, BLACK, self.scenery.light).head
            return Piece(canvas.add_art(svg), self.art.fit().then(head))
        return Piece(canvas.add_art(svg, cuts(self.actor, self.art)[-1].clip), self.art.fit())

    def _halo(self, canvas: Canvas) -> Part | None:
        """Add the light around a subject that shines; None for the others."""
        if not self.actor.subject.glow:
            return None
        soft = glow(0.0, 0.0, 1.1 * self.actor.size, rgb(self.actor.subject.glow), 0.6)
        return canvas.add_path(soft.path, soft.fill)

    def _body_pieces(self, canvas: Canvas, svg: str, tint: Color | None) -> list[Piece]:
        """Add a drawn body with the art as its head."""
        subject = self.actor.subject
        coat, legs = (rgb(c) for c in (subject.coat.split() * 2)[:2])
        whole = draw_body(subject.body, tint or coat, tint or legs, self.scenery.light)
        limbs = [
            Piece(
                canvas.add_path(limb.shape.path, limb.shape.fill),
                Affine(),
                Swing.TURN if limb.gain else Swing.STILL,
                limb.joint,
                limb.gain,
            )
            for limb in whole.limbs
        ]
        return [*limbs, Piece(canvas.add_art(svg), self.art.fit().then(whole.head))]

    def draw(self, pose: Pose, context: MotionContext, t: float) -> None:
        """Move all parts to the pose."""
        ground = context.ground + self.actor.row
        body = self._body(pose)
        for piece in self.pieces:
            piece.part.place(piece.placed(pose.swing).then(body))
        self._turn_wheels(pose, body)
        light = self.scenery.light
        edge = max(1.0, self.actor.size * 0.008)
        if self.rim is not None:
            aside = translation(light.from_x * edge, light.from_y * edge)
            self.rim.part.place(self.rim.fit.then(body).then(aside))
        if self.halo is not None:
            flicker = 1 + 0.04 * math.sin(23 * t) * math.sin(7.3 * t)
            middle = pose.y - 0.5 * self.actor.size * pose.tall
            self.halo.place(scaling(flicker * pose.wide, flicker * pose.tall).then(translation(pose.x, middle)))
        height = min(1.0, pose.lift / (self.actor.size * 1.6 + 1))
        spread = pose.wide * (1 - 0.45 * height)
        self.shadow.place(
            Affine(
                a=spread,
                e=0.2 * spread,
                c=pose.x - light.from_x * pose.lift * 0.25,
                f=ground + self.actor.size * 0.012,
            )
        )
        self.shadow.fade((1 - height) ** 1.5 if self.actor.base is None else 0.0)
        self._draw_dust(pose, context, t)

    def _draw_dust(self, pose: Pose, context: MotionContext, t: float) -> None:
        """Draw dust behind the feet: a puff for each half step, which grows, fades and stays behind with the ground."""
        moving = abs(self.actor.velocity) > 0.22 * context.geometry.width and pose.step > 0
        for i, puff in enumerate(self.puffs):
            age = (pose.step * 2 + i / DUST_PUFFS * 2) % 2.0 / 2
            shown = moving and t > age * 0.5
            puff.show(shown)
            if shown:
                r = self.actor.size * (0.02 + 0.07 * age)
                back = self.actor.facing * (0.22 + 0.75 * age) * self.actor.size
                puff.place(Affine(a=r * 1.3, e=r, c=pose.x - back, f=context.ground + self.actor.row - r * 0.8))
                puff.fade(0.55 * (1 - age) ** 1.3)

    def _body(self, pose: Pose) -> Affine:
        """The transform from the puppet's units to the screen."""
        size, wide = self.actor.size, pose.wide
        if self.actor.subject.rig is Rig.WINGS and pose.lift > 0:
            wide *= 0.8 + 0.2 * pose.swing
        flip = -1.0 if pose.facing != self.actor.subject.faces else 1.0
        middle = -0.5 * size * pose.tall
        return (
            scaling(size * wide * flip, size * pose.tall)
            .then(shear(-pose.lean * pose.facing))
            .then(translation(0, -middle))
            .then(rotation(pose.turn))
            .then(translation(pose.x, pose.y + middle))
        )


@dataclass(frozen=True)
class Cut:
    """How one piece is cut out of the art: its outline in the art's units (None: all of the art), and how it swings."""

    clip: Path | None = None
    swing: Swing = Swing.STILL
    joint: Point = (0.0, 0.0)
    gain: float = 0.0


def cuts(actor: Actor, art: Art) -> list[Cut]:
    """How the actor's art is cut: into legs and the rest, tail and body, or not at all. The still piece is the last."""
    rig = actor.subject.rig
    if rig in HIP and "standing" not in art.name:
        hip = HIP[rig]
        joint = (0.0, hip - 1)
        return [
            Cut(art.cut(art.split, hip, 1, 1), Swing.LEAN, joint, -LEG_SWING[rig]),
            Cut(art.cut(0, hip, art.split, 1), Swing.LEAN, joint, LEG_SWING[rig]),
            Cut(art.cut(0, 0, 1, hip + 0.008)),
        ]
    if rig is Rig.FISH:
        joint = (0.08 * art.width / art.height, -0.5)
        return [Cut(art.cut(0.58, 0, 1, 1), Swing.WAG, joint, 0.3), Cut(art.cut(0, 0, 0.588, 1))]
    return [Cut()]
