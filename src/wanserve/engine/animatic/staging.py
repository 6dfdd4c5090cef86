"""Stages a scene: gives each subject its size, its place in the picture, its row of depth and its speed. Pure.

The sizes follow the true heights, but softened: a mouse beside an elephant would be a dot. Subjects that stand apart
are spread over rows of depth; what lies on, rides on or sits in something is carried by it.
"""

import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import TRAVELLING, Actor, pace_of
from wanserve.engine.animatic.scene import (
    VEHICLES,
    CameraMove,
    Lead,
    Medium,
    Motion,
    Relation,
    Rig,
    Scene,
    Shot,
)
from wanserve.engine.animatic.scenery.elements import Scenery
from wanserve.engine.animatic.sizes import extent

SPACING = 1.06
"""The width reserved for a subject, as a multiple of its own width."""

CARRIED = frozenset({Relation.ON, Relation.RIDING, Relation.IN, Relation.ABOVE, Relation.UNDER})
ROWS = (0.0, -0.05, 0.035, -0.025, 0.055)
"""How far in front of the ground line the subjects stand in turn, in units of the frame."""

SOFTENED = 0.5
"""The exponent by which true heights become heights in one picture."""

STAND_ON_SEAT = {"chair": 0.5, "sofa": 0.45, "bench": 0.5, "bed": 0.5, "stool": 1.0, "horse": 0.62, "armchair": 0.45}
"""How high one sits or stands on this, as a fraction of its height; on anything else on top of it."""

TALLEST = 40.0
"""Metres: what is taller, a mountain or a planet, is far away."""

FULL_WIDTH = 0.86
PORTRAIT_SHOTS = frozenset({Shot.CLOSE_UP})


@dataclass
class Stand:
    """The members of one lead, not yet placed, and the width that they take together."""

    index: int
    lead: Lead
    members: list[Actor]
    width: float
    x: float = 0.0


def stage(scene: Scene, scenery: Scenery, geometry: Geometry, rng: random.Random, pack: ArtPack) -> list[Actor]:
    """Stage all leads of a scene. Carriers come before what they carry."""
    facing = rng.choice((-1, 1))
    heights = _heights(scene, geometry)
    stands = [_stand(i, lead, heights[i], facing, geometry, rng, pack) for i, lead in enumerate(scene.leads)]
    carriers = _carriers(scene)
    ground = [s for s in stands if s.index not in carriers]
    shrink = _fit(_in_order(ground, scene), geometry)
    for each in stands:
        each.members = [replace(m, size=m.size * shrink) for m in each.members]
        each.width *= shrink
    ordered = _in_order(ground, scene)
    _spread(ordered, scene, geometry, rng)
    actors: list[Actor] = []
    placed: dict[int, int] = {}
    for row, each in enumerate(ordered):
        placed[each.index] = len(actors)
        actors += _members(each, row, len(ordered), scene, scenery, geometry, rng, pack)
    _carry(stands, carriers, placed, actors, pack)
    return _turned(_in_motion(actors, scene, geometry), scene)


def _heights(scene: Scene, geometry: Geometry) -> list[float]:
    """The height of each lead in pixels: the tallest as its true height deserves, the others in proportion to it."""
    true = [
        min(TALLEST, lead.subject.metres) * {"big": 1.6, "small": 0.6}.get(lead.size, 1.0) * _grown(lead)
        for lead in scene.leads
    ]
    if not true:
        return []
    tallest = max(true)
    people = any(lead.person is not None for lead in scene.leads)
    top = min(0.74, max(0.56 if people else 0.2, 0.36 * math.pow(tallest / 0.3, 0.17))) * geometry.unit
    return [top * max(0.16, math.pow(metres / tallest, SOFTENED)) for metres in true]


def _grown(lead: Lead) -> float:
    """How tall a person is, as a part of an adult."""
    who = lead.person.who if lead.person else ""
    return {"boy": 0.72, "girl": 0.7, "baby": 0.42, "old woman": 0.93, "woman": 0.96}.get(who, 1.0)


