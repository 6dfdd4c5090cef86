"""Places the bones of a person: from joint angles and proportions to points of the picture. Pure.

In space, x is the person's left, y forward and z up; in the picture, x is to the right and y down. All lengths are
fractions of the standing height, and the middle of the feet is the origin.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from wanserve.engine.animatic.drawing import Point
from wanserve.engine.animatic.people.actions import Spot
from wanserve.engine.animatic.people.build import ANKLE, Build
from wanserve.engine.animatic.people.poses import Arm, Joints, Leg

TOWARDS = 0.3
"""How far down the picture shows what is one unit nearer, seen from the front."""

ASIDE, NEARER = 0.13, 0.05
"""How far the picture shifts what is one unit further to the left, seen from the side: forward, and up."""

PACE = 0.434
"""A grown-up's leg. Strides are multiples of it for all people, so that their feet keep up with the ground."""


class Vector(NamedTuple):
    """A point or a direction in space."""

    x: float
    y: float
    z: float

    def plus(self, other: "Vector", times: float = 1.0) -> "Vector":
        """This vector and so many times the other."""
        return Vector(self.x + other.x * times, self.y + other.y * times, self.z + other.z * times)

    def dot(self, other: "Vector") -> float:
        """The scalar product."""
        return self.x * other.x + self.y * other.y + self.z * other.z

    @property
    def length(self) -> float:
        """The distance from the origin."""
        return math.sqrt(self.dot(self))


@dataclass(frozen=True, slots=True)
class Bone:
    """A bone in the picture, and its real length."""

    start: Point
    end: Point
    length: float


@dataclass(frozen=True, slots=True)
class Figure:
    """Where everything is in the picture: the trunk from hip to neck, the right and left limbs, the head and its turn.

    Turns are radians clockwise. `nod` and `look` are how far the face shifts down and to the picture's right, -1 to 1.
    """

    trunk: Bone
    hip_turn: float
    thighs: tuple[Bone, Bone]
    shins: tuple[Bone, Bone]
    feet: tuple[float, float]
    uppers: tuple[Bone, Bone]
    fores: tuple[Bone, Bone]
    neck: Point
    head_turn: float
    nod: float
    look: float


@dataclass(frozen=True, slots=True)
class View:
    """From where the person is seen: the front, or the right side, so that it looks to the right."""

    side: bool

    def at(self, v: Vector) -> Point:
        """The point in the picture."""
        if self.side:
            return v.y + ASIDE * v.x, -v.z - NEARER * v.x
        return v.x, -v.z + TOWARDS * v.y

    def bone(self, start: Vector, end: Vector, length: float) -> Bone:
        """A bone between two points in space."""
        return Bone(self.at(start), self.at(end), length)


def place(j: Joints, build: Build, side: bool, spot: Spot) -> Figure:
    """Place all bones for one pose, seen from the right side or from the front. `spot` is where near hands go."""
    view = View(side)
    height = j.seat or ANKLE + j.hip * build.leg_length
    hip = Vector(j.sway, 0.0, height + j.rise)
    limbs = [_leg(leg, build, j, hip, s) for leg, s in zip(j.legs, (-1, 1), strict=True)]
    trunk_frame = _Frame(j.pitch + j.lean + math.degrees(build.stoop) * 0.7, j.roll, 0.0)
    neck = hip.plus(trunk_frame.turned(Vector(0, 0, build.trunk)))
    shoulder_frame = _Frame(trunk_frame.pitch, j.roll, j.yaw)
    head_frame = _Frame(trunk_frame.pitch * 0.9 + j.nod, j.roll * 0.5 + j.tilt, 0.0)
    skull = neck.plus(head_frame.turned(Vector(0, 0.012, build.chin - build.shoulder + build.head / 2)))
    arms = []
    for arm, s in zip(j.arms, (-1, 1), strict=True):
        joint = neck.plus(shoulder_frame.turned(Vector(s * build.shoulders, 0, -build.arm[0] - 0.002)))
        goal = joint.plus(shoulder_frame.turned(_direction(arm, s)), arm.reach * build.arm_length)
        if arm.near:
            place_of = skull.plus(head_frame.turned(Vector(s * spot[0], spot[1], spot[2])), build.head)
            goal = goal.plus(place_of.plus(goal, -1), arm.near)
        hint = shoulder_frame.turned(Vector(s * (0.3 + 0.9 * arm.elbow), arm.near - 0.5, -0.8 + 0.9 * arm.elbow))
        arms.append(_bent(joint, goal, (build.upper_arm, build.fore_arm), hint))
    return Figure(
        trunk=view.bone(hip, neck, build.trunk),
        hip_turn=math.radians(j.pitch if side else 0.0),
        thighs=_pair(view, limbs, 0, build.leg_length / 2),
        shins=_pair(view, limbs, 1, build.leg_length / 2),
        feet=(limbs[0].toe, limbs[1].toe),
        uppers=_pair(view, arms, 0, build.upper_arm),
        fores=_pair(view, arms, 1, build.fore_arm),
        neck=view.at(neck),
        head_turn=math.radians(head_frame.pitch if side else head_frame.roll),
        nod=0.0 if side else min(1.0, max(-1.0, math.sin(math.radians(j.nod + 0.4 * trunk_frame.pitch)) * 1.6)),
        look=j.look,
    )


