"""Draws one person on a canvas: makes the parts of its body once, and moves them to the pose of each frame."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from wanserve.engine.animatic.actor import Pose
from wanserve.engine.animatic.art import Art, Light
from wanserve.engine.animatic.canvas import Canvas, Part
from wanserve.engine.animatic.color import Color, rgb
from wanserve.engine.animatic.drawing import Affine, Path, Radial, Stop, rotation, scaling, shear, translation
from wanserve.engine.animatic.people import faces, heads, limbs
from wanserve.engine.animatic.people import trunk as trunks
from wanserve.engine.animatic.people.actions import Grip
from wanserve.engine.animatic.people.build import ANKLE, BUILDS, Build
from wanserve.engine.animatic.people.ink import Ink, picture
from wanserve.engine.animatic.people.look import OUTFITS, Look
from wanserve.engine.animatic.people.poses import Joints, action_of, joints, stance_of
from wanserve.engine.animatic.people.skeleton import Bone, Figure, place
from wanserve.engine.animatic.people.tones import Tones
from wanserve.engine.animatic.people.trims import trims
from wanserve.engine.animatic.people.trunk import Trunk

RIGHT, LEFT = 0, 1
LOOSE = frozenset({"", "hold", "carry", "pull", "wave", "cheer", "throw", "point", "talk"})
"""The actions in which things of any size are held."""

LARGE = 0.3
"""Standing heights: what is taller is held behind the body, so that the face stays free."""

DARK = rgb("#10122a")


@dataclass(frozen=True, slots=True)
class Moment:
    """What the parts of one frame are placed by. `head` is the transform from head heights, the chin at the origin."""

    figure: Figure
    joints: Joints
    head: Affine
    t: float


Placing = Callable[[Moment], Affine]
"""From a moment to the transform of a part from its own units to those of the figure."""


@dataclass(frozen=True, slots=True)
class Sprite:
    """One part of the body, and how it is placed."""

    part: Part
    placing: Placing


def extent(stance: str, who: str = "man") -> tuple[float, float]:
    """The width and the height that a person takes in a stance, as fractions of its standing height.

    Children, whose legs are shorter, are higher on a seat or on their knees, and larger where they lie flat.
    """
    known, build, grown = stance_of(stance), BUILDS.get(who, BUILDS["man"]), BUILDS["man"]
    more = build.head - grown.head if known.level else _lowered(stance, grown) - _lowered(stance, build)
    return known.width, known.height + max(0.0, more)


def _lowered(stance: str, build: Build) -> float:
    """How much lower the hip is than in standing."""
    j = joints(stance, "", 0.0, 0.0, 0.0)
    return build.hip - (j.seat or ANKLE + j.hip * build.leg_length)


def _grown(grip: Grip, height: float) -> Grip:
    """The grip of a thing that is taller than the action expects: near its foot, like an umbrella or a flag."""
    return replace(grip, height=height, up=0.02) if height > 1.2 * grip.height else grip


class Person:
    """The parts of one person. They are added in drawing order, the shadow first.

    `size` is its standing height in pixels. `view` is "front" or "side"; from the side it looks to the pose's `facing`.
    Stances that lie flat are always drawn from the side. `held` is drawn in the hand, as the action holds things, and at
    least `held_height` tall, in standing heights, where the action does not need it small.
    """

    def __init__(
        self, canvas: Canvas, look: Look, size: float, stance: str, action: str, view: str, facing: int, *,
        light: Light, rim: Color | None, shadow: float, held: Art | None = None, held_height: float = 0.0, phase: float = 0.0,
    ) -> None:  # fmt: skip
        self.size, self.stance, self.action, self.phase = size, stance, action, phase
        self.side = view == "side" or stance_of(stance).level
        self.build = BUILDS[look.who]
        self.deed = action_of(action)
        self.grip = _grown(self.deed.grip, held_height if action in LOOSE else 0.0)
        from_x = light.from_x * (facing if self.side else 1)
        tones = Tones(light, rim, -1.0 if from_x <= 0 else 1.0)
        self.trunk = Trunk(self.build, look, OUTFITS[look.outfit], self.side, tones)
        self.canvas = canvas
        self.shadow = self._shadow(shadow)
        self.reach = extent(stance)[0]
        self.sprites: list[Sprite] = []
        self.mouths: tuple[Part, Part]
        self.held: Part | None = None
        self.lap = trunks.lap_length(self.trunk, sits=self._knees_first(bent=True))
        self._add_body(held, light)

    def draw(self, pose: Pose, ground: float, t: float) -> None:
        """Move all parts to the pose at time t. `ground` is the y of the ground, where the shadow lies."""
        j = joints(self.stance, self.action, pose.step, t, self.phase)
        figure = place(j, self.build, self.side, self.deed.spot)
        moment = Moment(figure, j, self._head(figure), t)
        body = self._body(pose)
        for sprite in self.sprites:
            sprite.part.place(sprite.placing(moment).then(body))
        smile, opened = self.mouths
        smile.show(j.mouth < 0.12)
        opened.show(j.mouth >= 0.12)
        self._draw_shadow(pose, ground, moment.figure)

    def fade_held(self, alpha: float) -> None:
        """Set the opacity of what is in the hand."""
        if self.held is not None:
            # ThorVG never shows a picture whose opacity was 0 at first.
            self.held.fade(max(alpha, 1 / 255))

    def _body(self, pose: Pose) -> Affine:
        """The transform from the figure's units to the screen."""
        flip = pose.facing if self.side else 1
        middle = -0.5 * self.size * pose.tall
        return (
            scaling(self.size * pose.wide * flip, self.size * pose.tall)
            .then(shear(-pose.lean * pose.facing))
            .then(translation(0, -middle))
            .then(rotation(pose.turn))
            .then(translation(pose.x, pose.y + middle))
        )

    def _shadow(self, strength: float) -> Part:
        fades = ((0.0, 1.0), (0.5, 0.66), (0.8, 0.2), (1.0, 0.0))
        stops = tuple(Stop(at, DARK.alpha(strength * part)) for at, part in fades)
        return self.canvas.add_path(Path().circle(0, 0, self.size), Radial((0.0, 0.0), self.size, stops))

    def _draw_shadow(self, pose: Pose, ground: float, figure: Figure) -> None:
        """The shadow lies under the feet and the hip, whatever is further apart."""
        xs = [figure.trunk.start[0], *(bone.end[0] for bone in figure.shins)]
        if abs(figure.hip_turn) > 0.6:
            xs.append(figure.neck[0])
        flip = pose.facing if self.side else 1
        height = min(1.0, max(0.0, pose.lift) / (self.size * 1.6 + 1))
        spread = pose.wide * (1 - 0.45 * height) * ((max(xs) - min(xs)) / 2 + 0.15)
        middle = pose.x + flip * self.size * (max(xs) + min(xs)) / 2
        self.shadow.place(Affine(a=spread, e=0.17 * min(spread, 0.3) + 0.008, c=middle, f=ground + self.size * 0.004))
        self.shadow.fade((1 - height) ** 1.5)

    def _add(self, inks: list[Ink], placing: Placing) -> None:
        """Add a part of the body, unless there is nothing to draw. A single filled shape needs no picture."""
        if not inks:
            return
        if len(inks) == 1 and not inks[0].width:
            self.sprites.append(Sprite(self.canvas.add_path(inks[0].path, inks[0].fill), placing))
            return
        svg, unpack = picture(inks)
        self.sprites.append(Sprite(self.canvas.add_art(svg), lambda m: unpack.then(placing(m))))

    def _add_body(self, held: Art | None, light: Light) -> None:
        """Add all parts from the furthest to the nearest."""
        bent = stance_of(self.stance).bent
        if held is not None and self.grip is not self.deed.grip and self.grip.height > LARGE:
            self._add_held(held, light)
            held = None
        self._add_behind()
        if self.side:
            self._add_arm(LEFT, far=True)
            self._add_leg(LEFT, bent, far=True)
            self._add_leg(RIGHT, bent, far=False)
        elif not bent:
            self._add_leg(RIGHT, bent, far=False)
            self._add_leg(LEFT, bent, far=False)
        self._add_trunk(bent)
        if bent and not self.side:
            self._add_leg(RIGHT, bent, far=False)
            self._add_leg(LEFT, bent, far=False)
            if self.trunk.wear.hem > 0.28:
                self._add(trunks.lap(self.trunk, self.lap), self._lapped)
        self._add_head()
        if not self.side:
            self._add_arm(LEFT, far=False)
        self._add_arm(RIGHT, far=False, held=held, light=light)

    def _add_behind(self) -> None:
        """Add what hangs behind: cape, wings, a backpack, and, from the front, hair."""
        trim = self.trunk.wear.trim
        for name, drawer in (("cape", trunks.cape), ("wings_fairy", trunks.fairy_wings), ("straps", trunks.backpack)):
            if name in trim:
                self._add(drawer(self.trunk), _hangs(_sway if name == "cape" and self.side else _still))
        if not self.side:
            self._add(heads.behind(self.trunk), _swinging(0.05, self.phase))

    def _add_trunk(self, bent: bool) -> None:
        wear = self.trunk.wear
        whole = [*trunks.neck(self.trunk), *trunks.pelvis(self.trunk), *trunks.garment(self.trunk), *trims(self.trunk)]
        if wear.hem and not (bent and wear.hem > 0.28):
            self._add(trunks.skirt(self.trunk), self._skirted)
        self._add(whole, lambda m: _breath(m).then(_along(m.figure.trunk, down=False)))

    def _skirted(self, m: Moment) -> Affine:
        """How a skirt is placed: it spreads and leans so that it covers the knees, and swings a little."""
        f, build = m.figure, self.build
        x, y = f.trunk.start
        knees = [(bone.end[0] - x, bone.end[1] - y) for bone in f.thighs]
        swing = 0.02 * math.sin(2.4 * m.t + math.tau * self.phase)
        if f.hip_turn or self.trunk.wear.hem < 0.3:
            middle = sum(knee[0] for knee in knees) / 2
            return Affine(b=swing + (0.0 if f.hip_turn else middle)).then(rotation(f.hip_turn)).then(translation(x, y))
        left, right = min(k[0] for k in knees) - build.leg[1], max(k[0] for k in knees) + build.leg[1]
        waist = trunks.skirt_top(self.trunk)
        deep = max(0.1, sum(knee[1] for knee in knees) / 2) - waist
        lean = min(0.26, max(-0.26, (left + right) / 2 / deep))
        half = trunks.skirt_half(self.trunk, deep + waist)
        wide = min(1.25, max(1.0, max(right - lean * deep, lean * deep - left) / half))
        lean += swing
        return Affine(a=wide, b=lean, c=x - lean * waist, f=y)

    def _lapped(self, m: Moment) -> Affine:
        """How the skirt of one who sits or kneels is placed, from the front: it ends at the ground."""
        x, y = m.figure.trunk.start
        return Affine(e=min(1.0, (0.05 - y) / self.lap), c=x, f=y)

    def _add_leg(self, which: int, bent: bool, far: bool) -> None:
        trunk, wear = self.trunk, self.trunk.wear
        at = self._place(which, far)
        parts: list[tuple[list[Ink], Placing]] = [
            (limbs.foot(trunk, at), lambda m: _foot(m.figure, which, self.side)),
            (limbs.shin(trunk, at, bent and wear.hem > 0.7), lambda m: _along(m.figure.shins[which])),
            (limbs.thigh(trunk, at, self._is_draped(bent)), lambda m: _along(m.figure.thighs[which])),
        ]
        if self.side or self._knees_first(bent):
            parts = [parts[2], parts[0], parts[1]]
        elif wear.hem > 0.7 and not bent:
            parts.pop()
        for inks, placing in parts:
            self._add(inks, placing)

    def _is_draped(self, bent: bool) -> bool:
        """Whether a skirt covers the thigh: of who sits or kneels, and seen from the side."""
        wear = self.trunk.wear
        return (bent and wear.hem > 0.28) or (self.side and wear.hem > 0.4 and wear.legs == 0)

    def _knees_first(self, bent: bool) -> bool:
        """Whether the shins are nearer than the thighs, seen from the front: they are for who sits, not for who kneels."""
        return bent and joints(self.stance, self.action, 0.0, 0.0, 0.0).legs[RIGHT].forward > 0

    def _place(self, which: int, far: bool) -> limbs.Place:
        return limbs.Place(far, 0 if self.side else (-1 if which == RIGHT else 1))

    def _add_arm(self, which: int, far: bool, held: Art | None = None, light: Light | None = None) -> None:
        """Add an arm, and between it and its hand what is held."""
        trunk, at = self.trunk, self._place(which, far)
        thumb = 1 if self.side or which == RIGHT else -1
        self._add(limbs.upper_arm(trunk, at), lambda m: _along(m.figure.uppers[which]))
        if held is not None and light is not None:
            self._add_held(held, light)
        self._add(limbs.fore_arm(trunk, at, thumb), lambda m: _along(m.figure.fores[which]))

    def _add_held(self, held: Art, light: Light) -> None:
        fit = held.fit()
        self.held = part = self.canvas.add_art(held.lit(light, mirrored=False))
        self.sprites.append(Sprite(part, lambda m: fit.then(self._grip(m.figure))))

    def _grip(self, figure: Figure) -> Affine:
        """The transform of what is held, from 1 tall with its foot at the origin."""
        grip = self.grip
        right, left = figure.fores
        x, y = right.end
        if grip.both:
            x, y = (x + left.end[0]) / 2, (y + left.end[1]) / 2
        along = math.atan2(right.end[0] - right.start[0], -(right.end[1] - right.start[1]))
        turn = math.radians(grip.turn) + grip.follow * along
        return (
            translation(0, grip.up).then(scaling(grip.height, grip.height)).then(rotation(turn)).then(translation(x, y))
        )

    def _add_head(self) -> None:
        trunk, side = self.trunk, self.side
        if side:
            self._add(heads.behind(trunk), _swinging(0.07, self.phase))
        self._add(heads.skull(trunk), _on_head)
        face = faces.face_of(self.build, side)
        eyes = faces.eyes(trunk.look, self.build, side, trunk.tones)
        self._add(eyes, _on_face(face.eye_y, side, lambda j: max(0.1, j.lids)))
        mood = joints(self.stance, self.action, 0.0, 0.0, self.phase).smile
        self._add(faces.smile(trunk.look, self.build, side, trunk.tones, mood), _on_face(face.mouth_y, side))
        smile = self.sprites[-1].part
        hollow = faces.open_mouth(self.build, side, trunk.tones)
        self._add(hollow, _on_face(face.mouth_y, side, lambda j: 0.3 + 0.7 * j.mouth))
        self.mouths = (smile, self.sprites[-1].part)
        self._add(heads.features(trunk), _on_face(0.0, side))

    def _head(self, figure: Figure) -> Affine:
        """The transform of the head: from head heights to the figure's units."""
        b = self.build
        ahead = b.depth * 0.04 if self.side else 0.0
        x, y = figure.neck
        turned = rotation(figure.head_turn)
        dx, dy = turned.at(ahead, b.shoulder - b.chin)
        k = b.head
        return Affine(turned.a * k, turned.b * k, x + dx, turned.d * k, turned.e * k, y + dy)


