"""Chooses the leads of a scene among the mentions of a prompt, and what each of them does. Pure.

The leads come from the first sentence that names one. Whatever a later sentence says of them is added; other things
of later sentences are background and stay out.
"""

from dataclasses import dataclass, field, replace

from wanserve.engine.animatic.plot.mentions import Findings, Kind, Mention
from wanserve.engine.animatic.scene import Lead, Medium, Motion, Person, Relation, Rig, Subject
from wanserve.engine.animatic.words.lexicon import Lexicon, Verb

MAX_LEADS = 4
MAX_COUNT = 5
PERSON = Subject("person", "", Rig.WALKER, 1.7, "street")
STAND_IN = Lead(Subject("paper star", "star", Rig.FLOAT, 1.0, "meadow", Medium.AIR, held=True), motion=Motion.FLOAT)
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

DRAWN_BESIDE = frozenset({"left of", "right of", "with", "verb", "beside"})
"""The links of a thing that is a place too, by which it is drawn beside its owner: "on the bridge" is only the place."""

AT_REST = frozenset({Motion.SIT, Motion.LIE, Motion.KNEEL, Motion.SQUAT})
"""What only the living do: a vase sits nowhere, it stands."""

SEATS = frozenset({"chair", "sofa", "bench", "armchair", "stool", "seat", "throne", "bed", "swing", "rocking horse"})
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
INSTRUMENTS = {
    "guitar": "guitar", "banjo": "guitar", "violin": "violin", "cello": "violin", "piano": "piano",
    "keyboard": "type", "musical keyboard": "piano", "drum": "drums", "long drum": "drums", "flute": "flute",
    "trumpet": "trumpet", "saxophone": "trumpet", "harp": "guitar", "accordion": "piano", "maracas": "drums",
    "chess pawn": "talk", "joystick": "type", "video game": "type", "microphone": "talk",
}  # fmt: skip
"""What the hands do with what is played, by its name."""

GARMENTS = {
    "wedding dress": "bride", "evening gown": "gown", "evening wear": "gown", "raincoat": "raincoat", "kimono": "kimono",
    "hanfu": "hanfu", "sari": "sari", "tuxedo": "suit", "suit": "suit", "gown": "gown", "dress": "dress",
    "skirt": "skirt", "hoodie": "hoodie", "robe": "robe", "apron": "apron", "armor": "knight", "armour": "knight",
    "lab coat": "scientist", "coat": "coat", "scarf": "winter", "swimsuit": "swimmer", "bikini": "swimmer",
    "spacesuit": "astronaut", "space suit": "astronaut", "tutu": "ballerina", "jersey": "athlete",
    "sportswear": "athlete", "婚纱": "bride", "晚装": "gown", "晚礼服": "gown", "雨衣": "raincoat", "和服": "kimono",
    "汉服": "hanfu", "西装": "suit", "礼服": "gown", "旗袍": "hanfu", "裙": "dress", "卫衣": "hoodie", "长袍": "robe",
    "围裙": "apron", "盔甲": "knight", "白大褂": "scientist", "大衣": "coat", "羽绒服": "winter", "围巾": "winter",
    "泳衣": "swimmer", "宇航服": "astronaut", "太空服": "astronaut", "球衣": "athlete", "运动服": "athlete",
}  # fmt: skip
"""The outfit that a garment belongs to, the longer words first."""

GENERIC_PEOPLE = frozenset({"person", "man", "woman", "people", "figure", "boy", "girl", "child"})
COUNTS = {"couple": 2, "twins": 2, "family": 3, "band": 3, "team": 4, "crowd": 5, "parents": 2}
"""How many people a word in the singular means."""

SIDES = {"left": "left", "right": "right", "center": "center", "front": "front"}