def _stand(
    index: int, lead: Lead, height: float, facing: int, geometry: Geometry, rng: random.Random, pack: ArtPack
) -> Stand:
    """All members of one lead. Only the first has full size; the others stand close and overlap a little."""
    members = []
    for nth in range(lead.count):
        growth = 1.0 if nth == 0 else rng.uniform(0.84, 0.96)
        members.append(
            Actor(
                lead.subject,
                lead.motion,
                height * growth,
                0.0,
                lead.way[0] or facing,
                rng.random(),
                lead.way,
                index,
                lead.color,
                person=lead.person,
                action=lead.action,
                holds=lead.holds,
                art=lead.activity or lead.subject.art,
                look=zlib.crc32(f"{lead.subject.name} {nth} {rng.randrange(1 << 30)}".encode()),
            )
        )
    width = extent(members[0], pack)[0] * SPACING
    return Stand(index, lead, members, width * (1 + 0.72 * (lead.count - 1)))


def _carriers(scene: Scene) -> dict[int, tuple[int, Relation]]:
    """Who carries whom: from the index of a lead to that of its carrier, and how it is carried.

    What is under something large stands at its foot; of two things of one size the upper one lies on the lower one.
    """
    carriers: dict[int, tuple[int, Relation]] = {}
    for index, lead in enumerate(scene.leads):
        if lead.to is None or lead.to >= len(scene.leads) or lead.to == index:
            continue
        carried, carrier, relation = index, lead.to, lead.relation
        if relation is Relation.UNDER and scene.leads[carrier].subject.metres < 1.8 * lead.subject.metres:
            carried, carrier, relation = carrier, index, Relation.ON
        if relation in CARRIED and carried not in carriers and not _leads_to(carriers, carrier, carried):
            carriers[carried] = (carrier, relation)
    return carriers


def _leads_to(carriers: dict[int, tuple[int, Relation]], start: int, end: int) -> bool:
    """Whether the carrier is itself carried, at the end of the chain, by the other."""
    while start in carriers:
        start = carriers[start][0]
    return start == end


def _in_order(stands: list[Stand], scene: Scene) -> list[Stand]:
    """The stands from left to right: as the prompt says, else in its order."""
    ordered = list(stands)
    for each in stands:
        lead = each.lead
        other = next((s for s in stands if s.index == lead.to), None)
        if other is None:
            continue
        ways = {Relation.LEFT_OF: -1, Relation.RIGHT_OF: 1}
        way = ways.get(lead.relation, 0)
        if lead.relation in (Relation.CHASING, Relation.FOLLOWING, Relation.PUSHING):
            way = -(lead.way[0] or other.lead.way[0] or each.members[0].facing)
        if way:
            ordered.remove(each)
            ordered.insert(ordered.index(other) + (1 if way > 0 else 0), each)
    rank = {"left": -1, "right": 1}
    return sorted(ordered, key=lambda s: rank.get(s.lead.side, 0))


def _fit(stands: list[Stand], geometry: Geometry) -> float:
    """How much all must shrink so that they fit side by side."""
    total = sum(s.width for s in stands)
    room = geometry.width * (0.72 if len(stands) < 2 and stands and len(stands[0].members) < 2 else FULL_WIDTH)
    return min(1.0, room / max(1.0, total))


def _spread(stands: list[Stand], scene: Scene, geometry: Geometry, rng: random.Random) -> None:
    """Give each stand its middle. One alone stands on a third, with room before it; several share the width."""
    total = sum(s.width for s in stands)
    spare = max(0.0, geometry.width - total)
    gap = min(0.09 * geometry.width, spare / (len(stands) + 1)) if len(stands) > 1 else 0.0
    whole = total + gap * (len(stands) - 1)
    middle = geometry.width * _middle(stands, rng) if stands else 0.0
    start = min(max(middle - whole / 2, 0.03 * geometry.width), geometry.width * 0.97 - whole)
    if spare <= 0.06 * geometry.width:
        start = (geometry.width - whole) / 2
    for each in stands:
        each.x = start + each.width / 2
        start += each.width + gap