@dataclass(frozen=True, slots=True)
class _Limb:
    points: tuple[Vector, Vector, Vector]
    toe: float = 0.0


@dataclass(frozen=True, slots=True)
class _Frame:
    """A turned part of the body: pitched forward, rolled to its left, yawed to its right, in degrees."""

    pitch: float
    roll: float
    yaw: float

    def turned(self, v: Vector) -> Vector:
        """A vector of the upright body, turned with this part."""
        a, b, c = (math.radians(d) for d in (self.yaw, self.roll, self.pitch))
        x, y, z = v.x * math.cos(a) + v.y * math.sin(a), v.y * math.cos(a) - v.x * math.sin(a), v.z
        x, z = x * math.cos(b) + z * math.sin(b), z * math.cos(b) - x * math.sin(b)
        return Vector(x, y * math.cos(c) + z * math.sin(c), z * math.cos(c) - y * math.sin(c))


def _pair(view: View, limbs: list[_Limb], first: int, length: float) -> tuple[Bone, Bone]:
    right, left = (view.bone(limb.points[first], limb.points[first + 1], length) for limb in limbs)
    return right, left


def _direction(arm: Arm, side: int) -> Vector:
    forward, out = math.radians(arm.forward), math.radians(arm.out)
    return Vector(side * math.sin(out), math.cos(out) * math.sin(forward), -math.cos(out) * math.cos(forward))


def _leg(leg: Leg, build: Build, j: Joints, hip: Vector, side: int) -> _Limb:
    """Place a leg: the foot first, on or over the ground or relative to the body, and then the knee between."""
    length, spread = build.leg_length, build.hips * 0.43
    stride = leg.forward * min(PACE, length * 1.3)
    body = _Frame(j.pitch, 0.0, 0.0)
    joint = hip.plus(body.turned(Vector(side * spread, 0, 0)))
    aside = side * (spread + leg.out * length)
    if j.grounded:
        foot = Vector(aside, stride, _ankle(leg.toe, build) + leg.clear * length)
    else:
        foot = hip.plus(body.turned(Vector(aside, stride, leg.up * length)))
    hint = body.turned(Vector(side * (0.1 + leg.out), 1.0, 0.25))
    limb = _bent(joint, foot, (length * 0.5, length * 0.5), hint)
    return _Limb(limb.points, math.radians(-leg.toe + j.pitch))


def _ankle(toe: float, build: Build) -> float:
    """The height of the ankle of a foot that touches the ground with its toe turned up by so many degrees."""
    if toe >= 0:
        return ANKLE + build.foot * 0.2 * math.sin(math.radians(toe))
    flat = min(1.0, max(0.0, (-toe - 50) / 35))
    return (ANKLE + build.foot * 0.6 * math.sin(math.radians(-toe))) * (1 - flat) + build.leg[2] * flat


def _bent(joint: Vector, goal: Vector, halves: tuple[float, float], hint: Vector) -> _Limb:
    """A limb of two bones from a joint towards a goal, bent in the direction of the hint."""
    upper, lower = halves
    line = goal.plus(joint, -1)
    reach = max(1e-6, line.length)
    along = Vector(line.x / reach, line.y / reach, line.z / reach) if line.length else Vector(0, 0, -1)
    within = min(upper + lower, max(abs(upper - lower), reach))
    across = hint.plus(along, -hint.dot(along))
    size = across.length or 1.0
    share = (upper * upper - lower * lower + within * within) / (2 * within or 1.0)
    bend = math.sqrt(max(0.0, upper * upper - share * share))
    return _Limb((joint, joint.plus(along, share).plus(across, bend / size), joint.plus(along, within)))
