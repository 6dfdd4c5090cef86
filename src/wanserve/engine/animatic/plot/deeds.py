"""Finds out whose verb an English verb is. Pure."""

from dataclasses import dataclass

from wanserve.engine.animatic.plot.mentions import Kind, Mention
from wanserve.engine.animatic.words.lexicon import Lexicon, Token, Verb

HELD = frozenset({"hold", "wear", "use"})
OF_THINGS = frozenset({"fall", "spin", "float", "grow", "stand"})
"""The motions of what goes nowhere by itself."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the reader stands when a verb comes.

    `last` is the noun before it, `fresh` whether only adverbs came since, `auxiliary` whether a form of "to be" did.
    """

    subject: Mention | None
    last: Mention | None
    fresh: bool
    auxiliary: bool


def doer(lexicon: Lexicon, token: Token, verb: Verb, at: Moment) -> Mention | None:
    """Whose verb it is: a participle's is the noun just before it where that can do it, any other the subject's."""
    last = at.last
    if last is None or at.subject is None:
        return last
    if not at.fresh:
        return at.subject
    participle = token.form == "ing"
    if participle and not at.auxiliary and last is not at.subject:
        return _able(lexicon, last, verb, at.subject)
    return last if _begins_again(last, at) else at.subject


def _begins_again(last: Mention, at: Moment) -> bool:
    """Whether the noun before the verb is a new subject: "and the music plays", "and a dog sleeps"."""
    if last.kind is Kind.PART:
        return last.link in ("", "and", "clause") or (at.auxiliary and last.link != "with")
    return last.link == "and" and last.kind in (Kind.THING, Kind.PERSON)


def _able(lexicon: Lexicon, last: Mention, verb: Verb, subject: Mention) -> Mention | None:
    """The noun before a participle, or the subject where that noun cannot do what the verb says."""
    if last.kind is Kind.PART:
        return last
    if last.kind is Kind.CLOTHES or last.wearable:
        return _wearer(last) or subject
    if last.kind is Kind.PLACE or (last.owner is not None and last.link in HELD):
        return subject
    return subject if _stays_put(lexicon, last) and verb.motion not in OF_THINGS else last


def _wearer(garment: Mention) -> Mention | None:
    """Who wears the garment; None where nobody is said to."""
    owner = garment.owner
    return owner if owner is not None and owner.kind is not Kind.PART else None


def _stays_put(lexicon: Lexicon, mention: Mention) -> bool:
    """Whether it is a thing that cannot move by itself, such as a tree."""
    thing = lexicon.subjects.get(mention.name) if mention.kind is Kind.THING else None
    return thing is not None and not thing.mobile


def give(owner: Mention, verb: Verb) -> None:
    """Give the verb to its owner, and to those that an "and" joins to it before either had a verb."""
    owner.verbs.append(verb)
    joined = owner
    while joined.link == "and" and joined.owner is not None and not joined.owner.verbs:
        joined = joined.owner
        joined.verbs.append(verb)