def _middle(stands: list[Stand], rng: random.Random) -> float:
    """Where the middle of all stands is, as a fraction of the width."""
    offset = rng.uniform(0.06, 0.14)
    if len(stands) > 1:
        return 0.5 + rng.uniform(-0.03, 0.03)
    lead = stands[0].lead
    if lead.side in ("left", "right", "center"):
        return {"left": 0.26, "right": 0.74, "center": 0.5}[lead.side]
    return 0.5 - offset * stands[0].members[0].facing


def _members(
    each: Stand,
    row: int,
    rows: int,
    scene: Scene,
    scenery: Scenery,
    geometry: Geometry,
    rng: random.Random,
    pack: ArtPack,
) -> Iterator[Actor]:
    """The members of a stand at their places. A group is staggered: every second one stands further back."""
    count = len(each.members)
    own = ROWS[row % len(ROWS)] if rows > 1 else 0.0
    own += {Relation.BEHIND: -0.045, Relation.IN_FRONT_OF: 0.045}.get(each.lead.relation, 0.0)
    own += 0.05 if each.lead.side == "front" else 0.0
    step = each.width / (1 + 0.72 * (count - 1)) * 0.72
    first = each.x - step * (count - 1) / 2
    for nth, member in enumerate(each.members):
        depth = own + (ROWS[nth % len(ROWS)] * 0.8 if count > 1 else 0.0)
        x = first + nth * step + (rng.uniform(-0.1, 0.1) * step if count > 1 else 0.0)
        size = member.size * (1 + 0.9 * depth)
        yield replace(
            member,
            x=x,
            size=size,
            row=_row(depth, member, geometry),
            raised=_raised(member, scene, scenery, geometry, size),
        )


def _row(depth: float, member: Actor, geometry: Geometry) -> float:
    """How far in front of the ground line the feet are, in pixels: nothing in the air."""
    return 0.0 if member.motion in (Motion.FLY, Motion.SWIM) else depth * geometry.frame


def _raised(member: Actor, scene: Scene, scenery: Scenery, geometry: Geometry, size: float) -> float:
    """How high over the ground something hangs that hangs, and how deep in the water something is that swims in it."""
    if member.subject.medium is Medium.HUNG and member.motion in (Motion.STAND, Motion.FLOAT):
        return min(0.34 * geometry.frame, max(0.0, 0.9 * geometry.ground - size))
    if scenery.water and member.motion is Motion.SWIM and member.subject.animate and member.subject.rig is not Rig.FISH:
        return -(0.2 if member.subject.medium is Medium.FLOAT else 0.42) * size
    return 0.0


def _carry(
    stands: list[Stand],
    carriers: dict[int, tuple[int, Relation]],
    placed: dict[int, int],
    actors: list[Actor],
    pack: ArtPack,
) -> None:
    """Put those that are carried on their carriers, which stand already."""
    waiting = [s for s in stands if s.index in carriers]
    while waiting:
        each = next(s for s in waiting if carriers[s.index][0] in placed)
        waiting.remove(each)
        carrier, relation = carriers[each.index]
        at = placed[carrier]
        placed[each.index] = len(actors)
        actors += [_carried(each, nth, at, actors, relation, pack) for nth in range(len(each.members))]


def _carried(each: Stand, nth: int, at: int, actors: list[Actor], relation: Relation, pack: ArtPack) -> Actor:
    """One that is carried: its feet on top of the carrier, on its seat, inside of it, or beside its foot."""
    own = _one_each(each, at, actors)
    member, carrier = each.members[nth], actors[at + nth] if own else actors[at]
    wide, tall = extent(carrier, pack)
    count = 1 if own else len(each.members)
    dx = (nth - (count - 1) / 2) * min(wide / max(1, count), extent(member, pack)[0] * 0.9)
    up, behind = _seat(member, carrier, tall, relation)
    if behind and carrier.subject.rig is Rig.BOAT:
        dx -= 0.26 * wide
    if relation is Relation.UNDER:
        dx += 0.1 * wide
    elif relation is not Relation.ABOVE and member.size > 0.9 * tall and not member.subject.animate:
        member = replace(member, size=max(0.5 * member.size, 0.9 * tall))
    facing = carrier.facing if relation is Relation.RIDING else member.facing
    row = carrier.row + (0.5 if relation is Relation.UNDER else 0.0)
    return replace(member, base=actors.index(carrier), offset=(dx, up), behind_base=behind, facing=facing, row=row)


