"""Makes the puppets of all actors: pictures of things and animals, drawn figures of people, in their drawing order."""

import random
from typing import Protocol

from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.canvas import Canvas
from wanserve.engine.animatic.color import rgb
from wanserve.engine.animatic.motion import Actor, MotionContext, Pose
from wanserve.engine.animatic.people.look import choose_look
from wanserve.engine.animatic.people.person import Person
from wanserve.engine.animatic.puppet import TINTS, Puppet
from wanserve.engine.animatic.scene import Motion
from wanserve.engine.animatic.scenery.elements import Scenery

SEEN_FROM_THE_SIDE = frozenset(
    {Motion.WALK, Motion.RUN, Motion.SWIM, Motion.CRAWL, Motion.RIDE, Motion.ROW, Motion.SKATE, Motion.LIE, Motion.FLY}
)


class Drawn(Protocol):
    """An actor on the canvas."""

    def draw(self, pose: Pose, context: MotionContext, t: float) -> None:
        """Move all parts to the pose."""


class PersonPuppet:
    """A person as an actor."""

    def __init__(self, canvas: Canvas, pack: ArtPack, actor: Actor, scenery: Scenery) -> None:
        assert actor.person is not None, "only people are drawn as people"
        rng = random.Random(actor.look)
        clothes = rgb(TINTS[actor.color]) if actor.color in TINTS else None
        hair = rgb(TINTS[actor.person.hair]) if actor.person.hair in TINTS else None
        look = choose_look(actor.person.who, actor.person.outfit, rng, clothes, hair)
        held = pack[actor.holds.art] if actor.holds and actor.holds.art in pack else None
        held_height = min(0.7, actor.holds.metres / 1.5) if actor.holds else 0.0
        side = actor.motion in SEEN_FROM_THE_SIDE
        self.actor = actor
        self.person = Person(
            canvas, look, actor.size, actor.motion.value, actor.action, "side" if side else "front", actor.facing,
            light=scenery.light, rim=scenery.rim, shadow=scenery.shadow if actor.base is None else 0.0, held=held,
            held_height=held_height, phase=actor.phase,
        )  # fmt: skip

    def draw(self, pose: Pose, context: MotionContext, t: float) -> None:
        """Move all parts to the pose."""
        self.person.draw(pose, context.ground + self.actor.row, t)


def draw_cast(canvas: Canvas, pack: ArtPack, actors: list[Actor], scenery: Scenery, hidden: frozenset[int]) -> list[tuple[int, Drawn]]:
    """Add all actors to the canvas, the farthest first; what is inside of something before that. Each with its index.

    Those of the leads in `hidden` are left out.
    """
    drawn: list[tuple[int, Drawn]] = []
    for index in sorted(range(len(actors)), key=lambda i: _depth(actors, i)):
        actor = actors[index]
        if actor.lead in hidden:
            continue
        person = actor.person is not None and actor.art not in pack
        puppet: Drawn = PersonPuppet(canvas, pack, actor, scenery) if person else Puppet(canvas, pack[actor.art] if actor.art in pack else pack["package"], actor, scenery, actor.color)
        drawn.append((index, puppet))
    return drawn


def _depth(actors: list[Actor], index: int) -> tuple[float, int]:
    """The order of drawing: by row, and beside its carrier what is carried."""
    actor = actors[index]
    if actor.base is None:
        return actor.row, 2 * index
    _, at = _depth(actors, actor.base)
    row = actors[actor.base].row
    return row, at - 1 if actor.behind_base else at + 1