@dataclass
class Cast:
    """The leads, and what else the choice of them found. `asked` has those too that the negative prompt removes.

    `taken` are the mentions that lead. `main_unknown` is the noun at the head of the prompt that has no picture.
    `scenic`: the prompt is about a place, a light or a weather, and names nothing else. `sentence` names the leads.
    """

    leads: tuple[Lead, ...] = ()
    asked: tuple[Lead, ...] = ()
    taken: list[Mention] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    main_unknown: str = ""
    removed: bool = False
    scenic: bool = False
    sentence: int = 0
    home: str = ""
    """Where the first lead's activity is done: somebody who surfs is at the beach."""


def choose_leads(lexicon: Lexicon, findings: Findings, without: set[str]) -> Cast:
    """Choose the leads of a scene."""
    cast = Cast(scenic=any(findings.names.get(t) for t in ("times", "weathers")))
    _become_people(findings)
    chosen = _chosen(lexicon, findings, cast)
    _learn_later(findings, chosen, cast)
    kept = [m for m in chosen if not _is_excluded(m, without)]
    cast.removed = len(kept) < len(chosen)
    cast.notes += [f'left out "{m.word}": the negative prompt names it' for m in chosen if m not in kept]
    cast.taken = kept[:MAX_LEADS]
    cast.leads = _all_leads(lexicon, findings, cast.taken, without)
    cast.asked = cast.leads if not cast.removed else _all_leads(lexicon, findings, chosen[:MAX_LEADS], set())
    _note_words(lexicon, findings, cast)
    if cast.leads and cast.leads[0].activity:
        activities = (lexicon.activities[v.activity] for v in cast.taken[0].verbs if v.activity)
        cast.home = next((a.home for a in activities), "")
    return cast


def _all_leads(lexicon: Lexicon, findings: Findings, taken: list[Mention], without: set[str]) -> tuple[Lead, ...]:
    """The leads that these mentions make, with how they stand to each other."""
    leads = [_lead(lexicon, findings, m, without) for m in taken]
    _face_each_other(leads, taken)
    return _with_vehicles(lexicon, _related(lexicon, leads, taken), taken)


def _become_people(findings: Findings) -> None:
    """Take an unknown name that does what only people do for a person: "Gwen Stacy is reading a book"."""
    for mention in findings.mentions:
        if mention.kind is Kind.UNKNOWN and mention.link in ("", "and") and any(v.human for v in mention.verbs):
            mention.kind, mention.name = Kind.PERSON, "person"


def _chosen(lexicon: Lexicon, findings: Findings, cast: Cast) -> list[Mention]:
    """The mentions that lead: the main ones of the first sentence that has any, then what they are related to."""
    for number in dict.fromkeys(m.sentence for m in findings.mentions):
        here = [m for m in findings.mentions if m.sentence == number]
        mains = _merged([m for m in here if m.main and not _is_place_only(m, here)] or _shown(here))
        mains = [m for m in mains if m.clause == mains[0].clause or m.counted]
        known = [m for m in mains if m.kind is not Kind.UNKNOWN]
        unknown = [m for m in mains if m.kind is Kind.UNKNOWN and m.link == ""]
        if unknown and not known and not cast.main_unknown:
            cast.main_unknown = unknown[0].word
            cast.sentence = number
            if any(m.place for m in here):
                return []
        if known:
            if mains[0].kind is Kind.UNKNOWN:
                cast.unknown.append(mains[0].word)
            cast.main_unknown, cast.sentence = "", number
            return _with_related(lexicon, known, here)
    return []


def _shown(here: list[Mention]) -> list[Mention]:
    """What the camera or the picture shows, where the sentence has no other subject: "the camera zooms in on a cat"."""
    for mention in here:
        shown = mention.owner is None or mention.owner.kind is Kind.PART
        if mention.kind in (Kind.THING, Kind.PERSON) and shown and mention.link not in ("like", "wear"):
            return [mention]
    return []


def _is_place_only(mention: Mention, here: list[Mention]) -> bool:
    """Whether a noun that is a thing and a place alike is meant as the place: a castle, nothing else."""
    alone = len([m for m in here if m.main]) == 1
    return mention.kind is Kind.THING and mention.place == mention.name and alone and not mention.color


