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

PLACE_SCORES = {
    "in": 4.0, "on": 4.0, "prep": 4.0, "under": 3.2, "verb": 2.0,
    "beside": 3.0, "above": 3.0, "in front of": 3.0, "behind": 3.0,
}  # fmt: skip
"""How likely a noun that is nothing but a place names that of the scene, by its link."""

OTHER_PLACE_SCORE = 2.5
"""The same for any other link."""

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
    "sea": ("sea", "beach"),
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

OPEN = frozenset({"park", "meadow", "sky", "street", "beach", "forest", "snow"})
"""The homes of what is seldom seen in a hall."""

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
    name = mention.place or mention.hint
    taken = mention in cast.taken and not mention.hint
    if not name or taken or mention.link in NO_PLACE:
        return 0
    score = _base_score(mention) * _weight(name, mention, cast)
    return 1.6 * score if _is_view(mention) else score / (1 + 0.35 * abs(mention.sentence - cast.sentence))


def _is_view(mention: Mention) -> bool:
    """Whether the prompt shows the place itself: "a street in the fog"."""
    return mention.kind is Kind.PLACE and mention.link == "" and mention.sentence == 0


def _weight(name: str, mention: Mention, cast: Cast) -> float:
    """How much a place counts by what it is: a sky, a city or a table is mostly only around or part of another place."""
    if name == "sky":
        high = mention.sentence == cast.sentence and mention.link in ("in", "above", "on")
        return 0.5 if high else 0.12
    if name in GENERAL:
        return 0.7
    if name == "table" and mention.link == "under":
        return 0.0
    return 0.2 if name == "table" and mention.link not in INSIDE else 1.0


def _base_score(mention: Mention) -> float:
    """How likely a noun of this kind and link names the place: most, "in the kitchen"; least, a hint in passing."""
    inside = mention.link in INSIDE
    if mention.link in ("back", "of"):
        return 1.2
    if mention.kind is Kind.PART or not mention.place:
        return 1.5 if inside else 0.6
    if mention.kind is not Kind.PLACE:
        return 2.0 if inside or mention.link in NEAR else 0.8
    return PLACE_SCORES.get(mention.link, OTHER_PLACE_SCORE)


def _home(findings: Findings, cast: Cast) -> str:
    """Where the first lead is at home, or one of the places that are like it, always the same one for the same cast."""
    if not cast.asked:
        return ALIKE["meadow"][0]
    lead = cast.asked[0]
    stage = cast.home or (_stage_of(cast) if lead.person is not None else "")
    home = stage or _subject_home(findings, cast)
    alike = ALIKE.get(home, (home,))
    if any(each.subject.home in OPEN for each in cast.asked):
        alike = tuple(place for place in alike if place != "gym") or alike
    names = " ".join(each.subject.name for each in cast.asked)
    return alike[zlib.crc32(f"{names} {lead.color} {lead.motion} {lead.action}".encode()) % len(alike)]


def _subject_home(findings: Findings, cast: Cast) -> str:
    """Where things and people of the first lead's kind mostly are: animals out of doors after sunset."""
    lead = cast.asked[0]
    home = lead.subject.home
    if home == "sky" and _is_on_ground(lead):
        home = "meadow"
    if home in HOUSES and lead.person is None and lead.subject.animate and _is_dark(findings):
        home = "meadow"
    if home in HOUSES:
        # What grows does not grow in a house, and a toilet is in no kitchen.
        homes = [each.subject.home for each in cast.asked]
        home = next((h for h in homes if h in ("bathroom", "forest", "meadow", "park")), home)
    return home


def _is_on_ground(lead: Lead) -> bool:
    """Whether something that flies is at rest: a bird that stands on the ground."""
    return lead.subject.medium is Medium.AIR and lead.motion in (Motion.STAND, Motion.SIT)


def _is_dark(findings: Findings) -> bool:
    """Whether the prompt's time is not the day."""
    return findings.first("times") not in ("", "day")


def _stage_of(cast: Cast) -> str:
    """Where people do what the first lead does; "" where it may be anywhere."""
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
    first = _afloat(cast)
    if first.subject.rig is Rig.FISH and first.relation is not Relation.ON:
        return _for_fish(name, first, named)
    if first.subject.medium is Medium.FLOAT:
        bird = first.subject.animate and name in LAND
        return (name if named else "lake") if bird else _for_boats(name, named)
    return _for_swimmers(name, first)


def _afloat(cast: Cast) -> Lead:
    """The boat that the first lead is in, or else the first lead itself."""
    first = cast.asked[0]
    if first.relation in (Relation.RIDING, Relation.IN, Relation.ON) and first.to is not None:
        carrier = cast.asked[first.to]
        return carrier if carrier.subject.medium is Medium.FLOAT else first
    return first


def _for_swimmers(name: str, first: Lead) -> str:
    """Under water for divers, in the water for who swims; the place itself for all others."""
    dives = first.person is not None and first.person.outfit == "diver" and first.relation is not Relation.RIDING
    if dives and not first.activity and name in SEAS:
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