def _on_head(m: Moment) -> Affine:
    """How what does not move on the head is placed."""
    return m.head


def _on_face(y: float, side: bool, opened: Callable[[Joints], float] | None = None) -> Placing:
    """How a feature of the face is placed, at this y of the head. It shifts as the face turns, and `opened` flattens it."""
    across = 0.0 if side else 0.06

    def placing(m: Moment) -> Affine:
        f = m.figure
        tall = opened(m.joints) if opened is not None else 1.0
        return Affine(e=tall, c=across * f.look, f=y + 0.08 * f.nod).then(m.head)

    return placing


def _swinging(sway: float, phase: float) -> Placing:
    """How hair that hangs from the head is placed: it lags behind the head's turn."""

    def placing(m: Moment) -> Affine:
        swing = sway * (math.sin(4.1 * m.t + math.tau * phase) * 0.4 - m.figure.head_turn * 0.8)
        return shear(-swing).then(m.head)

    return placing


def _along(bone: Bone, down: bool = True) -> Affine:
    """The transform of a part that hangs down (or, not `down`, stands up) along its bone, foreshortened with it."""
    (x, y), sign = bone.start, 1 if down else -1
    dx, dy = sign * (bone.end[0] - x), sign * (bone.end[1] - y)
    long = math.hypot(dx, dy) or 1e-6
    cos, sin = dy / long, -dx / long
    stretch = max(0.2, long / bone.length)
    return Affine(cos, -sin * stretch, x, sin, cos * stretch, y)


def _breath(m: Moment) -> Affine:
    return scaling(1 + 0.008 * m.joints.breath, 1.0)


def _foot(figure: Figure, which: int, side: bool) -> Affine:
    """The transform of a foot; from the front a raised toe only makes it look longer."""
    at = translation(*figure.shins[which].end)
    if side:
        return rotation(figure.feet[which]).then(at)
    return scaling(1.0, min(1.6, max(0.75, 1 + 0.9 * math.sin(figure.feet[which])))).then(at)


def _still(m: Moment) -> float:
    return 0.0


def _sway(m: Moment) -> float:
    return 0.05 + 0.05 * math.sin(3.1 * m.t)


def _hangs(sway: Callable[[Moment], float]) -> Placing:
    """How what hangs behind the shoulders is placed."""

    def placing(m: Moment) -> Affine:
        f = m.figure
        dx, dy = f.trunk.end[0] - f.trunk.start[0], f.trunk.end[1] - f.trunk.start[1]
        return shear(-sway(m)).then(rotation(math.atan2(dx, -dy))).then(translation(*f.trunk.end))

    return placing
