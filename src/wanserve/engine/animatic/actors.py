"""Places the subjects of a storyboard side by side, each with its own size, and shrinks them until all fit."""

import random
from dataclasses import dataclass, replace

from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import Actor
from wanserve.engine.animatic.puppet import art_name, relative_width
from wanserve.engine.animatic.storyboard import Storyboard, SubjectGroup

SPACING = 1.08
"""The width reserved for a subject, as a multiple of its own width."""


@dataclass(frozen=True, slots=True)
class PlacedActor:
    """An actor at its position, and the name of its colour; "" for its natural colour."""

    actor: Actor
    color: str


def place_actors(board: Storyboard, geometry: Geometry, rng: random.Random, pack: ArtPack) -> list[PlacedActor]:
    """Place all subjects in the frame. The first one walks behind the others: "a dog chasing a cat"."""
    facing = board.direction[0] or rng.choice((-1, 1))
    sized = [_new_actor(group, i, board, geometry, rng) for group in board.groups for i in range(group.count)]
    actors = [PlacedActor(replace(p.actor, facing=facing), p.color) for p in sized]
    widths = [p.actor.size * relative_width(p.actor, pack[art_name(p.actor)]) * SPACING for p in actors]
    few = len(actors) < 3
    shrink = min(1.0, geometry.width * (0.67 if few else 0.9) / max(1.0, sum(widths)))
    start = geometry.width * (0.5 + rng.uniform(-0.04, 0.04) - (0.05 if few else 0.0)) - sum(widths) * shrink / 2
    placed = []
    for each, width in zip(actors, widths, strict=True):
        middle = start + width * shrink / 2
        x = middle if facing > 0 else geometry.width - middle
        start += width * shrink
        placed.append(PlacedActor(replace(each.actor, x=x, size=each.actor.size * shrink), each.color))
    return placed


def _new_actor(group: SubjectGroup, nth: int, board: Storyboard, geometry: Geometry, rng: random.Random) -> PlacedActor:
    """The nth actor of a group, not yet placed. Only the first has full size. Small subjects are enlarged a little."""
    growth = 1.0 if nth == 0 else rng.uniform(0.82, 0.96)
    size = 0.98 * geometry.unit * group.subject.size**0.85 * growth
    return PlacedActor(Actor(group.subject, board.motion, size, 0.0, 1, rng.random(), board.direction), group.color)
