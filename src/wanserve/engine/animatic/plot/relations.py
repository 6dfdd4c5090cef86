"""Says how the leads of a scene stand to each other, and what they ride. Pure."""

from dataclasses import replace

from wanserve.engine.animatic.plot.mentions import Kind, Mention
from wanserve.engine.animatic.scene import Lead, Medium, Motion, Relation, Rig
from wanserve.engine.animatic.words.lexicon import Lexicon

MAX_LEADS = 4

OWN_MOTION = {
    Rig.FISH: Motion.SWIM,
    Rig.BOAT: Motion.SWIM,
    Rig.BIRD: Motion.FLY,
    Rig.WINGS: Motion.FLY,
    Rig.CRAFT: Motion.FLY,
    Rig.FLOAT: Motion.FLOAT,
    Rig.DANCER: Motion.DANCE,
}
"""What a subject does where the prompt does not say, by its rig; the others stand."""

OBJECT_RELATIONS = {
    "ride": Relation.RIDING,
    "drive": Relation.RIDING,
    "chase": Relation.CHASING,
    "follow": Relation.FOLLOWING,
    "meet": Relation.MEETING,
    "push": Relation.PUSHING,
    "use": Relation.USING,
    "beside": Relation.BESIDE,
    "play": Relation.BESIDE,
    "verb": Relation.BESIDE,
    "with": Relation.BESIDE,
    "hold": Relation.BESIDE,
}
"""How a verb's object stands to its subject."""

SEATS = frozenset({"chair", "sofa", "bench", "armchair", "stool", "seat", "throne", "bed", "swing", "rocking horse"})

LIGHTS = frozenset({"sun", "moon", "crescent moon", "star", "cloud", "rainbow"})
"""What everything is under, without being drawn beside it: "under the afternoon sun"."""

OVERHEAD = frozenset({"umbrella"})
"""What people hold over their heads: "under an umbrella"."""

VEHICLES_OF = {
    "person-biking": "bicycle", "person-mountain-biking": "bicycle", "person-surfing": "surfboard", "skier": "skis",
    "snowboarder": "snowboard", "person-rowing-boat": "canoe",
}  # fmt: skip
"""What an animal rides that does what only people have a picture of."""

INVERSE = {
    Relation.LEFT_OF: Relation.RIGHT_OF, Relation.RIGHT_OF: Relation.LEFT_OF, Relation.ON: Relation.UNDER,
    Relation.UNDER: Relation.ON, Relation.ABOVE: Relation.UNDER, Relation.IN_FRONT_OF: Relation.BEHIND,
    Relation.BEHIND: Relation.IN_FRONT_OF, Relation.BESIDE: Relation.BESIDE,
}  # fmt: skip


ON_FOOT = frozenset({Motion.WALK, Motion.RUN, Motion.CRAWL})


def root(mention: Mention) -> Mention | None:
    """Who or what a mention hangs on: past parts, clothes, and what is only held or worn."""
    owner = mention.owner
    while owner is not None and owner.owner is not None:
        carried = owner.link in ("hold", "wear") and owner.owner.kind is Kind.PERSON
        if owner.kind not in (Kind.PART, Kind.CLOTHES) and not carried:
            break
        owner = owner.owner
    return owner


def relation_of(lexicon: Lexicon, mention: Mention) -> Relation:
    """How a mention stands to its owner; NONE where it is not drawn beside it."""
    if mention.wearable and mention.link in ("wear", "in", "with", "and"):
        return Relation.NONE
    if is_held(lexicon, mention) or (mention.link in ("under", "in") and mention.name in LIGHTS):
        return Relation.NONE
    if mention.link in OBJECT_RELATIONS:
        return OBJECT_RELATIONS[mention.link]
    return Relation(mention.link) if mention.link in set(Relation) else Relation.NONE


def is_held(lexicon: Lexicon, mention: Mention) -> bool:
    """Whether its owner, a person, has it in the hand."""
    owner = root(mention)
    if owner is None or mention.kind is not Kind.THING or owner.kind is not Kind.PERSON:
        return False
    over = mention.link in ("under", "above") and mention.name in OVERHEAD
    return over or (mention.link in ("hold", "with", "use", "play", "verb") and lexicon.subjects[mention.name].held)


