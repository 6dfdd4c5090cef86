"""Chooses the place of a scene: the one that is named, the one that is hinted at, or where the first lead is at home."""

import zlib
from dataclasses import dataclass

from wanserve.engine.animatic.plot.choosing import Cast
from wanserve.engine.animatic.plot.mentions import Findings, Kind, Mention
from wanserve.engine.animatic.scene import Lead, Medium, Motion, Relation, Rig, Weather

INSIDE = frozenset({"in", "on", "under", "prep"})
"""The links of a noun that says in which place something is."""

NEAR = frozenset({"beside", "above", "in front of", "behind"})
"""The links of a noun that says near which place something is."""

ALIKE = {
    "meadow": ("meadow", "hills", "park", "garden", "village", "lake", "farm", "forest"),
    "table": ("table", "studio", "windowsill", "picnic", "counter", "desk", "shelf"),
    "room": ("room", "bedroom", "library", "corridor", "restaurant"),
    "street": ("street", "city", "road", "village", "bridge", "market", "harbour"),
    "road": ("road", "street", "city", "village", "bridge", "hills", "desert", "harbour"),
    "bedroom": ("bedroom", "room", "windowsill"),
    "office": ("office", "desk", "room", "library"),
    "bathroom": ("bathroom", "shelf"),
    "restaurant": ("restaurant", "table", "counter", "kitchen"),
    "station": ("railway",),
    "stadium": ("stadium", "playground", "gym"),
    "park": ("park", "garden", "hills", "playground", "village"),
    "shop": ("shop", "market", "studio", "shelf"),
    "kitchen": ("kitchen", "counter", "table", "windowsill"),
    "city": ("city", "street", "bridge", "harbour"),
    "forest": ("forest", "mountains", "river", "park"),
    "sea": ("sea", "harbour", "beach"),
    "sky": ("sky", "hills", "mountains", "sea", "lake"),
}
"""Where a subject may also be whose home is the first of these, so that not all prompts end in one place."""

STAGED = {
    "stir": "kitchen", "type": "office", "guitar": "stage", "piano": "stage", "violin": "stage", "drums": "stage",
    "read": "library", "write": "classroom", "conduct": "stage", "point": "classroom", "dig": "garden",
    "punch": "gym", "lift": "gym", "brush": "bathroom", "drink": "restaurant", "eat": "restaurant", "paint": "workshop",
    "sweep": "room", "photograph": "park", "throw": "stadium", "kick": "stadium", "swing": "stadium",
    "cheer": "stadium", "sew": "room", "pray": "temple", "phone": "street", "wash": "kitchen",
}  # fmt: skip
"""Where people mostly do this, by the action."""

NO_PLACE = frozenset({"like", "wear", "hold", "ride", "drive"})
HOUSES = frozenset({"room", "bedroom", "kitchen", "library", "corridor", "restaurant"})
"""The homes that an animal leaves at night and at sunset: moon and sun are seen outside."""

GENERAL = frozenset({"city", "mountains", "sea", "village"})
"""Places in which another place may lie: a café in Paris."""

LAND = frozenset({"meadow", "park", "garden", "hills", "farm", "village", "beach", "sky"})
SEAS = frozenset({"sea", "beach", "lake", "river", "harbour"})
WATERS = SEAS | {"underwater", "waterfall", "pool", "space", "table", "studio", "bathroom", "city", "bridge"}


@dataclass(frozen=True, slots=True)
class Place:
    """The place, and whether the prompt names it or hints at it."""

    name: str
    named: bool


def choose_place(findings: Findings, cast: Cast, weather: Weather) -> Place:
    """Choose the place of a scene."""
    scored = [(score, -i, m.place or m.hint) for i, m in enumerate(findings.mentions) if (score := _score(m, cast)) > 0]
    if findings.names.get("ground"):
        scored.append((2.2, 0, findings.first("ground")))
    named = max(scored)[2] if scored else ""
    if not named and weather is Weather.SNOW:
        named = "snow"
    name = named or _home(findings, cast)
    return Place(_suited(name, cast, bool(named)), bool(named))


