"""Knows who stands where: the subjects of a storyboard side by side, each of its size, shrunk until all fit."""

import random
from dataclasses import dataclass, replace

from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import Actor
from wanserve.engine.animatic.puppet import figure, figure_width
from wanserve.engine.animatic.storyboard import Cast, Storyboard

GAP = 1.08
"""How much wider than itself the place of a subject is."""


@dataclass(frozen=True, slots=True)
class Player:
    """An actor in its place, and the name of its colour, "" for its own."""

    actor: Actor
    color: str


def cast_players(board: Storyboard, geometry: Geometry, dice: random.Random, pack: ArtPack) -> list[Player]:
    """Place all subjects on the stage, the first one last on their way: a dog chasing a cat is behind it."""
    way = board.direction[0] or dice.choice((-1, 1))
    sized = [_sized(cast, i, board, geometry, dice) for cast in board.casts for i in range(cast.count)]
    players = [Player(replace(p.actor, facing=way), p.color) for p in sized]
    places = [p.actor.size * figure_width(p.actor, pack[figure(p.actor)]) * GAP for p in players]
    few = len(players) < 3
    shrink = min(1.0, geometry.width * (0.67 if few else 0.9) / max(1.0, sum(places)))
    start = geometry.width * (0.5 + dice.uniform(-0.04, 0.04) - (0.05 if few else 0.0)) - sum(places) * shrink / 2
    placed = []
    for player, place in zip(players, places, strict=True):
        ahead = start + place * shrink / 2
        x = ahead if way > 0 else geometry.width - ahead
        start += place * shrink
        placed.append(Player(replace(player.actor, x=x, size=player.actor.size * shrink), player.color))
    return placed


def _sized(cast: Cast, nth: int, board: Storyboard, geometry: Geometry, dice: random.Random) -> Player:
    """The nth of its kind, at no place yet; the first alone is full-grown. Small ones are drawn a little large."""
    grown = 1.0 if nth == 0 else dice.uniform(0.82, 0.96)
    size = 0.98 * geometry.unit * cast.subject.size**0.85 * grown
    return Player(Actor(cast.subject, board.motion, size, 0.0, 1, dice.random(), board.direction), cast.color)