def _merged(mains: list[Mention]) -> list[Mention]:
    """The mentions without those that mean another one again: "a chef … the man"."""
    merged: list[Mention] = []
    for mention in mains:
        same = next((m for m in merged if _same(m, mention)), None)
        if same is None:
            merged.append(mention)
        else:
            same.verbs += mention.verbs
            same.color = same.color or mention.color
    return merged


def _same(first: Mention, again: Mention) -> bool:
    """Whether the second mention means what the first does."""
    if first.kind is not again.kind:
        return False
    if first.name == again.name and first.kind is not Kind.UNKNOWN:
        return again.definite or not (
            (again.color and again.color != first.color) or (again.link == "and" and first.kind is Kind.PERSON)
        )
    if first.kind is Kind.PERSON:
        return (
            again.definite
            and (again.name in GENERIC_PEOPLE or first.name in GENERIC_PEOPLE)
            and again.count <= first.count
        )
    return False


def _with_related(lexicon: Lexicon, mains: list[Mention], here: list[Mention]) -> list[Mention]:
    """The main mentions, and after them what they ride, chase, stand on or are beside."""
    chosen = list(mains)
    for mention in here:
        owner = _root(mention)
        if mention in chosen or owner not in chosen or mention.kind not in (Kind.THING, Kind.PERSON):
            continue
        if any(_same(m, mention) for m in chosen) or _relation(lexicon, mention) is Relation.NONE:
            continue
        if mention.place and mention.link not in DRAWN_BESIDE:
            continue
        chosen.append(mention)
    return chosen


def _root(mention: Mention) -> Mention | None:
    """Who or what a mention hangs on: past parts, clothes, and what is only held or worn."""
    owner = mention.owner
    while owner is not None and owner.owner is not None:
        carried = owner.link in ("hold", "wear") and owner.owner.kind is Kind.PERSON
        if owner.kind not in (Kind.PART, Kind.CLOTHES) and not carried:
            break
        owner = owner.owner
    return owner


def _relation(lexicon: Lexicon, mention: Mention) -> Relation:
    """How a mention stands to its owner; NONE where it is not drawn beside it."""
    if mention.wearable and mention.link in ("wear", "in", "with", "and"):
        return Relation.NONE
    if _is_held(lexicon, mention):
        return Relation.NONE
    if mention.link in OBJECT_RELATIONS:
        return OBJECT_RELATIONS[mention.link]
    return Relation(mention.link) if mention.link in set(Relation) else Relation.NONE


def _is_held(lexicon: Lexicon, mention: Mention) -> bool:
    """Whether its owner, a person, has it in the hand."""
    owner = mention.owner
    if owner is None or mention.kind is not Kind.THING or owner.kind is not Kind.PERSON:
        return False
    return mention.link in ("hold", "with", "use", "play", "verb") and lexicon.subjects[mention.name].held


def _learn_later(findings: Findings, chosen: list[Mention], cast: Cast) -> None:
    """Add to the leads what later sentences say of them: what they do, wear and hold."""
    for mention in findings.mentions:
        if mention in chosen or mention.sentence <= cast.sentence or not mention.main:
            continue
        lead = next(
            (m for m in chosen if _same(m, mention) or (m.name == mention.name and m.kind is mention.kind)), None
        )
        if lead is None:
            continue
        if not lead.verbs:
            lead.verbs += mention.verbs
        lead.way = lead.way if lead.way != (0, 0) else mention.way
        for other in findings.mentions:
            if other.owner is mention:
                other.owner = lead


def _is_excluded(mention: Mention, without: set[str]) -> bool:
    person = mention.kind is Kind.PERSON
    return mention.name in without or mention.word in without or (person and "people" in without)


