"""Knows how an actor is put on the stage: its art lit and cut into moving parts, its shadow, its rim of light."""

import math
from dataclasses import dataclass

from wanserve.engine.animatic.art import Art, ArtPack, Light
from wanserve.engine.animatic.canvas import Part, Stage
from wanserve.engine.animatic.color import Color, rgb
from wanserve.engine.animatic.drawing import Affine, Path, Radial, Stop, leaned, moved, scaled, turned
from wanserve.engine.animatic.motion import Actor, Pose, Score
from wanserve.engine.animatic.scenery.plan import Plan
from wanserve.engine.animatic.storyboard import Motion, Rig

LEGGED = frozenset({Rig.LEGS, Rig.WALKER})
HIP = {Rig.LEGS: 0.72, Rig.WALKER: 0.58}
"""Where the legs begin, in parts of the height from the top."""

REACH = {Rig.LEGS: 0.34, Rig.WALKER: 0.3}
"""How far the legs swing at full strength: a shear."""

TINTS = {
    "red": "#e5484d", "orange": "#f58a2c", "yellow": "#f4c430", "green": "#4caf50", "blue": "#3f8ae0", "purple": "#9257c8",
    "pink": "#f284b4", "white": "#f2f2f2", "black": "#3a3a44", "gray": "#9aa0a8", "brown": "#8a5a3c",
}  # fmt: skip


@dataclass
class Piece:
    """A part of the art and how it answers the swing: a shear about a line of its own, in the art's units."""

    part: Part
    pivot: float = 0.0
    reach: float = 0.0
    sideways: bool = False


def figure(actor: Actor) -> str:
    """The name of the actor's art; a person is drawn by what it does."""
    name = actor.subject.art
    if not name.startswith("@"):
        return name
    does = {Motion.RUN: "running", Motion.WALK: "walking", Motion.JUMP: "running", Motion.FLY: "running"}
    return f"{name[1:]}-{does.get(actor.motion, 'standing')}"


class Puppet:
    """One actor's parts on a stage. Made in drawing order: its shadow first."""

    def __init__(self, stage: Stage, art: Art, actor: Actor, plan: Plan, ground: float, color: str) -> None:
        self.art, self.actor, self.ground, self.plan = art, actor, ground, plan
        self.ratio = art.width / art.height
        reach = actor.size * (0.18 + 0.36 * self.ratio)
        self.reach = reach
        dark = rgb("#10122a")
        fill = Radial((0.0, 0.0), reach, (Stop(0, dark.alpha(plan.shadow)), Stop(0.55, dark.alpha(plan.shadow * 0.6)), Stop(1, dark.alpha(0))))
        self.shadow = stage.mark(Path().circle(0, 0, reach), fill)
        tint = rgb(TINTS[color]) if color in TINTS else None
        self.mirrored = actor.facing != actor.subject.faces
        self.rim = self._pieces(stage, art.silhouette(plan.rim)) if plan.rim is not None else []
        self.pieces = self._pieces(stage, art.lit(self._light(plan.light), self.mirrored, tint))

    def _light(self, light: Light) -> Light:
        return light

    def _pieces(self, stage: Stage, svg: str) -> list[Piece]:
        rig, art = self.actor.subject.rig, self.art
        if rig in LEGGED and "standing" not in art.name:
            hip = HIP[rig]
            line = art.box[1] + hip * art.height
            reach = REACH[rig]
            return [
                Piece(stage.art(svg, art.cut(0.5, hip, 1, 1)), line, -reach),
                Piece(stage.art(svg, art.cut(0, hip, 0.5, 1)), line, reach),
                Piece(stage.art(svg, art.cut(0, 0, 1, hip + 0.008))),
            ]
        if rig is Rig.FISH:
            line = art.box[0] + 0.58 * art.width
            return [
                Piece(stage.art(svg, art.cut(0.58, 0, 1, 1)), line, 0.3, sideways=True),
                Piece(stage.art(svg, art.cut(0, 0, 0.588, 1))),
            ]
        return [Piece(stage.art(svg))]

    def draw(self, pose: Pose, score: Score, t: float) -> None:
        """Put all parts where the pose says."""
        body = self._body(pose)
        for piece in self.pieces:
            piece.part.place(self._swung(piece, pose).then(body))
        light = self.plan.light
        edge = max(1.0, self.actor.size * 0.008)
        for piece in self.rim:
            piece.part.place(self._swung(piece, pose).then(body).then(moved(light.from_x * edge, light.from_y * edge)))
        height = min(1.0, pose.lift / (self.actor.size * 1.6 + 1))
        spread = pose.wide * (1 - 0.45 * height)
        self.shadow.place(Affine(a=spread, e=0.2 * spread, c=pose.x - light.from_x * pose.lift * 0.25, f=self.ground + self.actor.size * 0.012))
        self.shadow.fade((1 - height) ** 1.5)

    def _swung(self, piece: Piece, pose: Pose) -> Affine:
        if not piece.reach:
            return Affine()
        shear = piece.reach * pose.swing
        if piece.sideways:
            return moved(-piece.pivot, 0).then(leaned(0, shear)).then(moved(piece.pivot, 0))
        return moved(0, -piece.pivot).then(leaned(shear, 0)).then(moved(0, piece.pivot))

    def _body(self, pose: Pose) -> Affine:
        """From the art's units to the screen."""
        size = self.actor.size
        wide = pose.wide
        if self.actor.subject.rig is Rig.WINGS and pose.lift > 0:
            wide *= 0.8 + 0.2 * pose.swing
        flip = -1.0 if pose.facing != self.actor.subject.faces else 1.0
        middle = -0.5 * size * pose.tall
        return (
            self.art.fit()
            .then(scaled(size * wide * flip, size * pose.tall))
            .then(leaned(-pose.lean * pose.facing, 0))
            .then(moved(0, -middle))
            .then(turned(pose.turn))
            .then(moved(pose.x, pose.y + middle))
        )


def pack_art(pack: ArtPack, actor: Actor) -> Art:
    """The actor's art from the pack."""
    return pack[figure(actor)]


__all__ = ["Color", "Puppet", "figure", "math", "pack_art"]
