"""Says how the leads of a scene stand to each other, and what they ride. Pure."""

from dataclasses import replace

from wanserve.engine.animatic.plot.mentions import Kind, Mention
from wanserve.engine.animatic.scene import Lead, Medium, Motion, Relation, Rig
from wanserve.engine.animatic.words.lexicon import Lexicon

MAX_LEADS = 4

KITE = "kite"

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
    "pull": Relation.PULLING,
    "give": Relation.GIVING,
    "use": Relation.USING,
    "beside": Relation.BESIDE,
    "play": Relation.BESIDE,
    "verb": Relation.BESIDE,
    "with": Relation.BESIDE,
    "hold": Relation.BESIDE,
}
"""How a verb's object stands to its subject."""

PURSUITS = {Relation.CHASING: Motion.RUN, Relation.FOLLOWING: Motion.WALK}
"""What somebody does who is said to be after another one, and nothing else."""

PERCHES = frozenset({Relation.ON, Relation.USING, Relation.IN, Relation.UNDER})
"""How a bird stands to what it does not fly over."""

SEATS = frozenset({"chair", "sofa", "bench", "armchair", "stool", "seat", "throne", "bed", "swing", "rocking horse"})

PLAYED = frozenset({"guitar", "violin", "piano", "drums", "flute", "trumpet"})
"""What hands do to an instrument."""

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
    if is_held(lexicon, mention) or _is_around(lexicon, mention):
        return Relation.NONE
    if mention.link in OBJECT_RELATIONS:
        return OBJECT_RELATIONS[mention.link]
    return Relation(mention.link) if mention.link in set(Relation) else Relation.NONE


def _is_around(lexicon: Lexicon, mention: Mention) -> bool:
    """Whether it is part of the surroundings or of its owner: what is far below, the sun, a pizza's toppings."""
    shines = mention.name in LIGHTS and (mention.definite or mention.link in ("under", "in"))
    return shines or _is_far_below(lexicon, mention) or _is_topping(lexicon, mention)


def _is_topping(lexicon: Lexicon, mention: Mention) -> bool:
    """Whether it is several small things that come with a small one: a pizza with mushrooms."""
    owner = root(mention)
    if owner is None or mention.link != "with" or mention.count < 2:
        return False
    both = [lexicon.subjects.get(m.name) for m in (owner, mention)]
    return all(each is not None and each.small for each in both)


def _is_far_below(lexicon: Lexicon, mention: Mention) -> bool:
    """Whether it is what something large in the air is above: a balloon over a field of sunflowers."""
    owner = root(mention)
    if mention.link != "above" or owner is None or owner.name not in lexicon.subjects:
        return False
    above = lexicon.subjects[owner.name]
    below = lexicon.subjects.get(mention.name)
    return above.medium is Medium.AIR and below is not None and 3 * below.metres < above.metres


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
            for each in _unrelated(leads, (at, *_joined(taken, at))):
                leads[each] = _settled(replace(leads[each], relation=relation, to=index), leads[index])
                leads[index] = _carrying(leads[index], leads[each])
        elif relation in INVERSE:
            leads[index] = replace(leads[index], relation=INVERSE[relation], to=at)
    return leads


def _carrying(carrier: Lead, carried: Lead) -> Lead:
    """The carrier, which goes where those whom it carries are said to go."""
    still = carrier.way == (0, 0) and carrier.subject.mobile and carried.way != (0, 0)
    if not still or carried.relation not in (Relation.RIDING, Relation.ON, Relation.IN, Relation.ABOVE):
        return carrier
    moves = OWN_MOTION.get(carrier.subject.rig, Motion.RUN)
    return replace(carrier, way=carried.way, motion=moves if carrier.motion is Motion.STAND else carrier.motion)