def _lead(lexicon: Lexicon, findings: Findings, mention: Mention, without: set[str]) -> Lead:
    person = _person(lexicon, findings, mention)
    subject = _person_subject(mention) if person else lexicon.subjects[mention.name]
    worn = _worn(findings, mention)
    color = worn or ("" if person else mention.color or _named_color(lexicon, mention))
    verbs = [v for v in mention.verbs if not v.quiet]
    role = lexicon.roles.get(mention.name) if person else None
    if role is not None and not verbs and role.activity in lexicon.verbs:
        verbs = [lexicon.verbs[role.activity]]
    held, action = _hands(lexicon, findings, mention, verbs) if person else ("", "")
    lead = Lead(
        subject,
        min(MAX_COUNT, max(mention.count, COUNTS.get(mention.name, 1))),
        "" if color in without else color,
        mention.size,
        _motion(subject, verbs, bool(person), action),
        mention.way,
        SIDES.get(mention.side, ""),
        person=person,
        action=action,
        activity=_activity(lexicon, person, verbs),
        holds=None if held in without else lexicon.subjects.get(held),
    )
    return lead


def _activity(lexicon: Lexicon, person: Person | None, verbs: list[Verb]) -> str:
    """The picture of a person who does the first thing that is said, where there is one: somebody who surfs."""
    activity = lexicon.activities.get(verbs[0].activity) if verbs and person else None
    if activity is None or person is None:
        return ""
    return activity.woman if person.who in ("woman", "girl", "old woman") else activity.man


def _related(lexicon: Lexicon, leads: list[Lead], taken: list[Mention]) -> list[Lead]:
    """The leads with how they stand to each other. Each has one relation; a second one is told from the other side."""
    for index, mention in enumerate(taken):
        owner = _root(mention)
        relation = _relation(lexicon, mention)
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


def _face_each_other(leads: list[Lead], taken: list[Mention]) -> None:
    """Make two leads of two that meet or talk to each other, so that they can stand face to face."""
    if len(leads) != 1 or leads[0].count != 2:
        return
    lead = leads[0]
    meets = any(v.object == "meet" for v in taken[0].verbs)
    if meets or lead.action in ("talk", "hug", "kiss", "punch"):
        relation = Relation.MEETING if meets else Relation.BESIDE
        leads[:] = [replace(lead, count=1, relation=relation, to=1), replace(lead, count=1)]


def _joined(taken: list[Mention], at: int) -> list[int]:
    """Those that an "and" joins to this one before it: what is said of it is said of them too."""
    joined: list[int] = []
    mention = taken[at]
    while mention.link == "and" and mention.owner in taken:
        mention = mention.owner
        joined.append(taken.index(mention))
    return joined


def _settled(lead: Lead, other: Lead) -> Lead:
    """The lead with the motion that its relation to another brings along: who chases runs, who is on a chair sits."""
    seated = lead.relation is Relation.ON and other.subject.name in SEATS
    if seated and lead.person is not None and lead.motion is Motion.STAND:
        return replace(lead, motion=Motion.SIT)
    if lead.relation in (Relation.CHASING, Relation.FOLLOWING) and lead.motion is Motion.STAND:
        return replace(lead, motion=Motion.RUN if lead.relation is Relation.CHASING else Motion.WALK)
    resting = lead.relation in (Relation.ON, Relation.USING, Relation.IN, Relation.UNDER)
    if resting and lead.motion is Motion.FLY and lead.subject.rig is Rig.BIRD:
        return replace(lead, motion=Motion.STAND)
    if lead.relation is Relation.RIDING and lead.person is not None:
        return replace(
            lead, motion=Motion.RIDE if lead.motion in (Motion.STAND, Motion.RUN, Motion.SIT) else lead.motion
        )
    return lead


def _named_color(lexicon: Lexicon, mention: Mention) -> str:
    """The colour in the name itself: of a black cat."""
    first, _, rest = mention.word.partition(" ")
    return lexicon.words.get(first, {}).get("colors", "") if rest else ""


