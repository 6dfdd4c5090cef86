"""Makes a lead of a mention: who it is, what they wear, hold and do. Pure."""

from dataclasses import replace

from wanserve.engine.animatic.plot.mentions import Findings, Kind, Mention
from wanserve.engine.animatic.plot.relations import OWN_MOTION, is_held, root
from wanserve.engine.animatic.scene import VEHICLES, Lead, Medium, Motion, Person, Rig, Subject
from wanserve.engine.animatic.words.lexicon import Lexicon, Verb, is_chinese

MAX_COUNT = 5

PERSON = Subject("person", "", Rig.WALKER, 1.7, "street")

AT_REST = frozenset({Motion.SIT, Motion.LIE, Motion.KNEEL, Motion.SQUAT})
"""What only the living do: a vase sits nowhere, it stands."""

INSTRUMENTS = {
    "guitar": "guitar", "banjo": "guitar", "violin": "violin", "erhu": "violin", "cello": "violin", "piano": "piano",
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
"""The outfit that a garment belongs to."""

LONGEST_FIRST = sorted(GARMENTS, key=len, reverse=True)

COUNTS = {"couple": 2, "newlyweds": 2, "twins": 2, "family": 3, "band": 3, "team": 4, "crowd": 5, "parents": 2}
"""How many people a word in the singular means."""

SIDES = {"left": "left", "right": "right", "center": "center", "front": "front"}


def make_lead(lexicon: Lexicon, findings: Findings, mention: Mention, without: set[str]) -> Lead:
    """Make a lead of a mention, without its relations to others. What is in `without` it neither holds nor has."""
    person = _person(lexicon, findings, mention)
    subject = _person_subject(mention) if person else lexicon.subjects[mention.name]
    color = _color(lexicon, findings, mention)
    verbs = _deeds(lexicon, mention)
    held, action = _hands(lexicon, findings, mention, verbs) if person else ("", "")
    activity = _activity(lexicon, person, verbs)
    return Lead(
        subject,
        min(MAX_COUNT, max(mention.count, COUNTS.get(mention.name, 1))),
        "" if color in without else color,
        mention.size,
        _going(_motion(subject, verbs, bool(person), action), subject, mention),
        _way(subject, mention, verbs),
        SIDES.get(mention.side, ""),
        person=person,
        action=verbs[0].activity.removeprefix("person-") if activity else action,
        activity=activity,
        holds=None if held in without else lexicon.subjects.get(held),
    )


def _color(lexicon: Lexicon, findings: Findings, mention: Mention) -> str:
    """The colour that it is drawn in: of people that of their clothes, of a thing its own too."""
    worn = _worn(findings, mention)
    if worn or mention.kind is Kind.PERSON:
        return worn
    return mention.color or _named_color(lexicon, mention)


def _deeds(lexicon: Lexicon, mention: Mention) -> list[Verb]:
    """What it does that can be drawn: what is said, or else what such people do for a living, as a painter paints."""
    verbs = [v for v in mention.verbs if not v.quiet]
    role = lexicon.roles.get(mention.name) if mention.kind is Kind.PERSON else None
    if not verbs and role is not None and role.activity in lexicon.verbs:
        return [lexicon.verbs[role.activity]]
    return verbs


def _activity(lexicon: Lexicon, person: Person | None, verbs: list[Verb]) -> str:
    """The picture of a person who does the first thing that is said, where there is one: somebody who surfs."""
    activity = lexicon.activities.get(verbs[0].activity) if verbs and person else None
    if activity is None or person is None:
        return ""
    return activity.woman if person.who in ("woman", "girl", "old woman") else activity.man


def _named_color(lexicon: Lexicon, mention: Mention) -> str:
    """The colour in the name itself: of a black cat, of a 白马.

    What follows the colour must be a word, and no other colour: 红绿灯, a traffic light, is not red.
    """
    word = mention.word
    first, _, rest = word.partition(" ")
    splits = [(first, rest)]
    if is_chinese(word):
        splits = [(word[:end], word[end:].removeprefix("的")) for end in range(1, min(4, len(word)))]
    named = [(_color_of(lexicon, color), rest) for color, rest in splits if rest in lexicon.words]
    return next((color for color, rest in named if color and not _color_of(lexicon, rest[:1])), "")


def _color_of(lexicon: Lexicon, word: str) -> str:
    return lexicon.words.get(word, {}).get("colors", "")


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
        if (other.link == "wear" or (other.wearable and other.link in ("in", "with"))) and root(other) is mention:
            outfit = next((GARMENTS[word] for word in LONGEST_FIRST if word in other.word), "")
            if outfit:
                return outfit
    return ""


def _worn(findings: Findings, mention: Mention) -> str:
    """The colour of what the mention wears, if it is said."""
    if mention.clothes:
        return mention.clothes
    for other in findings.mentions:
        unknown = other.kind is Kind.UNKNOWN and other.link == "in"
        worn = other.link == "wear" or unknown or (other.wearable and other.link in ("in", "with"))
        if worn and root(other) is mention and other.color:
            return other.color
    return ""


def _hands(lexicon: Lexicon, findings: Findings, mention: Mention, verbs: list[Verb]) -> tuple[str, str]:
    """What a person holds and what the hands do."""
    things = [m for m in findings.mentions if m.kind is Kind.THING and mention in (m.owner, root(m))]
    action = _playing(things) or next((v.action for v in verbs if v.action), "")
    held = next((m.name for m in things if is_held(lexicon, m)), "") or _prop(lexicon, verbs, action)
    return held, action or ("hold" if held or _has_object(findings, mention) else "")


def _playing(things: list[Mention]) -> str:
    """What the hands do with the instrument that is played, the last one of several."""
    played = (m.name for m in reversed(things) if m.verb is not None and m.verb.object == "play")
    return next((INSTRUMENTS[name] for name in played if name in INSTRUMENTS), "")


def _prop(lexicon: Lexicon, verbs: list[Verb], action: str) -> str:
    """What the hands need for the action, where it has a picture: who sweeps has a broom."""
    prop = next((v.prop for v in verbs if v.action == action and v.prop and v.object != "ride"), "")
    return prop if prop in lexicon.subjects else ""


def _has_object(findings: Findings, mention: Mention) -> bool:
    """Whether a person does something that no table knows to a thing: "stacks blocks"."""
    busy = mention.verbs or mention.way != (0, 0)
    return not busy and any(o.owner is mention and o.link == "verb" and o.kind is Kind.THING for o in findings.mentions)


def _motion(subject: Subject, verbs: list[Verb], person: bool, action: str) -> Motion:
    """The first motion that is named; any other takes precedence over standing. Else what suits the subject."""
    busy = bool(action) or len(verbs) > 1
    named = [Motion(v.motion) for v in verbs if v.motion and not (v.object == "play" and busy)]
    moving = [m for m in named if m is not Motion.STAND]
    if named:
        return _possible((moving or named)[0], subject, person)
    return OWN_MOTION.get(subject.rig, Motion.STAND)


def _going(motion: Motion, subject: Subject, mention: Mention) -> Motion:
    """The motion of what goes somewhere: who stands and has a direction goes there in its own manner."""
    if mention.way[0] == 0 or motion not in (Motion.STAND, Motion.FLOAT):
        return motion
    own = OWN_MOTION.get(subject.rig, Motion.STAND)
    if own in (Motion.SWIM, Motion.FLY):
        return own
    if subject.medium is Medium.FLOAT:
        return Motion.SWIM
    return Motion.RUN if subject.rig in VEHICLES else Motion.WALK


def _way(subject: Subject, mention: Mention, verbs: list[Verb]) -> tuple[int, int]:
    """The direction that is said, or that a verb says: what rises goes up. Who walks up a road goes along it."""
    up = next((v.way for v in verbs if v.way), "")
    dx, dy = mention.way if mention.way != (0, 0) or not up else (0, -1 if up == "up" else 1)
    along = dx != 0 and subject.medium is Medium.GROUND
    return dx, 0 if along else dy


def _possible(motion: Motion, subject: Subject, person: bool) -> Motion:
    """The motion, or what a thing that is no person does in its stead: a dog does not skate upright."""
    if person:
        return Motion.DANCE if motion is Motion.SPIN else motion
    if not subject.animate and motion in AT_REST:
        return Motion.STAND
    if subject.rig in VEHICLES and motion is Motion.WALK:
        return OWN_MOTION.get(subject.rig, Motion.RUN)
    instead = {
        Motion.KNEEL: Motion.SIT, Motion.SQUAT: Motion.SIT, Motion.CRAWL: Motion.WALK, Motion.ROW: Motion.SWIM,
        Motion.SKATE: Motion.RUN, Motion.RIDE: Motion.RUN,
    }  # fmt: skip
    return instead.get(motion, motion)
