"""Finds out who is given what: "a man gives a flower to a woman", 男孩把花递给女孩. Pure."""

from wanserve.engine.animatic.plot.mentions import Findings, Kind, Mention

GIVE = "give"
"""The verb, and the link of whom something is given to."""


def hand_over(findings: Findings) -> None:
    """Hang whom something is given to on the giver, and put what is given into the giver's hands."""
    for at, mention in enumerate(findings.mentions):
        giver = _giver(mention)
        if giver is None or giver is mention:
            continue
        mention.link, mention.owner = GIVE, giver
        following = findings.mentions[at + 1] if at + 1 < len(findings.mentions) else None
        if following is not None and _is_given(following, mention):
            following.link, following.owner, following.verb = "hold", giver, mention.verb


def _giver(mention: Mention) -> Mention | None:
    """Who gives something to this one, which is a person or an animal; None where nobody does."""
    owner = mention.owner
    if owner is None or mention.kind not in (Kind.PERSON, Kind.THING):
        return None
    if mention.link == "prep" and _is_gift(owner):
        return owner.owner
    to_person = mention.kind is Kind.PERSON and _is_gift(mention)
    return owner if to_person else None


def _is_gift(mention: Mention) -> bool:
    """Whether it is the object of giving."""
    return mention.link == "hold" and mention.verb is not None and mention.verb.name == GIVE


def _is_given(thing: Mention, receiver: Mention) -> bool:
    """Whether a thing that is named after the receiver is what that one gets: "gives the girl a flower"."""
    hangs = thing.owner is receiver or (thing.owner is None and thing.link == "")
    here = thing.sentence == receiver.sentence and thing.clause == receiver.clause
    return thing.kind is Kind.THING and hangs and here and not thing.verbs
