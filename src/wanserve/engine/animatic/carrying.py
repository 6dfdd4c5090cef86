"""Puts what is carried on its carriers: riders on horses, cats on chairs, boys into boats. Pure."""

import math
from dataclasses import dataclass, replace

from wanserve.engine.animatic.actor import Actor
from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.scene import VEHICLES, Lead, Motion, Relation, Rig, Scene
from wanserve.engine.animatic.sizes import extent

HANDED = 0.5
"""When a thing that is given changes hands, as a fraction of the clip."""

CARRIED = frozenset({Relation.ON, Relation.RIDING, Relation.IN, Relation.ABOVE, Relation.UNDER})

STAND_ON_SEAT = {"chair": 0.5, "sofa": 0.36, "bench": 0.5, "bed": 0.5, "stool": 1.0, "horse": 0.62, "armchair": 0.38}
"""How high one sits or stands on this, as a fraction of its height; on anything else on top of it."""


@dataclass
class Stand:
    """The members of one lead, not yet placed, and the width that they take together."""

    index: int
    lead: Lead
    members: list[Actor]
    width: float
    x: float = 0.0


def carriers_of(scene: Scene) -> dict[int, tuple[int, Relation]]:
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


def carry(
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
    member = _fitted(member, tall, relation)
    facing = carrier.facing if relation is Relation.RIDING else member.facing
    row = carrier.row + (0.5 if relation is Relation.UNDER else 0.0)
    return replace(member, base=actors.index(carrier), offset=(dx, up), behind_base=behind, facing=facing, row=row)


def _fitted(member: Actor, tall: float, relation: Relation) -> Actor:
    """What is carried, made smaller where it is a thing that is too large for its carrier of this height."""
    apart = relation in (Relation.UNDER, Relation.ABOVE)
    if apart or member.size <= 0.9 * tall or member.subject.animate:
        return member
    return replace(member, size=max(0.5 * member.size, 0.9 * tall))


def hand_over(actors: list[Actor], scene: Scene) -> list[Actor]:
    """Let the first who gets something have it in the second half of the clip, and who gives it before."""
    handed = list(actors)
    for i, giver in enumerate(handed):
        lead = scene.leads[giver.lead]
        getter = next((k for k, a in enumerate(handed) if a.lead == lead.to), None)
        if (
            lead.relation is not Relation.GIVING
            or giver.holds is None
            or getter is None
            or handed[getter].person is None
        ):
            continue
        gets = handed[getter]
        handed[i] = replace(giver, held=(-1.0, HANDED))
        handed[getter] = replace(gets, holds=giver.holds, action=gets.action or "hold", held=(HANDED, math.inf))
    return handed


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
    if relation in (Relation.IN, Relation.RIDING):
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
