"""Gives the actors their speeds, and says whom the camera follows. Pure."""

import math
from dataclasses import replace

from wanserve.engine.animatic.actor import TRAVELLING, Actor, pace_of
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import VEHICLES, CameraMove, Lead, Motion, Relation, Rig, Scene


def in_motion(actors: list[Actor], scene: Scene, geometry: Geometry) -> list[Actor]:
    """Give each actor its speed. Who crosses a still picture begins on one side of it and ends on the other."""
    moving = []
    for actor in actors:
        ridden = any(a.base is not None and actors[a.base] is actor and a.motion in TRAVELLING for a in actors)
        still = pace_of(actor, geometry) == 0 and ridden and actor.subject.rig in VEHICLES | {Rig.GALLOP, Rig.LEGS}
        going = Motion.SWIM if actor.subject.rig is Rig.BOAT else Motion.RUN
        each = replace(actor, motion=going) if still else actor
        speed = pace_of(each, geometry) * each.facing if each.base is None else 0.0
        moving.append(replace(each, velocity=speed))
    return moving


def follow_speed(actors: list[Actor], scene: Scene) -> float:
    """The speed of a camera that follows the first lead; 0 where it must not, or would leave others behind."""
    grounded = [a for a in actors if a.base is None]
    if not grounded or scene.move not in (CameraMove.NONE, CameraMove.FOLLOW, CameraMove.ZOOM_IN, CameraMove.ZOOM_OUT):
        return 0.0
    speeds = {math.copysign(1, a.velocity) if a.velocity else 0 for a in grounded}
    if len(speeds) > 1 or 0 in speeds:
        return 0.0
    return sum(a.velocity for a in grounded) / len(grounded)


def cross(actors: list[Actor], follow: float, seconds: float, width: int) -> list[Actor]:
    """Let those that the camera does not follow cross the picture: their place is where they are half-way."""
    crossing = []
    for actor in actors:
        own = actor.velocity - follow
        limit = 0.62 * width / max(0.5, seconds)
        if actor.base is not None or not actor.velocity:
            crossing.append(actor)
            continue
        if actor.until < math.inf:
            way = math.copysign(min(abs(own), 0.2 * width / max(0.5, actor.until * seconds)), own)
            until = actor.until * seconds
            crossing.append(replace(actor, velocity=way, until=until, x=actor.x - way * until))
            continue
        if follow:
            drift = min(abs(own), 0.12 * width / max(0.5, seconds))
            velocity = follow + math.copysign(drift, own) if own else follow
            gain = 0.1 * width * actor.facing
            crossing.append(replace(actor, velocity=velocity + gain / max(0.5, seconds), x=actor.x - gain / 2))
            continue
        velocity = math.copysign(min(abs(own), limit), own)
        crossing.append(replace(actor, velocity=velocity, x=actor.x - velocity * seconds / 2))
    return crossing


FACING = frozenset({Relation.MEETING, Relation.USING, Relation.GIVING})
"""The relations in which the first turns to the other."""


def turned_to_each_other(actors: list[Actor], scene: Scene) -> list[Actor]:
    """Turn those to each other that meet or talk, and all that chase or follow into one direction."""
    turned = list(actors)
    for i in range(len(turned)):
        actor = turned[i]
        lead = scene.leads[actor.lead]
        other = _related_to(actor, turned, lead)
        if other is None:
            continue
        if lead.relation in (Relation.CHASING, Relation.FOLLOWING):
            turned[other] = _along(turned[other], actor)
        elif lead.relation in (Relation.PUSHING, Relation.PULLING):
            turned = [_moved(a, actor) if a.lead == lead.to else a for a in turned]
        elif lead.relation in FACING or lead.action in ("hug", "kiss", "talk"):
            turned[i], turned[other] = _face_to_face(actor, turned[other], meets=lead.relation is Relation.MEETING)
    return turned


def _face_to_face(first: Actor, other: Actor, *, meets: bool) -> tuple[Actor, Actor]:
    """Two that look at each other; those who meet walk up to each other."""
    way = 1 if other.x > first.x else -1
    until = 0.6 if meets else first.until
    first = replace(first, facing=way, velocity=abs(first.velocity) * way, until=until)
    return first, _coming(other, -way, first) if meets or other.subject.animate else other


def _related_to(actor: Actor, actors: list[Actor], lead: Lead) -> int | None:
    """The index of the actor that this one is related to; None for who is carried or stands for themselves."""
    if lead.to is None or actor.base is not None or lead.to == actor.lead:
        return None
    return next((k for k, a in enumerate(actors) if a.lead == lead.to), None)


def _moved(other: Actor, mover: Actor) -> Actor:
    """What is pushed or pulled: it goes as fast as who moves it, and its wheels turn."""
    rolls = other.subject.rig in VEHICLES and other.motion is Motion.STAND
    return replace(other, facing=mover.facing, velocity=mover.velocity, motion=Motion.RUN if rolls else other.motion)


def _coming(other: Actor, way: int, first: Actor) -> Actor:
    """The one who is met: it turns to the first, and comes to meet it where that one comes too."""
    if first.until == math.inf or not other.subject.mobile:
        return replace(other, facing=way, velocity=abs(other.velocity) * way)
    return replace(other, facing=way, motion=first.motion, velocity=abs(first.velocity) * way, until=first.until)


def _along(other: Actor, chaser: Actor) -> Actor:
    """Who is chased runs away in the chaser's direction; who is followed walks ahead."""
    motion = other.motion if other.motion in TRAVELLING else chaser.motion
    mobile = other.subject.mobile
    return replace(
        other,
        facing=chaser.facing,
        motion=motion if mobile else other.motion,
        velocity=chaser.velocity if mobile else 0.0,
    )
