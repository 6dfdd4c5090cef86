"""Tells how much room an actor takes: its width and height in pixels."""

from wanserve.engine.animatic.actor import Actor
from wanserve.engine.animatic.art import ArtPack, Light
from wanserve.engine.animatic.body import draw_body
from wanserve.engine.animatic.color import BLACK
from wanserve.engine.animatic.people.person import extent as person_extent

PERSON_WIDTH = 0.42
"""The width of a person with a little room, as a fraction of the height."""


def extent(actor: Actor, pack: ArtPack) -> tuple[float, float]:
    """The width and the height of an actor at rest, in pixels."""
    if actor.subject.body:
        return draw_body(actor.subject.body, BLACK, BLACK, Light(BLACK, BLACK)).width * actor.size, actor.size
    if actor.person is not None and actor.art not in pack:
        width, height = person_extent(actor.motion.value, actor.person.who)
        return max(PERSON_WIDTH, width) * actor.size, height * actor.size
    art = pack[actor.art]
    return actor.size * art.width / art.height, actor.size
