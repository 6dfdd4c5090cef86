"""Makes the puppets of all actors: pictures of things and animals, drawn figures of people, in their drawing order."""

import math
import random
from typing import Protocol

from wanserve.engine.animatic.actor import ALWAYS, Actor, MotionContext, Pose
from wanserve.engine.animatic.art import Art, ArtPack
from wanserve.engine.animatic.canvas import Canvas
from wanserve.engine.animatic.color import BLACK, rgb
from wanserve.engine.animatic.drawing import scaling, shear, translation
from wanserve.engine.animatic.people.look import choose_look
from wanserve.engine.animatic.people.person import Person
from wanserve.engine.animatic.puppet import TINTS, Puppet
from wanserve.engine.animatic.scene import Motion
from wanserve.engine.animatic.scenery.elements import Scenery

SEEN_FROM_THE_SIDE = frozenset(
    {Motion.WALK, Motion.RUN, Motion.SWIM, Motion.CRAWL, Motion.RIDE, Motion.ROW, Motion.SKATE, Motion.LIE, Motion.FLY}
)


ALOFT = frozenset({Motion.FLY, Motion.JUMP, Motion.FALL, Motion.FLOAT})


HANDING = 0.06
"""How long a thing takes from hand to hand, as a fraction of the clip."""


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
        side = actor.motion in SEEN_FROM_THE_SIDE or actor.held != ALWAYS
        self.actor = actor
        self.person = Person(
            canvas, look, actor.size, actor.motion.value, actor.action, "side" if side else "front", actor.facing,
            light=scenery.light, rim=scenery.rim, shadow=scenery.shadow if actor.base is None else 0.0, held=held,
            held_height=held_height, phase=actor.phase,
        )  # fmt: skip

    def draw(self, pose: Pose, context: MotionContext, t: float) -> None:
        """Move all parts to the pose."""
        self.person.draw(pose, context.ground + self.actor.row, t)
        begins, ends = self.actor.held
        if (begins, ends) != ALWAYS:
            share = t / context.seconds
            self.person.fade_held(min(share - begins, ends - share) / HANDING + 0.5)


def draw_cast(
    canvas: Canvas, pack: ArtPack, actors: list[Actor], scenery: Scenery, hidden: frozenset[int]
) -> list[tuple[int, Drawn]]:
    """Add all actors to the canvas, the farthest first; what is inside of something before that. Each with its index.

    Those of the leads in `hidden` are left out.
    """
    drawn: list[tuple[int, Drawn]] = []
    for index in sorted(range(len(actors)), key=lambda i: _depth(actors, i)):
        actor = actors[index]
        if actor.lead in hidden:
            continue
        person = actor.person is not None and actor.art not in pack
        puppet: Drawn = (
            PersonPuppet(canvas, pack, actor, scenery)
            if person
            else Puppet(canvas, pack[actor.art], actor, scenery, actor.color)
        )
        drawn.append((index, puppet))
    return drawn


class Reflection:
    """A puppet's image in the water below it: dark, flat, and swaying with the waves."""

    def __init__(self, canvas: Canvas, art: Art, actor: Actor, scenery: Scenery) -> None:
        self.art, self.actor = art, actor
        self.part = canvas.add_art(art.silhouette(scenery.light.shade.mixed(BLACK, 0.45)))
        self.part.fade(0.2)

    def draw(self, pose: Pose, context: MotionContext, t: float) -> None:
        """Move the image under the puppet."""
        size = self.actor.size
        flip = -1.0 if pose.facing != self.actor.subject.faces else 1.0
        wave = 0.1 * math.sin(math.tau * (t / 1.9 + self.actor.phase))
        line = context.ground - min(0.0, self.actor.raised)
        flat = scaling(size * flip, -0.55 * size).then(shear(wave))
        self.part.place(self.art.fit().then(flat).then(translation(pose.x, line + 0.02 * size)))


def reflect(
    canvas: Canvas, pack: ArtPack, actors: list[Actor], scenery: Scenery, hidden: frozenset[int]
) -> list[tuple[int, Drawn]]:
    """Add the reflections of what is on the water; none on land. Each with the index of its actor."""
    if not scenery.water:
        return []
    return [
        (i, Reflection(canvas, pack[a.art], a, scenery))
        for i, a in enumerate(actors)
        if a.base is None and a.art in pack and a.lead not in hidden and a.motion not in ALOFT and not a.subject.body
    ]


def _depth(actors: list[Actor], index: int) -> tuple[float, int]:
    """The order of drawing: by row, and beside its carrier what is carried."""
    actor = actors[index]
    if actor.base is None:
        return actor.row, 2 * index
    _, at = _depth(actors, actor.base)
    row = actors[actor.base].row
    return row, at - 1 if actor.behind_base else at + 1