def related(lexicon: Lexicon, leads: list[Lead], taken: list[Mention]) -> list[Lead]:
    """The leads with how they stand to each other. Each has one relation; a second one is told from the other side."""
    for index, mention in enumerate(taken):
        owner = root(mention)
        relation = relation_of(lexicon, mention)
        if mention.link in ("", "and") or not relation or owner not in taken:
            continue
        at = taken.index(owner)
        if not leads[at].relation:
            for each in (at, *_joined(taken, at)):
                if not leads[each].relation:
                    leads[each] = _settled(replace(leads[each], relation=relation, to=index), leads[index])
        elif relation in INVERSE:
            leads[index] = replace(leads[index], relation=INVERSE[relation], to=at)
    return leads


def _joined(taken: list[Mention], at: int) -> list[int]:
    """Those that an "and" joins to this one before it: what is said of it is said of them too."""
    joined: list[int] = []
    mention = taken[at]
    while mention.link == "and" and mention.owner in taken:
        mention = mention.owner
        joined.append(taken.index(mention))
    return joined


def face_each_other(leads: list[Lead], taken: list[Mention]) -> None:
    """Make two leads of two that meet or talk to each other, so that they can stand face to face."""
    if len(leads) != 1 or leads[0].count != 2:
        return
    lead = leads[0]
    meets = any(v.object == "meet" for v in taken[0].verbs)
    if meets or lead.action in ("talk", "hug", "kiss", "punch"):
        relation = Relation.MEETING if meets else Relation.BESIDE
        leads[:] = [replace(lead, count=1, relation=relation, to=1), replace(lead, count=1)]


def _settled(lead: Lead, other: Lead) -> Lead:
    """The lead with the motion that its relation to another brings along: who chases runs, who is on a chair sits."""
    seated = lead.relation is Relation.ON and other.subject.name in SEATS
    if seated and lead.person is not None and lead.motion is Motion.STAND:
        return replace(lead, motion=Motion.SIT)
    if lead.relation in (Relation.CHASING, Relation.FOLLOWING) and lead.motion is Motion.STAND:
        return replace(lead, motion=Motion.RUN if lead.relation is Relation.CHASING else Motion.WALK)
    if lead.relation is Relation.ABOVE and lead.subject.medium is Medium.GROUND and lead.motion in ON_FOOT:
        # Who crawls over a stone goes past it.
        return replace(lead, relation=Relation.IN_FRONT_OF)
    resting = lead.relation in (Relation.ON, Relation.USING, Relation.IN, Relation.UNDER)
    if resting and lead.motion is Motion.FLY and lead.subject.rig is Rig.BIRD:
        return replace(lead, motion=Motion.STAND)
    if lead.relation is Relation.RIDING and lead.person is not None:
        return replace(
            lead, motion=Motion.RIDE if lead.motion in (Motion.STAND, Motion.RUN, Motion.SIT) else lead.motion
        )
    return lead


def with_vehicles(lexicon: Lexicon, leads: list[Lead], taken: list[Mention]) -> tuple[Lead, ...]:
    """The leads, and after them their kites, and what they ride that the verb alone names: "somebody is skateboarding"."""
    for at, mention in enumerate(taken):
        held = leads[at].holds
        if held is not None and held.name == "kite" and len(leads) < MAX_LEADS:
            leads[at] = replace(leads[at], holds=None, action="pull")
            leads.append(Lead(held, leads[at].count, motion=Motion.FLOAT))
        prop = next((v.prop for v in mention.verbs if v.object == "ride" and v.prop), "")
        prop = prop or next((VEHICLES_OF[v.activity] for v in mention.verbs if v.activity in VEHICLES_OF), "")
        if (
            not prop
            or leads[at].relation
            or leads[at].activity
            or prop not in lexicon.subjects
            or len(leads) >= MAX_LEADS
        ):
            continue
        vehicle = Lead(lexicon.subjects[prop], motion=OWN_MOTION.get(lexicon.subjects[prop].rig, Motion.RUN))
        leads[at] = _settled(replace(leads[at], relation=Relation.RIDING, to=len(leads)), vehicle)
        leads.append(vehicle)
    return tuple(leads)
