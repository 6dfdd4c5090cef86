"""Stages a scene: gives each subject its size, its place in the picture, its row of depth and its speed. Pure.

The sizes follow the true heights, but softened: a mouse beside an elephant would be a dot. Subjects that stand apart
are spread over rows of depth; what lies on, rides on or sits in something is carried by it.
"""

import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import replace

from wanserve.engine.animatic.actor import Actor
from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.carrying import Stand, carriers_of, carry, hand_over
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.moving import in_motion, turned_to_each_other
from wanserve.engine.animatic.scene import (
    Lead,
    Medium,
    Motion,
    Person,
    Relation,
    Rig,
    Scene,
)
from wanserve.engine.animatic.scenery.elements import Scenery
from wanserve.engine.animatic.sizes import extent

SPACING = 1.06
"""The width reserved for a subject, as a multiple of its own width."""

ROWS = (0.0, -0.05, 0.035, -0.025, 0.055)
"""How far in front of the ground line the subjects stand in turn, in units of the frame."""

SOFTENED = 0.5
"""The exponent by which true heights become heights in one picture."""


TALLEST = 40.0
"""Metres: what is taller, a mountain or a planet, is far away."""

FULL_WIDTH = 0.86


def stage(scene: Scene, scenery: Scenery, geometry: Geometry, rng: random.Random, pack: ArtPack) -> list[Actor]:
    """Stage all leads of a scene. Carriers come before what they carry."""
    facing = rng.choice((-1, 1))
    heights = _heights(scene, geometry)
    stands = [_stand(i, lead, heights[i], facing, geometry, rng, pack) for i, lead in enumerate(scene.leads)]
    carriers = carriers_of(scene)
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
    carry(stands, carriers, placed, actors, pack)
    return turned_to_each_other(in_motion(hand_over(actors, scene), scene, geometry), scene)


DRESSED_ALIKE = (("bride", "groom"), ("gown", "suit"), ("dress", "shirt"))
"""What a woman and a man of a couple wear."""


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
                person=_one_of(lead.person, nth),
                action=lead.action,
                holds=lead.holds,
                art=lead.activity or lead.subject.art,
                look=zlib.crc32(f"{lead.subject.name} {nth} {rng.randrange(1 << 30)}".encode()),
            )
        )
    width = extent(members[0], pack)[0] * SPACING
    return Stand(index, lead, members, width * (1 + 0.72 * (lead.count - 1)))


ON_FEET = frozenset({Motion.STAND, Motion.WALK, Motion.RUN, Motion.SIT, Motion.DANCE})


def _one_of(person: Person | None, nth: int) -> Person | None:
    """The person that the nth member of a couple is: a woman and a man by turns, in what each of them wears."""
    if person is None or person.who != "couple":
        return person
    woman = nth % 2 == 0
    pair = next((p for p in DRESSED_ALIKE if person.outfit in p), (person.outfit, person.outfit))
    return replace(person, who="woman" if woman else "man", outfit=pair[0 if woman else 1])


def _in_order(stands: list[Stand], scene: Scene) -> list[Stand]:
    """The stands from left to right: as the prompt says, else in its order."""
    ordered = list(stands)
    for each in stands:
        other = next((s for s in stands if s.index == each.lead.to), None)
        if other is None:
            continue
        way = _side_of(each, other)
        if way:
            ordered.remove(each)
            ordered.insert(ordered.index(other) + (1 if way > 0 else 0), each)
    rank = {"left": -1, "right": 1}
    return sorted(ordered, key=lambda s: rank.get(s.lead.side, 0))


def _side_of(each: Stand, other: Stand) -> int:
    """On which side of the other this one stands: -1 left, 1 right, 0 where that is open."""
    relation = each.lead.relation
    ahead = each.lead.way[0] or other.lead.way[0] or each.members[0].facing
    if relation in (Relation.CHASING, Relation.FOLLOWING, Relation.PUSHING):
        return -ahead
    return {Relation.LEFT_OF: -1, Relation.RIGHT_OF: 1, Relation.PULLING: ahead}.get(relation, 0)


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
            row=_row(depth, member, geometry, size),
            raised=_raised(member, scene, scenery, geometry, size),
        )


def _row(depth: float, member: Actor, geometry: Geometry, size: float) -> float:
    """How far in front of the ground line the feet are, in pixels: nothing in the air.

    Who is too tall for a close-up has the feet below the picture, and not the head above it.
    """
    if member.motion in (Motion.FLY, Motion.SWIM):
        return 0.0
    cut = max(0.0, size - 0.93 * geometry.ground) if member.motion in ON_FEET else 0.0
    return depth * geometry.frame + cut


def _raised(member: Actor, scene: Scene, scenery: Scenery, geometry: Geometry, size: float) -> float:
    """How high over the ground something hangs that hangs, and how deep in the water something is that swims in it."""
    if member.subject.medium is Medium.HUNG and member.motion in (Motion.STAND, Motion.FLOAT):
        return min(0.34 * geometry.frame, max(0.0, 0.9 * geometry.ground - size))
    if scenery.water and member.motion is Motion.SWIM and member.subject.animate and member.subject.rig is not Rig.FISH:
        return -(0.2 if member.subject.medium is Medium.FLOAT else 0.42) * size
    return 0.0
