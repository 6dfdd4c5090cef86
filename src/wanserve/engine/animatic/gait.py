"""Computes gaits: how bodies bounce, rock and swing their legs as they step. Pure.

A gait advances with the distance travelled, so feet do not slide.
"""

import math
from dataclasses import replace

from wanserve.engine.animatic.actor import ROLLERS, STRIDE, Actor, Pose
from wanserve.engine.animatic.scene import Rig

TAU = math.tau


def gait(actor: Actor, step: float, rest: Pose, strength: float) -> Pose:
    """The pose at gait cycle `step`, as the actor's rig walks. `strength` is 1 for a run."""
    angle = TAU * step
    bounce = abs(math.sin(angle))
    size, rig = actor.size, actor.subject.rig
    if rig in (Rig.HOP, Rig.BALL, Rig.THING, Rig.BIRD):
        return _hop(actor, step, rest, strength)
    if rig in ROLLERS:
        rumble = 0.004 * math.sin(angle * 5) + 0.003 * math.sin(angle * 8.3)
        return replace(rest, y=rest.y - size * abs(rumble), tall=1 + rumble, lean=-0.02 * strength, step=step)
    if rig is Rig.CRAWL:
        reach = 0.07 * math.sin(angle)
        return replace(rest, wide=1 + reach, tall=1 - reach * 0.6, turn=0.02 * math.sin(angle), step=step)
    if rig is Rig.WADDLE:
        lift = 0.05 * size * bounce
        return replace(rest, y=rest.y - lift, lift=lift, turn=0.1 * math.sin(angle), swing=math.sin(angle), step=step)
    rock = 0.085 if rig is Rig.GALLOP else 0.035
    lift = size * strength * (0.11 if rig is Rig.GALLOP else 0.045) * bounce
    return replace(
        rest,
        y=rest.y - lift,
        lift=lift,
        turn=rock * strength * math.sin(angle + 0.6) * actor.facing,
        lean=0.05 * strength * strength,
        tall=1 + 0.035 * strength * (bounce - 0.5),
        wide=1 - 0.03 * strength * (bounce - 0.5),
        swing=math.sin(angle) * (0.45 + 0.55 * strength),
        step=step,
    )


def _hop(actor: Actor, step: float, rest: Pose, strength: float) -> Pose:
    """Hop in arcs; the actor is squashed at each landing."""
    part = step % 1.0
    air = max(0.0, math.sin(math.pi * part))
    land = max(0.0, 1 - min(part, 1 - part) * 7)
    lift = actor.size * air * (0.12 + 0.3 * strength)
    roll = (
        TAU * step / 2 * actor.facing
        if actor.subject.rig is Rig.BALL
        else 0.12 * math.cos(math.pi * part) * -actor.facing
    )
    stretch = 0.06 * air * strength - 0.13 * land
    if actor.subject.rig is Rig.BALL:
        stretch = 0.0
    return replace(rest, y=rest.y - lift, lift=lift, turn=roll, tall=1 + stretch, wide=1 - 0.8 * stretch, step=step)


def steps(actor: Actor, t: float) -> float:
    """How many whole steps the actor has taken: as many as its way is strides long, but no more than legs can."""
    stride = STRIDE.get(actor.motion, 0.5) * actor.size * (0.8 if actor.subject.rig in ROLLERS else 1.0)
    return min(abs(actor.velocity) * t / stride, 3.2 * t) + actor.phase
