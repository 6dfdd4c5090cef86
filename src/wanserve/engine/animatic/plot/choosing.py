"""Chooses the leads of a scene among the mentions of a prompt. Pure.

The leads come from the first sentence that names one. Whatever a later sentence says of them is added; other things
of later sentences are background and stay out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from wanserve.engine.animatic.plot.giving import hand_over
from wanserve.engine.animatic.plot.leads import COUNTS, INSTRUMENTS, make_lead
from wanserve.engine.animatic.plot.mentions import Findings, Kind, Mention
from wanserve.engine.animatic.plot.relations import (
    LIGHTS,
    MAX_LEADS,
    face_each_other,
    related,
    relation_of,
    root,
    with_vehicles,
)
from wanserve.engine.animatic.scene import Lead, Medium, Motion, Relation, Rig, Subject
from wanserve.engine.animatic.words.lexicon import Lexicon

STAND_IN = Lead(Subject("paper star", "star", Rig.FLOAT, 1.0, "meadow", Medium.AIR, held=True), motion=Motion.FLOAT)
"""What is drawn where neither the main thing nor the place has a picture."""

DRAWN_BESIDE = frozenset({"left of", "right of", "with", "beside"})
"""The links of a thing that is a place too, by which it is drawn beside its owner: "on the bridge" is only the place."""

SEXES = frozenset({"man", "woman", "boy", "girl"})
GENERIC_PEOPLE = frozenset({"person", "man", "woman", "people", "figure", "boy", "girl", "child"})


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
    _become_music(lexicon, findings)
    hand_over(findings)
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
    leads = [make_lead(lexicon, findings, m, without) for m in taken]
    face_each_other(leads, taken)
    return with_vehicles(lexicon, related(lexicon, leads, taken), taken)


def _become_people(findings: Findings) -> None:
    """Take an unknown name that does what only people do for a person: "Gwen Stacy is reading a book"."""
    for mention in findings.mentions:
        nameless = mention.kind is Kind.UNKNOWN or (mention.kind is Kind.THING and mention.tail)
        if nameless and mention.link in ("", "and") and any(v.human for v in mention.verbs):
            mention.kind, mention.name, mention.color = Kind.PERSON, "person", ""


def _become_music(lexicon: Lexicon, findings: Findings) -> None:
    """Take the pulling of a bow for music: 拉小提琴."""
    for mention in findings.mentions:
        verb, owner = mention.verb, mention.owner
        if verb is None or owner is None or mention.name not in INSTRUMENTS or verb.action not in ("pull", "push"):
            continue
        mention.link, mention.verb = "play", lexicon.verbs["music"]
        owner.verbs = [mention.verb if v is verb else v for v in owner.verbs]


def _chosen(lexicon: Lexicon, findings: Findings, cast: Cast) -> list[Mention]:
    """The mentions that lead: the main ones of the first sentence that has any, then what they are related to."""
    for number, here in _by_sentence(findings):
        mains = _mains(here)
        known = [m for m in mains if m.kind is not Kind.UNKNOWN]
        if known:
            if mains[0].kind is Kind.UNKNOWN:
                cast.unknown.append(mains[0].word)
            cast.main_unknown, cast.sentence = "", number
            return _with_related(lexicon, known, here)
        unknown = next((m for m in mains if m.link == ""), None)
        if unknown is not None and not cast.main_unknown:
            cast.main_unknown, cast.sentence = unknown.word, number
            if any(m.place for m in here):
                return []
    return []


def _by_sentence(findings: Findings) -> Iterator[tuple[int, list[Mention]]]:
    """The sentences that name anything: the number of each, and its mentions."""
    for number in dict.fromkeys(m.sentence for m in findings.mentions):
        yield number, [m for m in findings.mentions if m.sentence == number]


def _mains(here: list[Mention]) -> list[Mention]:
    """What a sentence is about: its main mentions, each once."""
    mains = [m for m in here if m.main and not _is_place_only(m, here)]
    # "A bicycle stands by the road, the sun casts shadows."
    mains = [m for m in mains if not (m.definite and m.name in LIGHTS)] or mains
    mains = _merged(mains or _shown(here))
    return _of_first_clause(mains) if mains else []


def _of_first_clause(mains: list[Mention]) -> list[Mention]:
    """Those of a sentence's main mentions that its first clause names, and those with a number."""
    if not mains[0].counted and any(m.clause for m in mains):
        # A Chinese sentence comes to its subject late, and that has a number: "red lanterns hang, a black cat …".
        mains = [m for m in mains if m.counted] or mains
    clause = mains[0].clause
    return [m for m in mains if m.clause == clause or m.counted]


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
        return again.definite or not _is_another(first, again)
    return first.kind is Kind.PERSON and again.definite and again.count <= first.count and _may_be_renamed(first, again)