def _one_each(each: Stand, at: int, actors: list[Actor]) -> bool:
    """Whether each member has a carrier of its own: two girls on two horses."""
    carriers = [a for a in actors if a.lead == actors[at].lead]
    return len(carriers) == len(each.members) > 1


def _seat(member: Actor, carrier: Actor, tall: float, relation: Relation) -> tuple[float, bool]:
    """How high the feet are over those of the carrier, and whether the carrier hides them."""
    name, rig = carrier.subject.name, carrier.subject.rig
    if relation is Relation.ABOVE:
        return tall * 1.18, False
    if relation is Relation.UNDER:
        return 0.0, False
    if relation is Relation.IN and rig not in VEHICLES:
        return tall * 0.32, True
    if relation is Relation.IN:
        return _ride(member, carrier, tall)
    if relation is Relation.RIDING:
        return _ride(member, carrier, tall)
    if name in STAND_ON_SEAT:
        sitting = member.person is not None and member.motion in (Motion.SIT, Motion.STAND)
        return tall * STAND_ON_SEAT[name] - (0.27 * member.size if sitting else 0.0), False
    return tall * (0.95 if rig is not Rig.BOAT else 0.4), False


def _ride(member: Actor, carrier: Actor, tall: float) -> tuple[float, bool]:
    """Where a rider's feet are: astride an animal or a bicycle, on a board, or inside a vehicle or a boat."""
    rig = carrier.subject.rig
    if carrier.subject.animate:
        return tall * 0.62 - 0.3 * member.size, False
    if tall < 0.35 * member.size:
        return tall * 0.9, False
    if rig is Rig.BOAT:
        return min(tall * 0.16, 0.3 * member.size), True
    if carrier.subject.name in ("bicycle", "motorcycle", "scooter", "tricycle", "unicycle", "motor scooter"):
        return tall * 0.62 - 0.3 * member.size, False
    return tall - 0.52 * member.size, True


def _in_motion(actors: list[Actor], scene: Scene, geometry: Geometry) -> list[Actor]:
    """Give each actor its speed. Who crosses a still picture begins on one side of it and ends on the other."""
    moving = []
    for actor in actors:
        speed = pace_of(actor, geometry) * actor.facing if actor.base is None else 0.0
        riders = [a for a in actors if a.base is not None and actors[a.base] is actor and a.motion in TRAVELLING]
        if not speed and riders and actor.subject.rig in VEHICLES | {Rig.GALLOP, Rig.LEGS}:
            actor = replace(actor, motion=Motion.RUN if actor.subject.rig is not Rig.BOAT else Motion.SWIM)
            speed = pace_of(actor, geometry) * actor.facing
        moving.append(replace(actor, velocity=speed))
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


def _turned(actors: list[Actor], scene: Scene) -> list[Actor]:
    """Turn those to each other that meet or talk, and all that chase or follow into one direction."""
    turned = list(actors)
    for i, actor in enumerate(turned):
        lead = scene.leads[actor.lead]
        if lead.to is None or actor.base is not None or lead.to == actor.lead:
            continue
        other = next((k for k, a in enumerate(turned) if a.lead == lead.to), None)
        if other is None:
            continue
        if lead.relation in (Relation.CHASING, Relation.FOLLOWING):
            turned[other] = _along(turned[other], actor)
        elif lead.relation in (Relation.MEETING, Relation.USING) or lead.action in ("hug", "kiss", "talk"):
            way = 1 if turned[other].x > actor.x else -1
            turned[i] = replace(
                actor,
                facing=way,
                velocity=abs(actor.velocity) * way,
                until=0.6 if lead.relation is Relation.MEETING else actor.until,
            )
            if lead.relation is Relation.MEETING or turned[other].subject.animate:
                turned[other] = _coming(turned[other], -way, turned[i])
    return turned


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