def _score(mention: Mention, cast: Cast) -> float:
    """How likely this mention is the scene's place: 0 where it cannot be."""
    taken = mention in cast.taken and not mention.hint
    if not (mention.place or mention.hint) or taken or mention.link in NO_PLACE:
        return 0
    score = _base_score(mention)
    if mention.kind is Kind.PLACE and mention.link == "" and mention.sentence == 0:
        # A view: "a street in the fog".
        score *= 1.6
    name = mention.place or mention.hint
    if name == "sky":
        high = mention.sentence == cast.sentence and mention.link in ("in", "above", "on")
        score *= 0.5 if high else 0.12
    elif name in GENERAL:
        score *= 0.7
    elif name == "table" and mention.link not in INSIDE:
        score *= 0.2
    return score / (1 + 0.35 * abs(mention.sentence - cast.sentence))


def _base_score(mention: Mention) -> float:
    """How likely a noun of this kind and link names the place: most, "in the kitchen"; least, a hint in passing."""
    inside, near = mention.link in INSIDE, mention.link in NEAR
    if mention.link in ("back", "of"):
        return 1.2
    if mention.kind is Kind.PART or not mention.place:
        return 1.5 if inside else 0.6
    if mention.kind is not Kind.PLACE:
        return 2.0 if inside or near else 0.8
    if mention.link in ("under", "verb"):
        return 3.2 if inside else 2.0
    return 4.0 if inside else (3.0 if near else 2.5)


def _home(findings: Findings, cast: Cast) -> str:
    """Where the first lead is at home, or one of the places that are like it, always the same one for the same cast."""
    if not cast.asked:
        return ALIKE["meadow"][0]
    lead = cast.asked[0]
    grounded = lead.subject.medium is Medium.AIR and lead.motion in (Motion.STAND, Motion.SIT)
    home = "meadow" if grounded and lead.subject.home == "sky" else lead.subject.home
    if home in HOUSES and findings.names.get("times") and findings.first("times") != "day" and not lead.person:
        home = "meadow" if lead.subject.animate else home
    if home in HOUSES and any(each.subject.home == "bathroom" for each in cast.asked):
        home = "bathroom"
    if cast.home:
        home = cast.home
    elif lead.person is not None:
        home = _stage_of(cast) or home
    alike = ALIKE.get(home, (home,))
    names = " ".join(each.subject.name for each in cast.asked)
    return alike[zlib.crc32(f"{names} {lead.color} {lead.motion} {lead.action}".encode()) % len(alike)]


def _stage_of(cast: Cast) -> str:
    lead = cast.asked[0]
    if lead.motion in (Motion.SWIM, Motion.ROW):
        return "pool" if lead.motion is Motion.SWIM else "lake"
    if lead.motion is Motion.SKATE:
        return "snow" if any(each.subject.name in ("skis", "snowboard") for each in cast.asked) else "street"
    if lead.motion is Motion.CLIMB:
        return "mountains"
    return STAGED.get(lead.action, "")


def _suited(name: str, cast: Cast, named: bool) -> str:
    """The place that suits what swims or sails: a fish at the beach is under water, a boat in a meadow at sea."""
    if not cast.asked:
        return name
    first = cast.asked[0]
    if first.relation in (Relation.RIDING, Relation.IN, Relation.ON) and first.to is not None:
        carrier = cast.asked[first.to]
        first = carrier if carrier.subject.medium is Medium.FLOAT else first
    if first.subject.rig is Rig.FISH and first.relation is not Relation.ON:
        return _for_fish(name, first, named)
    if first.subject.medium is Medium.FLOAT:
        return _for_boats(name, named)
    if first.person is not None and first.person.outfit == "diver" and name in SEAS:
        return "underwater"
    if first.motion is Motion.SWIM and name in LAND:
        return "sea" if name == "beach" else "lake"
    return name


def _for_fish(name: str, fish: Lead, named: bool) -> str:
    """Under water; at sea where it leaps out of it; elsewhere only where the prompt says so."""
    if fish.motion is Motion.FLOAT and named:
        return name
    if name in SEAS:
        return "sea" if fish.motion in (Motion.JUMP, Motion.FLY) else "underwater"
    return name if named else "underwater"


def _for_boats(name: str, named: bool) -> str:
    """On the water, which may be that of a named place."""
    if name in WATERS and name != "beach":
        return name
    return name if named and name not in LAND else "sea"