def _unrelated(leads: list[Lead], among: tuple[int, ...]) -> list[int]:
    """Those that have no relation yet."""
    return [each for each in among if not leads[each].relation]


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
    """The lead as its relation to another makes it do: who chases runs, who is on a chair sits."""
    if lead.relation is Relation.ABOVE and lead.subject.medium is Medium.GROUND and lead.motion in ON_FOOT:
        # Who crawls over a stone goes past it.
        return replace(lead, relation=Relation.IN_FRONT_OF)
    return replace(lead, motion=_settled_motion(lead, other))


def _settled_motion(lead: Lead, other: Lead) -> Motion:
    """The motion that a lead's relation to another brings along, or else its own."""
    if _is_seated(lead, other):
        return Motion.SIT
    if _perches(lead) or (lead.motion is Motion.SPIN and lead.relation in (Relation.ON, Relation.RIDING)):
        # Who rolls along on a skateboard does not turn over.
        return Motion.STAND
    if _mounts(lead):
        return Motion.RIDE
    return PURSUITS.get(lead.relation, lead.motion) if lead.motion is Motion.STAND else lead.motion


def _is_seated(lead: Lead, other: Lead) -> bool:
    """Whether a person who is on something sits on it, as on a chair."""
    on_seat = lead.relation is Relation.ON and other.subject.name in SEATS
    return on_seat and lead.person is not None and lead.motion is Motion.STAND


def _perches(lead: Lead) -> bool:
    """Whether a bird is at rest on, in or under something, although birds mostly fly."""
    return lead.relation in PERCHES and lead.motion is Motion.FLY and lead.subject.rig is Rig.BIRD


def _mounts(lead: Lead) -> bool:
    """Whether a person rides: sits astride or in something that goes, and does nothing else there."""
    rides = lead.relation is Relation.RIDING and lead.person is not None
    return rides and lead.motion in (Motion.STAND, Motion.RUN, Motion.SIT)


def with_vehicles(lexicon: Lexicon, leads: list[Lead], taken: list[Mention]) -> tuple[Lead, ...]:
    """The leads, and after them their kites, and what they ride that the verb alone names: "somebody is skateboarding"."""
    for at, mention in enumerate(taken):
        _let_fly(leads, at)
        _take_up(lexicon, leads, at, mention)
        vehicle = lexicon.subjects.get(_vehicle(mention))
        free = not leads[at].relation and not leads[at].activity
        if vehicle is None or not free or len(leads) >= MAX_LEADS:
            continue
        ridden = Lead(vehicle, motion=OWN_MOTION.get(vehicle.rig, Motion.RUN))
        leads[at] = _settled(replace(leads[at], relation=Relation.RIDING, to=len(leads)), ridden)
        leads.append(_carrying(ridden, leads[at]))
    return tuple(leads)


def _let_fly(leads: list[Lead], at: int) -> None:
    """Make a lead of the kite that this one holds, as it flies above."""
    held = leads[at].holds
    if held is not None and held.name == KITE and len(leads) < MAX_LEADS:
        leads[at] = replace(leads[at], holds=None, action="pull")
        leads.append(Lead(held, leads[at].count, motion=Motion.FLOAT))


def _take_up(lexicon: Lexicon, leads: list[Lead], at: int, mention: Mention) -> None:
    """Make a lead of the instrument of an animal or a toy that only the verb names: a dog at the drums."""
    prop = next((v.prop for v in mention.verbs if v.human and v.action in PLAYED), "")
    used = lexicon.subjects.get(prop)
    if used is not None and mention.kind is Kind.THING and not leads[at].relation and len(leads) < MAX_LEADS:
        leads[at] = replace(leads[at], relation=Relation.USING, to=len(leads))
        leads.append(Lead(used))


def _vehicle(mention: Mention) -> str:
    """What it rides by the verb alone: who skateboards, a skateboard; "" where it rides nothing that a verb names."""
    ridden = next((v.prop for v in mention.verbs if v.object == "ride" and v.prop), "")
    return ridden or next((VEHICLES_OF[v.activity] for v in mention.verbs if v.activity in VEHICLES_OF), "")