def _is_another(first: Mention, again: Mention) -> bool:
    """Whether the same noun names a second thing: "a red car … a blue car", "a man and a man"."""
    return again.color not in ("", first.color) or (again.link == "and" and first.kind is Kind.PERSON)


def _may_be_renamed(first: Mention, again: Mention) -> bool:
    """Whether two different nouns can name one person: "a chef … the man", "a couple … the dancers"."""
    two = first.name != again.name and {first.name, again.name} <= SEXES
    return not two and (again.name in GENERIC_PEOPLE or first.name in GENERIC_PEOPLE or first.name in COUNTS)


def _same_kind(first: Mention, again: Mention) -> bool:
    """Whether the second mention names what the first does, or its kind: "a black cat … the cat"."""
    return first.kind is again.kind and (first.name == again.name or first.name.endswith(f" {again.name}"))


def _with_related(lexicon: Lexicon, mains: list[Mention], here: list[Mention]) -> list[Mention]:
    """The main mentions, and after them what they ride, chase, stand on or are beside."""
    chosen = list(mains)
    for mention in here:
        owner = root(mention)
        if mention in chosen or owner not in chosen or mention.kind not in (Kind.THING, Kind.PERSON):
            continue
        if any(_same(m, mention) for m in chosen) or relation_of(lexicon, mention) is Relation.NONE:
            continue
        if not _is_only_place(mention):
            chosen.append(mention)
    return chosen


def _is_only_place(mention: Mention) -> bool:
    """Whether a thing that is a place too only says where something is: "on the bridge", but not "under the table"."""
    under = mention.place == "table" and mention.link == "under"
    return bool(mention.place) and mention.link not in DRAWN_BESIDE and not under


def _learn_later(findings: Findings, chosen: list[Mention], cast: Cast) -> None:
    """Add to the leads what later sentences say of them: what they do, wear and hold."""
    for mention in findings.mentions:
        lead = _lead_meant(mention, chosen, cast.sentence)
        if lead is None:
            continue
        if not lead.verbs:
            lead.verbs += mention.verbs
        lead.way = lead.way if lead.way != (0, 0) else mention.way
        for other in findings.mentions:
            if other.owner is mention:
                other.owner = lead


def _lead_meant(mention: Mention, chosen: list[Mention], sentence: int) -> Mention | None:
    """Which of the leads, whom that sentence named, a main mention of a later one means; None where it is no lead."""
    if mention in chosen or mention.sentence <= sentence or not mention.main:
        return None
    return next((m for m in chosen if _same(m, mention) or _same_kind(m, mention)), None)


def _is_excluded(mention: Mention, without: set[str]) -> bool:
    person = mention.kind is Kind.PERSON
    return mention.name in without or mention.word in without or (person and "people" in without)


def _note_words(lexicon: Lexicon, findings: Findings, cast: Cast) -> None:
    """Note what has no picture, and what is drawn in place of a word that is only kin to a subject."""
    for mention in findings.mentions:
        near = mention.sentence == cast.sentence and mention.link not in ("like", "wear", "back")
        new = mention.word not in (cast.main_unknown, *cast.unknown)
        if mention.kind is Kind.UNKNOWN and near and new:
            cast.unknown.append(mention.word)
    cast.notes += [f'no picture for "{word[:40]}": left it out' for word in cast.unknown]
    if cast.main_unknown:
        cast.unknown.insert(0, cast.main_unknown[:40])
    for mention in cast.taken:
        if mention.word in lexicon.kinds:
            cast.notes.append(f'drew "{mention.name}" for "{mention.word}"')