def _person(lexicon: Lexicon, findings: Findings, mention: Mention) -> Person | None:
    if mention.kind is not Kind.PERSON:
        return None
    role = lexicon.roles.get(mention.name)
    who, outfit = (role.who, role.outfit) if role else ("person", "plain")
    if mention.age == "old" and who in ("man", "woman", "person"):
        who = {"man": "old man", "woman": "old woman", "person": "old man"}[who]
    return Person(who, _worn_outfit(findings, mention) or outfit, mention.hair or mention.color)


def _person_subject(mention: Mention) -> Subject:
    return replace(PERSON, name=mention.name)


def _worn_outfit(findings: Findings, mention: Mention) -> str:
    """The outfit of the first garment that the mention wears, where it makes one: "in a raincoat"."""
    for other in findings.mentions:
        if (other.link == "wear" or (other.wearable and other.link in ("in", "with"))) and _root(other) is mention:
            outfit = next((name for word, name in GARMENTS.items() if word in other.word), "")
            if outfit:
                return outfit
    return ""


def _worn(findings: Findings, mention: Mention) -> str:
    """The colour of what the mention wears, if it is said."""
    if mention.clothes:
        return mention.clothes
    for other in findings.mentions:
        worn = other.link == "wear" or (other.wearable and other.link in ("in", "with"))
        if worn and _root(other) is mention and other.color:
            return other.color
    return ""


def _hands(lexicon: Lexicon, findings: Findings, mention: Mention, verbs: list[Verb]) -> tuple[str, str]:
    """What a person holds and what the hands do."""
    action = next((v.action for v in verbs if v.action), "")
    held = ""
    for other in findings.mentions:
        if other.owner is not mention or other.kind is not Kind.THING:
            continue
        if other.verb is not None and other.verb.object == "play" and other.name in INSTRUMENTS:
            action = INSTRUMENTS[other.name]
        if not held and _is_held(lexicon, other):
            held = other.name
    prop = next((v.prop for v in verbs if v.action == action and v.prop and v.object != "ride"), "")
    if not held and prop in lexicon.subjects:
        held = prop
    return held, action or ("hold" if held else "")


def _motion(subject: Subject, verbs: list[Verb], person: bool, action: str) -> Motion:
    """The first motion that is named; any other takes precedence over standing. Else what suits the subject."""
    busy = bool(action) or len(verbs) > 1
    named = [Motion(v.motion) for v in verbs if v.motion and not (v.object == "play" and busy)]
    moving = [m for m in named if m is not Motion.STAND]
    if named:
        return _possible((moving or named)[0], subject, person)
    return OWN_MOTION.get(subject.rig, Motion.STAND)


def _possible(motion: Motion, subject: Subject, person: bool) -> Motion:
    """The motion, or what a thing that is no person does in its stead: a dog does not skate upright."""
    if person:
        return motion
    if not subject.animate and motion in AT_REST:
        return Motion.STAND
    instead = {
        Motion.KNEEL: Motion.SIT, Motion.SQUAT: Motion.SIT, Motion.CRAWL: Motion.WALK, Motion.ROW: Motion.SWIM,
        Motion.SKATE: Motion.RUN, Motion.RIDE: Motion.RUN,
    }  # fmt: skip
    return instead.get(motion, motion)


def _with_vehicles(lexicon: Lexicon, leads: list[Lead], taken: list[Mention]) -> tuple[Lead, ...]:
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


def _note_words(lexicon: Lexicon, findings: Findings, cast: Cast) -> None:
    """Note what has no picture, and what is drawn in place of a word that is only kin to a subject."""
    for mention in findings.mentions:
        near = mention.sentence == cast.sentence and mention.link not in ("like", "wear", "back")
        if mention.kind is Kind.UNKNOWN and near and mention.word != cast.main_unknown:
            if mention.word not in cast.unknown:
                cast.unknown.append(mention.word)
    cast.notes += [f'no picture for "{word[:40]}": left it out' for word in cast.unknown]
    if cast.main_unknown:
        cast.unknown.insert(0, cast.main_unknown[:40])
    for mention in cast.taken:
        if mention.word in lexicon.kinds:
            cast.notes.append(f'drew "{mention.name}" for "{mention.word}"')
